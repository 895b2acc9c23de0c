"""Runs: stretches of a sequence with the highest sums of values, without gaps."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from demo_motifs.per_base_scores import Floats

Ints = NDArray[np.int64]
#: Row, start, end and score of each run
Runs = tuple[Ints, Ints, Ints, Floats]

#: A run ends where this many bases have, on average, less than this fraction of the mean of its bases.
_GAP = 8
_GAP_SHARE = 0.1
#: Longer rows are handled one by one, since handling all together takes time quadratic in the length
LONG = 1500


def runs_of_rows(values: Floats, most: int) -> Runs:
    """Return up to ``most`` best runs without gaps of each row of (n, L) values. Overwrites ``values``."""
    found: list[Runs] = []
    alive = np.arange(len(values))
    place = np.arange(values.shape[1])
    for _ in range(most):
        score, start, end = _unbroken(values, alive)
        positive = score > 0
        alive, score, start, end = alive[positive], score[positive], start[positive], end[positive]
        if not len(alive):
            break
        found.append((alive, start, end, score))
        inside = (place >= start[:, None]) & (place < end[:, None])
        values[alive] = np.where(inside, -np.inf, values[alive])
    return _joined(found)


def runs_of_long_rows(values: Floats, most: int) -> Runs:
    """Return the same runs as ``runs_of_rows``, in time linear in the length of a row.

    An excursion starts where the running sum of values reaches a new minimum. No best run crosses that position, so
    each row is cut there. Only the excursion with the best run is searched, and then its pieces.
    """
    found: list[Runs] = []
    for row, line in enumerate(values):
        runs = _runs_of_row(line, most)
        columns = np.array(runs, np.float64).reshape(-1, 3).T
        rows = np.full(len(runs), row)
        found.append((rows, columns[1].astype(np.int64), columns[2].astype(np.int64), columns[0]))
    return _joined(found)


def _runs_of_row(line: Floats, most: int) -> list[tuple[float, int, int]]:
    """Return score, start and end of the best runs of one row (L,)."""
    total = np.abs(line[~np.isneginf(line)]).sum()
    line = np.where(np.isneginf(line), -2 * total or -1.0, line)  # an unknown base starts an excursion
    sums = np.append(0.0, np.cumsum(line))
    starts = np.flatnonzero(sums[:-1] <= np.minimum.accumulate(sums[:-1]))
    ends = np.append(starts[1:], len(line))
    highest = np.maximum.reduceat(sums[1:], starts) - sums[starts]
    positive = highest > 0
    # Each entry: negative score, then the stretch that has to be searched
    heap = list(zip((-highest[positive]).tolist(), starts[positive].tolist(), ends[positive].tolist(), strict=True))
    heapq.heapify(heap)
    found: list[tuple[float, int, int]] = []
    while heap and len(found) < most:
        _, low, high = heapq.heappop(heap)
        score, start, end = _best_of(line[low:high])
        first, last = low + start, low + end
        pieces = [(low, first), (last, high)]
        cut = _gap_in(line[first:last], score)
        if cut is None:
            found.append((score, first, last))
        else:
            pieces += [(first, first + cut), (first + cut + _GAP, last)]
        for begin, finish in pieces:
            if finish > begin and (rest := _best_of(line[begin:finish])[0]) > 0:
                heapq.heappush(heap, (-rest, begin, finish))
    return found


def _best_of(line: Floats) -> tuple[float, int, int]:
    """Return the same as ``best_run`` for one row (L,) of finite values, without a loop over positions."""
    sums = np.append(0.0, np.cumsum(line))
    gain = sums[1:] - np.minimum.accumulate(sums[:-1])
    end = int(gain.argmax()) + 1
    start = end - 1 - int(sums[:end][::-1].argmin())
    return (float(line[start:end].sum()), start, end) if gain[end - 1] > 0 else (0.0, 0, 0)


def _gap_in(run: Floats, score: float) -> int | None:
    """Return the first base of the weakest gap in a run; None if there is none."""
    if len(run) <= _GAP + 1:
        return None
    sums = np.append(0.0, np.cumsum(run))
    window = (sums[_GAP:] - sums[:-_GAP])[1:-1]
    if not len(window) or window.min() / _GAP / (score / len(run)) >= _GAP_SHARE:
        return None
    return int(window.argmin()) + 1


def _unbroken(values: Floats, alive: Ints) -> tuple[Floats, Ints, Ints]:
    """Return the best run of some rows without a gap; a gap then ends runs in ``values``.

    Two strong sites far apart would otherwise become one run, as the bases between them cost little.
    """
    score, start, end = best_run(values[alive])
    length = values.shape[1]
    check = np.flatnonzero(end - start > _GAP)
    while len(check):
        finite = np.where(np.isfinite(values[alive[check]]), values[alive[check]], 0.0)
        sums = np.pad(np.cumsum(finite, axis=1), ((0, 0), (1, 0)))
        window = sums[:, _GAP:] - sums[:, :-_GAP]
        place = np.arange(length - _GAP + 1)
        inside = (place > start[check, None]) & (place + _GAP < end[check, None])
        window = np.where(inside, window, np.inf)
        gap = window.argmin(axis=1)
        share = window[np.arange(len(check)), gap] / _GAP / (score[check] / (end - start)[check])
        broken = share < _GAP_SHARE
        check, gap = check[broken], gap[broken]
        for shift in range(_GAP):
            values[alive[check], gap + shift] = -np.inf
        score[check], start[check], end[check] = best_run(values[alive[check]])
        check = check[(end - start)[check] > _GAP]
    return score, start, end


def best_run(values: Floats) -> tuple[Floats, Ints, Ints]:
    """Return score, start and end of the stretch with the highest sum in each row; a score of 0 if no value is
    positive.
    """
    n, length = values.shape
    best, start, end = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64)
    here, since = np.zeros(n), np.zeros(n, np.int64)
    for place in range(length):
        fresh = here <= 0
        since = np.where(fresh, place, since)
        here = np.where(fresh, 0.0, here) + values[:, place]
        better = here > best
        best = np.where(better, here, best)
        start = np.where(better, since, start)
        end = np.where(better, place + 1, end)
    return best, start, end


def _joined(found: list[Runs]) -> Runs:
    none = np.zeros(0, np.int64)
    columns = [np.concatenate(column) for column in zip((none, none, none, np.zeros(0)), *found, strict=True)]
    row, start, end, score = columns
    return row.astype(np.int64), start.astype(np.int64), end.astype(np.int64), score
