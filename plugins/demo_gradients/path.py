"""Path integrals of gradients, refined where the error is largest.

The difference of the target between both ends of an interval is known. It equals the integral of the gradient over the
interval, so the error of each interval is known too. Intervals with large errors are divided. A network of ReLU and
maxima has kinks along the path: division finds each kink in a few steps; equal steps would need many more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from demo_core import Model, Target
from demo_core.models import outputs_and_gradients
from demo_core.results import SMALL_DIFFERENCE

#: Memory limit, in bytes, of the initial gradients of the paths computed together.
_HELD = 16 << 20
#: Errors below this fraction of the outputs are rounding noise, and are not refined.
_NOISE = 1e-5
#: How often the limit of an interval may be lowered.
_TIGHTENED = 4


@dataclass
class Integral:
    """Result of ``integrate``.

    Parameters
    ----------
    gradient
        (P, A, L), mean gradient of each path.
    outputs
        (P, T), outputs at the end of each path.
    start
        (P,), target at the start of each path.
    evaluations
        (P,), number of gradients of each path.
    """

    gradient: Tensor
    outputs: Tensor
    start: Tensor
    evaluations: Tensor


def integrate(
    model: Model, x: Tensor, reference: Tensor, target: Target, *, group: int, steps: int, most: int, tolerance: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Integral:  # fmt: skip
    """Return the mean gradient on the straight path from each reference to its input.

    Method: the midpoint rule; intervals with large errors are divided into thirds, whose middle one keeps its
    gradient. No gradient is computed at the ends of a path, where windows of equal letters tie for a maximum.

    Parameters
    ----------
    model
        A model with gradients.
    x, reference
        (P, A, L), both ends of each path.
    target
        Target, bound to the P rows if it is the loss.
    group
        Number of consecutive paths that share one completeness error: those of one sequence.
    steps, most
        Number of intervals of a path at first, and of its gradients at most.
    tolerance
        Completeness error of a group, as a fraction of its output difference, at which refinement ends.
    progress
        Called with the numbers of finished and of all paths.
    """
    bytes_of_group = x[0].numel() * x.element_size() * steps * group
    size = group * max(1, _HELD // max(1, bytes_of_group))
    found = []
    for first in range(0, len(x), size):
        rows = slice(first, first + size)
        paths = _Paths(model, x[rows], reference[rows], target.rows(rows), group, tolerance)
        paths.divide(steps)
        while paths.refine(most):
            pass
        found.append(paths.integral())
        progress(min(first + size, len(x)), len(x))
    return Integral(*(torch.cat([getattr(one, f.name) for one in found]) for f in fields(Integral)))


def _add_to(sums: Tensor, index: Tensor, values: Tensor) -> None:
    """Add values to the rows of ``index``, which may repeat; in the same order in every run, also on CUDA."""
    sums.index_put_((index,), values, accumulate=True)


@dataclass
class _Intervals:
    """Intervals of all paths."""

    path: Tensor
    #: Weight of this interval in the result; its subintervals have the rest
    weight: Tensor
    #: Left end and width, as fractions of the path
    left: Tensor
    width: Tensor
    #: Target at both ends
    first: Tensor
    last: Tensor
    #: Index of the midpoint
    middle: Tensor
    #: Midpoint rule minus the known difference, times the weight
    error: Tensor

    def take(self, some: Tensor) -> _Intervals:
        return _Intervals(*(getattr(self, f.name)[some] for f in fields(self)))

    def joined(self, *others: _Intervals) -> _Intervals:
        return _Intervals(*(torch.cat([getattr(one, f.name) for one in (self, *others)]) for f in fields(self)))


class _Paths:
    """Paths that are integrated at the same time. Interval data are double precision; gradients are not."""

    def __init__(
        self, model: Model, x: Tensor, reference: Tensor, target: Target, group: int, tolerance: float
    ) -> None:
        self._model, self._reference, self._difference, self._target = model, reference, x - reference, target
        self._paths = torch.arange(len(x), device=x.device)
        self._group, self._n_groups = self._paths // group, len(x) // group
        self._tolerance, self._tightened = tolerance, 0
        #: Derivative along the path of each point, and gradients with room for more
        self._slopes, self._gradients = x.new_empty(0).double(), x[:0]

    def divide(self, steps: int) -> None:
        """Divide each path into equal intervals."""
        width = torch.full_like(self._paths, 1 / steps, dtype=torch.float64)
        ends = [self._outputs(self._paths, width * k) for k in range(steps + 1)]
        values = [self._target(outputs).double() for outputs in ends]
        points = [self._add(self._paths, width * (k + 0.5)) for k in range(steps)]
        one = torch.ones_like(width)
        made = [
            self._interval(self._paths, one, width * k, width, values[k], values[k + 1], points[k])
            for k in range(steps)
        ]
        self._intervals = made[0].joined(*made[1:])
        self._start, self._end, self._outputs_at_end = values[0], values[-1], ends[-1]
        self._integral = torch.stack([self._gradients[p] for p in points]).sum(dim=0) / steps
        self._evaluations = torch.full_like(self._paths, steps)
        at_each_base = self._of_groups((self._integral * self._difference).sum(dim=1, dtype=torch.float64))
        sizes = SMALL_DIFFERENCE * at_each_base.abs().sum(dim=1)
        self._limit = self._tolerance * self._of_groups(self._end - self._start).abs().maximum(sizes)
        # errors of both signs cancel: the sum of n errors grows with the root of n
        each = (steps * len(self._paths) / self._n_groups) ** 0.5
        noise = _NOISE * self._of_groups(self._start.abs() + self._end.abs()) * self._n_groups / len(self._paths)
        self._fair = (self._limit / each).maximum(noise)
        self._limit = self._limit.maximum(noise * each)

    def refine(self, most: int) -> bool:
        """Divide intervals with large errors into thirds. Return whether there were any.

        An interval whose error is twice the limit of an interval or more is replaced by its thirds. Below, the thirds
        get a part of its weight, which vanishes at the limit. The result is therefore a continuous function of the
        errors, and changes little if they are rounded differently.
        """
        chosen = self._with_large_errors(most)
        if not len(chosen):
            return self._tighten(most)
        every = self._intervals.take(chosen)
        moved = (every.error.abs() / self._fair[self._group[every.path]] - 1).clamp(max=1)
        third, weight = every.width / 3, every.weight * moved
        near, far = every.left + third, every.left + 2 * third
        inner = [self._values(every.path, near), self._values(every.path, far)]
        added = [self._add(every.path, every.left + third / 2), self._add(every.path, far + third / 2)]
        change = self._gradients[added[0]] + self._gradients[added[1]] - 2 * self._gradients[every.middle]
        _add_to(self._integral, every.path, (weight * third).to(change.dtype)[:, None, None] * change)
        _add_to(self._evaluations, every.path, torch.full_like(every.path, 2))
        self._intervals.weight[chosen] *= 1 - moved
        self._intervals.error[chosen] *= 1 - moved
        self._intervals = self._intervals.take(self._intervals.weight.nonzero().squeeze(1)).joined(
            self._interval(every.path, weight, every.left, third, every.first, inner[0], added[0]),
            self._interval(every.path, weight, near, third, inner[0], inner[1], every.middle),
            self._interval(every.path, weight, far, third, inner[1], every.last, added[1]),
        )
        return True

    def _tighten(self, most: int) -> bool:
        """Lower the limit of each interval in groups that still exceed theirs. Return whether there were any."""
        self._tightened += 1
        if self._tightened > _TIGHTENED:
            return False
        group = self._group[self._intervals.path]
        errors = torch.zeros_like(self._limit)
        _add_to(errors, group, self._intervals.error)
        excess = (errors.abs() / self._limit - 1).clamp(0, 1)  # little excess lowers the limit a little
        self._fair = self._fair / 4**excess
        free = torch.zeros_like(excess, dtype=torch.bool)
        free[self._group[self._evaluations + 2 <= most]] = True
        return bool((free & (excess > 0)).any())

    def integral(self) -> Integral:
        """Return the result."""
        return Integral(self._integral, self._outputs_at_end, self._start.to(self._difference.dtype), self._evaluations)

    def _with_large_errors(self, most: int) -> Tensor:
        """Return the numbers of intervals to divide."""
        every, sizes = self._intervals, self._intervals.error.abs()
        free = (most - self._evaluations) // 2
        large = sizes > self._fair[self._group[every.path]]
        chosen = (large & (free > 0)[every.path]).nonzero().squeeze(1)
        # those with the largest errors first, if a path may not divide all of them
        chosen = chosen[sizes[chosen].argsort(descending=True, stable=True)]
        chosen = chosen[every.path[chosen].argsort(stable=True)]
        path = every.path[chosen]
        rank = torch.arange(len(chosen), device=chosen.device) - torch.searchsorted(path, path)
        fitting: Tensor = chosen[rank < free[path]]
        return fitting

    def _of_groups(self, of_paths: Tensor) -> Tensor:
        """Return the sum of each group."""
        return of_paths.reshape(self._n_groups, -1, *of_paths.shape[1:]).sum(dim=1)

    def _interval(
        self, path: Tensor, weight: Tensor, left: Tensor, width: Tensor, first: Tensor, last: Tensor, middle: Tensor
    ) -> _Intervals:
        error = weight * (width * self._slopes[middle] - (last - first))
        return _Intervals(path, weight, left, width, first, last, middle, error)

    def _at(self, path: Tensor, place: Tensor) -> Tensor:
        """Return a point of each path."""
        difference = self._difference[path]
        return self._reference[path] + place.to(difference.dtype)[:, None, None] * difference

    def _outputs(self, path: Tensor, place: Tensor) -> Tensor:
        return self._model.outputs_without_gradients(self._at(path, place))

    def _values(self, path: Tensor, place: Tensor) -> Tensor:
        """Return the target at a point of each path."""
        found = [
            self._target.rows(path[some])(self._outputs(path[some], place[some])).double()
            for some in self._pieces(path)
        ]
        return torch.cat(found)

    def _add(self, path: Tensor, place: Tensor) -> Tensor:
        """Compute gradients at a point of each path. Return the numbers of the points."""
        n, every = len(self._slopes), len(self._slopes) + len(path)
        if every > len(self._gradients):
            more = self._gradients.new_empty(max(every, 2 * n) - n, *self._difference.shape[1:])
            self._gradients = torch.cat([self._gradients[:n], more])
        for some in self._pieces(path):
            target = self._target.rows(path[some])
            gradients = outputs_and_gradients(self._model, self._at(path[some], place[some]), target)[1]
            slopes = (gradients * self._difference[path[some]]).sum(dim=(1, 2), dtype=torch.float64)
            first = len(self._slopes)
            self._gradients[first : first + len(slopes)] = gradients
            self._slopes = torch.cat([self._slopes, slopes])
        return torch.arange(n, every, device=path.device)

    def _pieces(self, path: Tensor) -> Iterator[slice]:
        """Yield slices of at most as many rows as there are paths."""
        for start in range(0, len(path), len(self._paths)):
            yield slice(start, start + len(self._paths))
