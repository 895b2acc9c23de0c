"""Sites of motifs in sequences, with exact p-values for any background: the method of FIMO.

memelite's FIMO assumes a uniform background and lets unknown bases match anything. Tests compare both where their
settings agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from demo_core.errors import UsageProblem
from demo_core.sequences import UNIFORM, Codes

Floats = NDArray[np.float64]

#: Scores are computed in steps of this many bits.
STEP = 0.02
#: Number of columns whose letters are looked up at once.
_K = 5
_UNKNOWN = -(1 << 24)


@dataclass(frozen=True)
class Hits:
    """Sites of one motif in (N, L) sequences, in the order of rows and starts.

    Parameters
    ----------
    row, start
        The sequence, and the start of the site (0-based, on the strand of the sequence as given).
    strand
        1: the strand of the sequence; -1: the other strand.
    score
        Log-odds against the background in bits, to the nearest ``STEP`` in each column.
    p
        Probability that a window of the background scores at least as high.
    """

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    strand: NDArray[np.int64]
    score: Floats
    p: Floats

    def __len__(self) -> int:
        return len(self.row)


class Scanner:
    """Scores of every window of sequences for one motif.

    Parameters
    ----------
    pwm
        Log-odds (4, W) in bits, from ``Motif.pwm`` with the same background.
    background
        Probabilities of A, C, G and T; p-values assume independent bases.
    threshold
        Maximum p-value of a hit.
    best_anyway
        Count the best possible windows as hits even if their p-value is larger: six bases occur once in 4,096
        positions.

    Notes
    -----
    Source: Grant, Bailey & Noble, Bioinformatics 2011, 27:1017. The distribution of scores is computed exactly, column
    by column, over scores rounded to ``STEP``. Windows with an unknown base are never hits.

    When not to use it: as evidence by itself. p-values refer to one window. A thousand sequences of 100 bases have
    200,000 windows, so 20 hits at 1e-4 are expected by chance.
    """

    def __init__(
        self, pwm: Floats, background: ArrayLike = UNIFORM, threshold: float = 1e-4, *, best_anyway: bool = False
    ) -> None:
        steps = np.rint(np.asarray(pwm, np.float64) / STEP).astype(np.int64)
        if not np.isfinite(pwm).all():
            raise ValueError("log-odds must be finite: give the motif a pseudocount")
        self.width = int(steps.shape[1])
        base = check_background(background)
        # on the other strand, the bases read are the complements of the background's
        self._tails = {1: _tail(steps, base), -1: _tail(steps, base[::-1])}
        self._lowest = int(steps.min(axis=0).sum())
        self._lookups = {1: _lookups(steps), -1: _lookups(steps[::-1, ::-1])}
        #: p-value of the best possible window, on the strand where it is smaller.
        self.smallest_p = min(float(tail[-1]) for tail in self._tails.values())
        if best_anyway:
            threshold = max(threshold, 1.5 * self.smallest_p)
        #: Minimum score of a hit on each strand, in steps; None if not even the best window reaches the threshold.
        self.least = {strand: _least(tail, self._lowest, threshold) for strand, tail in self._tails.items()}

    def hits(self, codes: Codes) -> Hits:
        """Return the hits in (N, L) codes, on both strands."""
        n, length = codes.shape
        places = length - self.width + 1
        none = np.zeros(0, np.int64)
        found: list[tuple[NDArray[Any], ...]] = [(none, none, none, np.zeros(0), np.zeros(0))]
        words = _words(codes) if places > 0 and n else None
        for strand, tables in self._lookups.items():
            least = self.least[strand]
            if words is None or least is None:
                continue
            score = np.zeros((n, places), np.int32)
            for first, table in tables:
                score += table[words[:, first : first + places]]
            row, start = np.nonzero(score >= least)
            steps = score[row, start].astype(np.int64)
            p = self._tails[strand][steps - self._lowest]
            found.append((row.astype(np.int64), start.astype(np.int64), np.full(len(row), strand), steps * STEP, p))
        row, start, strands, scores, p = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort((-strands, start, row))
        return Hits(row[order], start[order], strands[order], scores[order], p[order])

    def p_value(self, score: float, strand: int = 1) -> float:
        """Return the p-value of a score in bits."""
        tail = self._tails[strand]
        return float(tail[int(np.clip(np.rint(score / STEP) - self._lowest, 0, len(tail) - 1))])


def check_background(background: ArrayLike) -> Floats:
    """Parse four positive probabilities that sum to 1. Raises UsageProblem."""
    base = np.asarray(background, np.float64)
    if base.shape != (4,) or not (base > 0).all() or abs(base.sum() - 1) > 0.01:
        raise UsageProblem("a background needs four positive frequencies of A, C, G and T that sum to 1")
    return np.asarray(base / base.sum())


def composition_of(codes: Codes) -> Floats:
    """Return frequencies of A, C, G and T over both strands, for a background; uniform if no base is known."""
    counts = np.bincount(codes.ravel(), minlength=5)[:4].astype(np.float64)
    both = counts + counts[::-1] + 1e-9
    return np.asarray(both / both.sum())


def without_overlaps(hits: Hits, width: int) -> Hits:
    """Keep the best of hits that share bases, on either strand: lowest p first, then the leftmost."""
    order = np.lexsort((hits.start, hits.p, hits.row))
    kept: list[int] = []
    taken: list[int] = []
    row = -1
    for i in order.tolist():
        if hits.row[i] != row:
            row, taken = int(hits.row[i]), []
        start = int(hits.start[i])
        if all(abs(start - other) >= width for other in taken):
            taken.append(start)
            kept.append(i)
    keep = np.sort(np.array(kept, np.int64))
    return Hits(hits.row[keep], hits.start[keep], hits.strand[keep], hits.score[keep], hits.p[keep])


def _least(tail: Floats, lowest: int, threshold: float) -> int | None:
    reached = np.flatnonzero(tail <= threshold)
    return int(reached[0]) + lowest if len(reached) else None


def _tail(steps: NDArray[np.int64], base: Floats) -> Floats:
    """Return P(score >= s) for s from the lowest score on."""
    chance = np.ones(1)
    for column in steps.T:
        least = column.min()
        wider = np.zeros(len(chance) + int(column.max() - least))
        for letter, share in zip(column - least, base, strict=True):
            wider[letter : letter + len(chance)] += share * chance
        chance = wider
    return np.asarray(np.minimum(np.cumsum(chance[::-1])[::-1], 1.0))


def _lookups(steps: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int32]]]:
    """Return for each run of up to ``_K`` columns its first column, and the summed score of each word of ``_K``
    letters.
    """
    padded = np.vstack([steps, np.full(steps.shape[1], _UNKNOWN)])
    tables = []
    for first in range(0, steps.shape[1], _K):
        table = np.zeros((5,) * _K, np.int64)
        for place in range(min(_K, steps.shape[1] - first)):
            shape = [1] * _K
            shape[place] = 5
            table = table + padded[:, first + place].reshape(shape)
        # several unknown bases must not overflow
        tables.append((first, np.maximum(table, _UNKNOWN).ravel().astype(np.int32)))
    return tables


def _words(codes: Codes) -> NDArray[np.int32]:
    """Return at each position of (N, L) the number of the word of ``_K`` letters that starts there, unknown ones past
    the end.
    """
    length = codes.shape[1]
    padded = np.pad(np.minimum(codes, 4), ((0, 0), (0, _K)), constant_values=4).astype(np.int32)
    words = np.zeros(codes.shape, np.int32)
    for place in range(_K):
        words = words * 5 + padded[:, place : place + length]
    return words
