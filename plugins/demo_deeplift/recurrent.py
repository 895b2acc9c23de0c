"""DeepLIFT rules of LSTM, GRU and plain recurrent layers: one direction of one layer, all positions.

Sigmoid and tanh have the rescale rule, products of gates and states the midpoint rule. Tensors are (positions, batch,
units); ``h`` is the state, ``c`` the cell state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


@dataclass
class Weights:
    """Weights of one direction of one layer: (gates * units, C), (gates * units, units), and both biases or None."""

    of_input: Tensor
    of_state: Tensor
    input_bias: Tensor | None
    state_bias: Tensor | None

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.of_state.shape[1]


class Cell(Protocol):
    """A recurrent layer's arithmetic.

    ``run`` returns the states (L + 1, B, units), the first being the initial state; the last cell state; and what
    ``multipliers`` needs. ``multipliers`` returns those of the sums that enter the gates, and of both initial states.
    """

    def run(self, x: Tensor, h: Tensor, c: Tensor, weights: Weights) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]: ...

    def multipliers(
        self, one: tuple[Tensor, ...], other: tuple[Tensor, ...], upper: Tensor, upper_c: Tensor, weights: Weights
    ) -> tuple[Tensor, Tensor, Tensor]: ...


class Lstm:
    """Long short-term memory: gates i, f, g, o in PyTorch's order."""

    def run(self, x: Tensor, h: Tensor, c: Tensor, weights: Weights) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        units, length = weights.units, len(x)
        before = functional.linear(x, weights.of_input, _sum(weights.input_bias, weights.state_bias))
        gates = torch.empty_like(before)
        states = torch.empty(length + 1, *h.shape, dtype=x.dtype, device=x.device)
        cells, squashed = torch.empty_like(states), torch.empty_like(states[1:])
        states[0], cells[0] = h, c
        turned = weights.of_state.t()
        for t in range(length):
            before[t].addmm_(states[t], turned)
            torch.sigmoid(before[t], out=gates[t])
            torch.tanh(before[t, :, 2 * units : 3 * units], out=gates[t, :, 2 * units : 3 * units])
            i, f, g, o = gates[t].chunk(4, dim=1)
            torch.addcmul(f * cells[t], i, g, out=cells[t + 1])
            torch.tanh(cells[t + 1], out=squashed[t])
            torch.mul(o, squashed[t], out=states[t + 1])
        return states, cells[-1], (before, gates, cells, squashed)

    def multipliers(
        self, one: tuple[Tensor, ...], other: tuple[Tensor, ...], upper: Tensor, upper_c: Tensor, weights: Weights
    ) -> tuple[Tensor, Tensor, Tensor]:
        (before, gates, cells, squashed), (before0, gates0, cells0, squashed0) = one, other
        units, change = weights.units, before - before0
        slopes = _sigmoid_slope(gates, gates0, change)
        inside = slice(2 * units, 3 * units)
        slopes[..., inside] = _tanh_slope(gates[..., inside], gates0[..., inside], change[..., inside])
        of_cell = _tanh_slope(squashed, squashed0, (cells - cells0)[1:])
        i, f, g, o = (gates + gates0).div_(2).chunk(4, dim=2)
        held, shown = torch.lerp(cells0, cells, 0.5), torch.lerp(squashed0, squashed, 0.5)
        to_cell, found = o * of_cell, torch.empty_like(before)
        h, c = torch.zeros_like(upper[0]), upper_c
        for t in reversed(range(len(before))):
            h = upper[t] + h
            c = torch.addcmul(c, h, to_cell[t])
            torch.cat([c * g[t], c * held[t], c * i[t], h * shown[t]], dim=1, out=found[t])
            found[t] *= slopes[t]
            c = c * f[t]
            h = found[t] @ weights.of_state
        return found, h, c


class Gru:
    """Gated recurrent unit: gates r, z, n in PyTorch's order."""

    def run(self, x: Tensor, h: Tensor, c: Tensor, weights: Weights) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        units, length = weights.units, len(x)
        of_x = functional.linear(x, weights.of_input, weights.input_bias)
        states = torch.empty(length + 1, *h.shape, dtype=x.dtype, device=x.device)
        before, gates = torch.empty_like(of_x), torch.empty_like(of_x)
        inner = torch.empty_like(states[1:])
        states[0] = h
        for t in range(length):
            of_h = functional.linear(states[t], weights.of_state, weights.state_bias)
            inner[t] = of_h[:, 2 * units :]
            before[t, :, : 2 * units] = of_x[t, :, : 2 * units] + of_h[:, : 2 * units]
            r, z = torch.sigmoid(before[t, :, : 2 * units]).chunk(2, dim=1)
            before[t, :, 2 * units :] = of_x[t, :, 2 * units :] + r * inner[t]
            n = torch.tanh(before[t, :, 2 * units :])
            gates[t] = torch.cat([r, z, n], dim=1)
            states[t + 1] = (1 - z) * n + z * states[t]
        return states, c, (before, gates, inner, states)

    def multipliers(
        self, one: tuple[Tensor, ...], other: tuple[Tensor, ...], upper: Tensor, upper_c: Tensor, weights: Weights
    ) -> tuple[Tensor, Tensor, Tensor]:
        (before, gates, inner, states), (before0, gates0, inner0, states0) = one, other
        units, change = weights.units, before - before0
        slopes = _sigmoid_slope(gates, gates0, change)
        last = slice(2 * units, 3 * units)
        slopes[..., last] = _tanh_slope(gates[..., last], gates0[..., last], change[..., last])
        r, z, n = ((gates + gates0) / 2).chunk(3, dim=2)
        held, within = torch.lerp(states0, states, 0.5), torch.lerp(inner0, inner, 0.5)
        found = torch.empty_like(before)
        h = torch.zeros_like(upper[0])
        for t in reversed(range(len(before))):
            h = upper[t] + h
            of_n = h * (1 - z[t]) * slopes[t, :, last]
            of_r = of_n * within[t] * slopes[t, :, :units]
            of_z = h * (held[t] - n[t]) * slopes[t, :, units : 2 * units]
            torch.cat([of_r, of_z, of_n], dim=1, out=found[t])
            h = h * z[t] + torch.cat([of_r, of_z, of_n * r[t]], dim=1) @ weights.of_state
        return found, h, upper_c


@dataclass
class Plain:
    """Recurrent layer without gates; its activation is tanh or ReLU."""

    activation: str

    def run(self, x: Tensor, h: Tensor, c: Tensor, weights: Weights) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        before = functional.linear(x, weights.of_input, _sum(weights.input_bias, weights.state_bias))
        states = torch.empty(len(x) + 1, *h.shape, dtype=x.dtype, device=x.device)
        states[0] = h
        for t in range(len(x)):
            before[t].addmm_(states[t], weights.of_state.t())
            states[t + 1] = torch.tanh(before[t]) if self.activation == "tanh" else before[t].relu()
        return states, c, (before, states)

    def multipliers(
        self, one: tuple[Tensor, ...], other: tuple[Tensor, ...], upper: Tensor, upper_c: Tensor, weights: Weights
    ) -> tuple[Tensor, Tensor, Tensor]:
        (before, states), (before0, states0) = one, other
        change = before - before0
        if self.activation == "tanh":
            slopes = _tanh_slope(states[1:], states0[1:], change)
        else:
            same = change == 0
            slopes = torch.where(same, (before > 0).to(change), (states - states0)[1:] / change.masked_fill(same, 1))
        found, h = torch.empty_like(before), torch.zeros_like(upper[0])
        for t in reversed(range(len(before))):
            torch.mul(upper[t] + h, slopes[t], out=found[t])
            h = found[t] @ weights.of_state
        return found, h, upper_c


@dataclass
class Saved:
    """Intermediate values of the references' pass."""

    numbers: tuple[Tensor, ...]


class Recurrence(torch.autograd.Function):
    """States (L, B, units) of a recurrent layer, and its last state and cell state (B, units)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, c: Tensor, cell: Cell, weights: Weights, reference: Saved
    ) -> tuple[Tensor, Tensor, Tensor]:
        states, last, numbers = cell.run(x, h, c, weights)
        ctx.cell, ctx.weights, ctx.numbers, ctx.reference = cell, weights, numbers, reference.numbers
        return states[1:].clone(), states[-1].clone(), last.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upper: Tensor, upper_h: Tensor, upper_c: Tensor) -> tuple[Tensor | None, ...]:
        upper = upper.clone()
        upper[-1] += upper_h
        found, h, c = ctx.cell.multipliers(ctx.numbers, ctx.reference, upper, upper_c, ctx.weights)
        return found @ ctx.weights.of_input, h, c, None, None, None


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return one if other is None or one is None else one + other


def _tanh_slope(y: Tensor, y0: Tensor, change: Tensor) -> Tensor:
    """Return (y - y0) / change; for small changes by tanh a - tanh b = tanh(a - b) (1 - tanh a tanh b)."""
    near = change.abs() < 1
    ratio = torch.where(change == 0, 1.0, torch.tanh(change) / change.masked_fill(change == 0, 1))
    return torch.where(near, (1 - y * y0) * ratio, (y - y0) / change.masked_fill(near, 1))


def _sigmoid_slope(y: Tensor, y0: Tensor, change: Tensor) -> Tensor:
    """Return (y - y0) / change, by sigmoid(x) = (1 + tanh(x / 2)) / 2."""
    near = change.abs() < 1
    half = change / 2
    ratio = torch.where(change == 0, 1.0, torch.tanh(half) / half.masked_fill(change == 0, 1))
    close = (y * (1 - y0) + y0 * (1 - y)) / 2 * ratio
    return torch.where(near, close, (y - y0) / change.masked_fill(near, 1))
