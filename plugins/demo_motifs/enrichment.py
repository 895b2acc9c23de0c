"""Test whether seqlets overlap a motif's sites more often than expected by chance."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from demo_core.data import take_rows
from demo_core.results import Explanation
from demo_core.sequences import DNA
from demo_motifs import windows
from demo_motifs.clustering import log_odds
from demo_motifs.found_motif import FoundMotif, Sites
from demo_motifs.per_base_scores import Channel, Floats, Rows
from demo_motifs.scanning import Scanner, without_overlaps
from demo_motifs.seqlets import Found

#: Maximum p-value of the association between a motif and seqlets.
LARGEST_P = 1e-4
#: Maximum number of sequences in which sites are counted, drawn with the seed.
_MOST_TESTED = 20_000
_CHUNK = 8192
_MOST_SITES = 5_000


def pointed_at(
    explanation: Explanation,
    motif: FoundMotif,
    found: list[tuple[Channel, Found]],
    rows: Rows,
    seed: int,
) -> FoundMotif:
    """Count the motif's sites under seqlets, and the number expected if seqlets ignored the motif.

    The expectation keeps the position of each site and the coverage of its sequence: seqlets and motifs that both
    prefer the centre of a peak overlap often without being related. Sites are counted in one half of the sequences
    with a matrix made from the seqlets of the other half, and the reverse: a matrix always fits the seqlets it was
    built from.

    When not to use it: for a motif that lies at the same position in every sequence, since its seqlets then cannot be
    distinguished from seqlets that prefer that position.
    """
    random = np.random.default_rng(seed)
    if len(rows) > _MOST_TESTED:
        rows = np.sort(random.choice(rows, _MOST_TESTED, replace=False))
    covered = _covered(explanation, motif.counts.shape[1], found, rows)
    chance = _Chance(covered)
    half = np.zeros(len(explanation), bool)
    half[random.permutation(rows)[: len(rows) // 2]] = True
    pointed, occurring, expected = 0, 0, 0.0
    for side in (True, False):
        counts = _counts(explanation, motif.sites, half != side)
        if not counts.any():
            continue
        scanner = Scanner(log_odds(counts, motif.background), motif.background, best_anyway=True)
        mine = np.flatnonzero(half[rows] == side)
        for begin in range(0, len(mine), _CHUNK):
            part = mine[begin : begin + _CHUNK]
            codes = take_rows(explanation.sequences.codes, rows[part])
            hits = without_overlaps(scanner.hits(codes), scanner.width)
            occurring += len(hits)
            pointed += int(covered[part[hits.row], hits.start].sum())
            expected += float(chance.of(part[hits.row], hits.start).sum())
    p = binomial_tail(pointed, occurring, expected / max(1, occurring))
    return replace(motif, pointed=pointed, occurring=occurring, expected=expected, p=p)


class _Chance:
    """Return the probability that a start is covered, from the coverage of its row and its column, taken as
    independent.

    The column is that of the other rows: a covered site must not raise its own expectation.
    """

    def __init__(self, covered: NDArray[np.bool_]) -> None:
        self._covered = covered
        self._row, self._column = covered.mean(axis=1), covered.sum(axis=0)
        self._whole = max(float(covered.mean()), 1e-12) if covered.size else 1.0

    def of(self, row: NDArray[np.int64], start: NDArray[np.int64]) -> Floats:
        others = (self._column[start] - self._covered[row, start]) / max(1, len(self._covered) - 1)
        return np.asarray(np.minimum(1.0, self._row[row] * others / self._whole))


def _covered(explanation: Explanation, width: int, found: list[tuple[Channel, Found]], rows: Rows) -> NDArray[np.bool_]:
    """Return (rows, starts): whether a site of the motif would overlap a seqlet's zone by half of the shorter one."""
    length = explanation.sequences.length
    place = np.full(len(explanation), -1, np.int64)
    place[rows] = np.arange(len(rows))
    edges = np.zeros((len(rows), length + 1), np.int32)
    for channel, one in found:
        start, end = windows.zone(channel, one.seqlets, length)
        need = (np.minimum(end - start, width) + 1) // 2
        row = place[one.seqlets.row]
        first = np.clip(start + need - width, 0, length)
        stop = np.clip(end - need + 1, 0, length)
        usable = (row >= 0) & (stop > first)
        np.add.at(edges, (row[usable], first[usable]), 1)
        np.add.at(edges, (row[usable], stop[usable]), -1)
    return np.asarray(np.cumsum(edges, axis=1)[:, : length - width + 1] > 0)


def _counts(explanation: Explanation, sites: Sites, among: NDArray[np.bool_]) -> Floats:
    """Return counts (4, W) of the motif's seqlets in some of the sequences, from a sufficient number of them."""
    chosen = np.flatnonzero(among[sites.row])[:_MOST_SITES]
    width = int((sites.end - sites.start)[0]) if len(sites) else 0
    if not len(chosen):
        return np.zeros((4, width))
    rows, which = np.unique(sites.row[chosen], return_inverse=True)
    codes = take_rows(explanation.sequences.codes, rows)[which]
    cut = np.take_along_axis(codes, sites.start[chosen, None] + np.arange(width), 1)
    read = np.where(sites.strand[chosen, None] < 0, DNA.reverse_complement(cut), cut)
    return np.asarray(DNA.one_hot(read).sum(axis=0, dtype=np.float64))


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """P(X >= successes) of a binomial variable."""
    if successes <= 0:
        return 1.0
    if chance <= 0 or chance >= 1:
        return 0.0 if chance <= 0 and successes else 1.0
    k = np.arange(successes, trials + 1)
    log = np.array([math.lgamma(trials + 1) - math.lgamma(i + 1) - math.lgamma(trials - i + 1) for i in k])
    log += k * math.log(chance) + (trials - k) * math.log1p(-chance)
    top = float(log.max())
    return float(min(1.0, math.exp(top) * np.exp(log - top).sum()))
