"""Seqlets: stretches with high attribution, by significance or as best windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import UsageProblem
from demo_core.results import Explanation
from demo_motifs.best_runs import LONG, runs_of_long_rows, runs_of_rows
from demo_motifs.per_base_scores import Block, Channel, Floats, Rows, blocks
from demo_motifs.tomtom import false_discovery_rates

Ints = NDArray[np.int64]

#: Minimum number of negatives for a null distribution.
ENOUGH = 100
#: Maximum number of rows of a null distribution, drawn with the seed.
MOST_NULL = 20_000
#: Permutations of each sequence, for a null from permuted values.
_PERMUTATIONS = 5
_BLOCK = 3


@dataclass(frozen=True)
class Seqlets:
    """M stretches ``[start, end)`` of sequences.

    ``row`` is the row in the explanation; ``score`` the summed value; ``p`` the fraction of null sequences whose best
    stretch scores as high, NaN if not tested.
    """

    row: Ints
    start: Ints
    end: Ints
    score: Floats
    p: Floats

    def __len__(self) -> int:
        return len(self.row)

    def take(self, keep: NDArray[np.bool_] | Ints) -> Seqlets:
        """Return some of them."""
        return Seqlets(*(getattr(self, f)[keep] for f in ("row", "start", "end", "score", "p")))


@dataclass(frozen=True)
class Null:
    """Null distribution of run scores.

    Parameters
    ----------
    scores
        (M,), score of the best stretch of each null sequence, ascending.
    drift
        Value subtracted at each base, so that stretches end with the evidence.
    made_from
        Description of the null.
    """

    scores: Floats
    drift: float
    made_from: str

    def p_values(self, scores: Floats) -> Floats:
        """Fraction of null sequences that score as high, with one added to both counts, so never 0."""
        above = len(self.scores) - np.searchsorted(self.scores, scores, side="left")
        return np.asarray((above + 1) / (len(self.scores) + 1))


@dataclass(frozen=True)
class Found:
    """Seqlets and their null distribution; ``null`` is None for best windows."""

    seqlets: Seqlets
    searched: int
    null: Null | None = None
    threshold: float | None = None
    above: int = 0


def best_windows(
    explanation: Explanation, channel: Channel, rows: Rows, width: int, *, number: int = 1, sign: int = 1
) -> Found:
    """Return the window with the highest summed value in each sequence, or the ``number`` best that do not overlap.

    For a trace, it is the window that ends, in reading direction, at the steepest rise. Sequences without any positive
    value have no window.

    Source: Lanchantin, Singh, Wang & Qi, PSB 2017: a window of nine bases.

    When not to use it: to decide whether there is a motif. Every sequence has a best window, random ones too.
    """
    length = explanation.sequences.length
    if width > length:
        raise UsageProblem(f"a window of {width} bases is wider than the sequences, which have {length}")
    parts = [empty()]
    for block in blocks(explanation, channel, rows, sign=sign):
        sums = np.pad(np.cumsum(block.values, axis=1), ((0, 0), (1, 0)))
        window = sums[:, width:] - sums[:, :-width]
        if channel.reads:
            parts.append(_steepest(block, channel, width))
            continue
        usable = (block.codes < 4).any(axis=1)
        for _ in range(number):
            start = window.argmax(axis=1)
            score = window[np.arange(len(window)), start]
            keep = usable & np.isfinite(score) & (score > 0)
            parts.append(_seqlets(block.rows[keep], start[keep], start[keep] + width, score[keep]))
            place = np.arange(window.shape[1])
            window = np.where(np.abs(place - start[:, None]) < width, -np.inf, window)
    return Found(_join(parts), len(rows))


def _steepest(block: Block, channel: Channel, width: int) -> Seqlets:
    place = block.values.argmax(axis=1)
    score = block.values[np.arange(len(place)), place]
    start = place - width + 1 if channel.reads > 0 else place
    start = np.clip(start, 0, block.values.shape[1] - width)
    keep = score > 0
    return _seqlets(block.rows[keep], start[keep], start[keep] + width, score[keep])


def significant_runs(
    explanation: Explanation,
    channel: Channel,
    rows: Rows,
    null: Null,
    *,
    fdr: float = 0.05,
    most: int = 5,
    sign: int = 1,
) -> Found:
    """Return runs of bases whose summed value exceeds the null distribution.

    A run is a stretch with the highest sum of ``value - drift``; a sequence has up to ``most`` runs. The p-value of its
    best run is the fraction of null sequences whose best run scores as high. The threshold keeps the false discovery
    rate over the searched sequences (Benjamini & Hochberg) below ``fdr``. Every run above it counts.

    Source: maximal segments, Karlin & Altschul, PNAS 1990, 87:2264; their distribution is taken from the null here.

    When not to use it: with a null of sequences that differ in more than the motifs, such as negatives of another
    composition.
    """
    parts, best = [empty()], []
    for block in blocks(explanation, channel, rows, sign=sign):
        runs, tops = _runs(block, null.drift, most)
        parts.append(runs)
        best.append(tops)
    top = np.concatenate(best) if best else np.zeros(0)
    if not len(top):
        return Found(empty(), 0, null)
    p = null.p_values(top)
    passing = p[(false_discovery_rates(p) <= fdr) & (top > 0)]
    if not len(passing):
        return Found(empty(), len(rows), null)
    every = _join(parts)
    tested = Seqlets(every.row, every.start, every.end, every.score, null.p_values(every.score))
    kept = tested.take(tested.p <= passing.max())
    threshold = float(kept.score.min())
    above = int((null.scores >= threshold).sum())
    return Found(kept, len(rows), null, threshold, above)


def null_from_rows(
    explanation: Explanation, channel: Channel, rows: Rows, made_from: str, *, seed: int = 0, sign: int = 1
) -> Null:
    """Return the best run of each of some sequences without motifs, such as shuffles."""
    rows = _some(rows, seed)
    drift = _drift(explanation, channel, rows, sign)
    tops = [_runs(block, drift, 1)[1] for block in blocks(explanation, channel, rows, sign=sign)]
    return Null(np.sort(np.concatenate(tops)), drift, f"{made_from} ({len(rows)})")


def null_from_values(explanation: Explanation, channel: Channel, rows: Rows, *, seed: int = 0, sign: int = 1) -> Null:
    """Return the best run after permuting the values of each sequence, in blocks of three neighbours.

    Neighbouring values of a network are correlated, even without a motif; blocks preserve a part of this.

    Source: the block bootstrap, Künsch, Annals of Statistics 1989, 17:1217, without replacement.

    When not to use it: if negatives or shuffled sequences can be explained instead. This null ignores how strongly a
    network responds to chance occurrences, and is therefore conservative.
    """
    rows = _some(rows, seed)
    random = np.random.default_rng(seed)
    drift = _drift(explanation, channel, rows, sign)
    tops = [np.zeros(0)]
    for block in blocks(explanation, channel, rows, sign=sign):
        for _ in range(_PERMUTATIONS):
            order = _in_blocks(block.codes < 4, random)
            codes = np.take_along_axis(block.codes, order, axis=1)
            values = np.take_along_axis(block.values, order, axis=1)
            tops.append(_runs(Block(block.rows, codes, block.letters, values, None), drift, 1)[1])
    return Null(
        np.sort(np.concatenate(tops)),
        drift,
        f"permuted values, blocks of {_BLOCK} at a time ({_PERMUTATIONS} x {len(rows)})",
    )


def _in_blocks(known: NDArray[np.bool_], random: np.random.Generator) -> Ints:
    """Return for each row of (n, L) a permutation of its positions.

    The known ones are cut into blocks from a random position on, and the blocks are permuted. The unknown ones come
    last, as where sequences were padded.
    """
    n, length = known.shape
    first = np.argsort(~known, axis=1, kind="stable")
    count = known.sum(axis=1)
    place = np.arange(length)
    # the known ones rotated, so that blocks begin anywhere
    shift = np.asarray(random.integers(0, _BLOCK, (n, 1)))
    turned = np.where(place < count[:, None], (place + shift) % np.maximum(count, 1)[:, None], place)
    blocks = -(-length // _BLOCK)
    key = random.random((n, blocks))
    whole = (np.arange(blocks) + 1) * _BLOCK <= count[:, None]
    key = np.where(whole, key, 1.0 + np.arange(blocks))
    rank = np.repeat(key, _BLOCK, axis=1)[:, :length]
    return np.take_along_axis(np.take_along_axis(first, turned, 1), np.argsort(rank, axis=1, kind="stable"), 1)


def empty() -> Seqlets:
    """No seqlets."""
    none = np.zeros(0, np.int64)
    return Seqlets(none, none, none, np.zeros(0), np.zeros(0))


def _some(rows: Rows, seed: int) -> Rows:
    if len(rows) <= MOST_NULL:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_NULL, replace=False))


def _drift(explanation: Explanation, channel: Channel, rows: Rows, sign: int) -> float:
    """Return the mean magnitude of a value."""
    total, count = 0.0, 0
    for block in blocks(explanation, channel, rows, sign=sign):
        known = block.codes < 4
        total += float(np.abs(block.values[known]).sum())
        count += int(known.sum())
    return total / count if count else 0.0


def _runs(block: Block, drift: float, most: int) -> tuple[Seqlets, Floats]:
    """Return up to ``most`` best runs of each sequence, and the score of the best one of each (0 if there is none)."""
    values = block.values - drift
    values[block.codes >= 4] = -np.inf  # an unknown base is no evidence, and ends a run
    if values.shape[1] > LONG:
        row, start, end, score = runs_of_long_rows(values, most)
    else:
        row, start, end, score = runs_of_rows(values, most)
    tops = np.zeros(len(values))
    np.maximum.at(tops, row, score)
    return _join([empty(), _seqlets(block.rows[row], start, end, score)]), tops


def _seqlets(row: Ints, start: Ints, end: Ints, score: Floats) -> Seqlets:
    return Seqlets(row, start.astype(np.int64), end.astype(np.int64), score, np.full(len(row), np.nan))


def _join(parts: list[Seqlets]) -> Seqlets:
    columns = (np.concatenate([getattr(p, f) for p in parts]) for f in ("row", "start", "end", "score", "p"))
    joined = Seqlets(*columns)
    return joined.take(np.lexsort((joined.start, joined.row)))
