"""Run a network on references, then on sequences; the backward pass of the latter returns multipliers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor

from demo_deeplift.recurrent import Cell, Recurrence, Saved, Weights
from demo_deeplift.rules import Bilinear, Elementwise, Integrated, Maximum, Midpoint, Pooling, Rescale, Softmax

#: States (L, B, units), and the last state and cell state (B, units).
States = tuple[Tensor, Tensor, Tensor]


class NoRuleError(Exception):
    """Raised by a rule for arguments that it does not handle."""


class OtherOperationsError(Exception):
    """A pass called other operations than the pass before."""


class Pair:
    """Operations with rules. The references' pass records, and the sequences' pass reads in the same order.

    Parameters
    ----------
    keep
        Whether to copy what is recorded, because the network modifies tensors in place.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._recorded: deque[tuple[Tensor, ...]] = deque()
        self._keep = keep
        #: Whether the pass is that of the references
        self.on_references = True

    def elementwise(self, function: Elementwise, x: Tensor, *, smooth: bool = True) -> Tensor:
        """Return ``function(x)``, with the rescale rule; ``smooth`` unless it consists of straight lines."""
        if self.on_references:
            y = function(x)
            self._record(x, y)
            return y
        x0, y0 = self._recorded.popleft()
        return self._own(_apply(Rescale, self._own(x), function, x0, y0, smooth))

    def product(self, function: Bilinear, a: Tensor, b: Tensor) -> Tensor:
        """Return ``function(a, b)``, which is linear in a and in b."""
        if self.on_references:
            self._record(a, b)
            return function(a, b)
        a0, b0 = self._recorded.popleft()
        return _apply(Midpoint, self._own(a), self._own(b), function, a0, b0)

    def maximum(self, function: Pooling, x: Tensor) -> Tensor:
        """Return maxima (R, K) of values (R, N)."""
        if self.on_references:
            y, index = function(x)
            self._record(x, y, index)
            return y
        return self._own(_apply(Maximum, self._own(x), function, *self._recorded.popleft()))

    def softmax(self, x: Tensor, dim: int) -> Tensor:
        """Return the softmax over a dimension."""
        if self.on_references:
            self._record(x)
            return x.softmax(dim)
        return _apply(Softmax, self._own(x), dim, *self._recorded.popleft())

    def recurrence(self, x: Tensor, h: Tensor, c: Tensor, cell: Cell, weights: Weights) -> States:
        """Return states (L, B, units) of x (L, B, C), and the last state and cell state (B, units)."""
        if self.on_references:
            states, last, numbers = cell.run(x, h, c, weights)
            self._recorded.append(numbers)
            return self._own(states[1:]), self._own(states[-1]), self._own(last)
        found: States = _apply_to_many(Recurrence, x, h, c, cell, weights, Saved(self._recorded.popleft()))
        return found

    def integrated(self, function: Callable[..., tuple[Tensor, ...]], inputs: list[Tensor]) -> tuple[Tensor, ...]:
        """Return ``function(*inputs)``, with multipliers from numerical integration."""
        if self.on_references:
            self._record(*inputs)
            return function(*inputs)
        own = [self._own(x) for x in inputs]
        found: tuple[Tensor, ...] = _apply_to_many(Integrated, function, self._recorded.popleft(), *own)
        return found

    def sequences(self) -> None:
        """Begin the pass of the sequences."""
        self.on_references = False

    def _record(self, *tensors: Tensor) -> None:
        self._recorded.append(tuple(t.clone() for t in tensors) if self._keep else tensors)

    def _own(self, x: Tensor) -> Tensor:
        return x.clone() if self._keep else x


class Rehearsal(Pair):
    """A single pass that finds which operations have rules; each sequence is its own reference."""

    def __init__(self) -> None:
        super().__init__()
        self.on_references = False

    def elementwise(self, function: Elementwise, x: Tensor, *, smooth: bool = True) -> Tensor:
        """Return ``function(x)``."""
        self._record(x.detach(), x.detach())
        return super().elementwise(function, x, smooth=smooth)

    def product(self, function: Bilinear, a: Tensor, b: Tensor) -> Tensor:
        """Return ``function(a, b)``."""
        self._record(a.detach(), b.detach())
        return super().product(function, a, b)

    def maximum(self, function: Pooling, x: Tensor) -> Tensor:
        """Return maxima."""
        self._record(x.detach(), x.detach(), x.detach())
        return super().maximum(function, x)

    def softmax(self, x: Tensor, dim: int) -> Tensor:
        """Return the softmax."""
        self._record(x.detach())
        return super().softmax(x, dim)

    def recurrence(self, x: Tensor, h: Tensor, c: Tensor, cell: Cell, weights: Weights) -> States:
        """Return states."""
        self._record()
        return super().recurrence(x, h, c, cell, weights)

    def integrated(self, function: Callable[..., tuple[Tensor, ...]], inputs: list[Tensor]) -> tuple[Tensor, ...]:
        """Return ``function(*inputs)``."""
        self._record()
        return super().integrated(function, inputs)


def _apply(rule: type[torch.autograd.Function], *args: Any) -> Tensor:
    return cast("Tensor", rule.apply(*args))  # type: ignore[no-untyped-call]


def _apply_to_many(rule: type[torch.autograd.Function], *args: Any) -> Any:
    return rule.apply(*args)  # type: ignore[no-untyped-call]


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists and dictionaries."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, tuple | list):
        for value in values:
            yield from tensors_in(value)
    elif isinstance(values, dict):
        yield from tensors_in(list(values.values()))


def with_tensors(values: Any, new: Iterator[Tensor]) -> Any:
    """Return nested tuples, lists and dictionaries with other tensors, in the order of ``tensors_in``."""
    if isinstance(values, Tensor):
        return next(new)
    if isinstance(values, tuple | list):
        return type(values)([with_tensors(value, new) for value in values])
    if isinstance(values, dict):
        return {name: with_tensors(value, new) for name, value in values.items()}
    return values
