"""Pairs of motifs in the data: co-occurrence, orientation and distance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from demo_core.data import SequenceDataset
from demo_motifs.per_base_scores import BLOCK, Rows
from demo_motifs.scanning import Scanner, without_overlaps
from demo_motifs.seqlets import Ints

#: Position of B relative to A, which is on the forward strand: after or before it, on the same or the other strand.
ARRANGEMENTS = ("A B", "A b", "B A", "b A")


@dataclass(frozen=True)
class Occurrences:
    """Sites of one motif in all sequences: sequence, start and strand, and the width of the motif."""

    row: Ints
    start: Ints
    strand: Ints
    width: int


@dataclass(frozen=True)
class Together:
    """Co-occurrence of two motifs.

    ``a``, ``b`` and ``both`` are numbers of sequences with a site of each, and of both. ``apart`` counts those with
    sites of both that do not overlap. For a motif with itself, these two count sequences with two sites. ``expected``
    is ``a * b / n``; ``p`` is that of ``fisher`` for ``both``, NaN for a motif with itself. Similar motifs have sites
    at the same place: then ``both`` is high, and ``apart`` is informative.
    """

    n: int
    a: int
    b: int
    both: int
    apart: int
    expected: float
    p: float


def occurrences(sequences: SequenceDataset, rows: Rows, scanners: Sequence[Scanner]) -> list[Occurrences]:
    """Return the sites of each motif in some sequences, numbered in the order of ``rows``."""
    parts: list[list[tuple[Ints, Ints, Ints]]] = [[] for _ in scanners]
    size = min(BLOCK, sequences.rows_at_once())
    for begin in range(0, len(rows), size):
        codes = sequences.take(rows[begin : begin + size]).codes
        for scanner, part in zip(scanners, parts, strict=True):
            hits = without_overlaps(scanner.hits(codes), scanner.width)
            part.append((hits.row + begin, hits.start, hits.strand))
    none = np.zeros(0, np.int64)
    found = []
    for scanner, part in zip(scanners, parts, strict=True):
        row, start, strand = (np.concatenate([none, *(p[i] for p in part)]) for i in range(3))
        found.append(Occurrences(row, start, strand, scanner.width))
    return found


def together(one: Occurrences, other: Occurrences, n: int, *, same: bool) -> Together:
    """Count how often the motifs occur together in n sequences; ``same`` if both are one motif."""
    rows = {row for row, _, _ in _neighbours(one, other, same=same)}
    a, b = len(np.unique(one.row)), len(np.unique(other.row))
    both = len(rows) if same else len(np.intersect1d(one.row, other.row))
    expected = a * b / n if n and not same else math.nan
    return Together(n, a, b, both, len(rows), expected, math.nan if same else fisher(both, a, b, n))


def spacing(one: Occurrences, other: Occurrences, *, same: bool) -> Counter[tuple[str, int]]:
    """Count how often B lies in an arrangement at a distance in bases; the nearest B of each A counts."""
    # of one motif, neither site is the first
    turn = {"B A": "A B"} if same else {}
    return Counter((turn.get(how, how), gap) for _, how, gap in _neighbours(one, other, same=same))


def fisher(both: int, a: int, b: int, n: int) -> float:
    """Return the two-sided p-value of ``both`` of n with two properties that ``a`` and ``b`` have: twice the smaller
    tail.
    """
    least, most = max(0, a + b - n), min(a, b)
    k = np.arange(least, most + 1)
    if not len(k) or not n:
        return 1.0
    log = np.array([_log_choose(a, i) + _log_choose(n - a, b - i) for i in k.tolist()])
    share = np.exp(log - log.max())
    share /= share.sum()
    upper, lower = float(share[k >= both].sum()), float(share[k <= both].sum())
    return min(1.0, 2 * min(upper, lower))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _neighbours(one: Occurrences, other: Occurrences, *, same: bool) -> list[tuple[int, str, int]]:
    """Return for each site of A the nearest site of B: sequence, arrangement, and distance in bases."""
    by_row: dict[int, list[tuple[int, int]]] = {}
    for row, start, strand in zip(other.row.tolist(), other.start.tolist(), other.strand.tolist(), strict=True):
        by_row.setdefault(row, []).append((start, strand))
    found = []
    for row, start, strand in zip(one.row.tolist(), one.start.tolist(), one.strand.tolist(), strict=True):
        best: tuple[int, str] | None = None
        for where, way in by_row.get(row, []):
            if same and where <= start:  # each pair of one motif once, from its left site
                continue
            after = where - (start + one.width)
            before = start - (where + other.width)
            gap = max(after, before)
            if gap < 0 or (best is not None and gap >= best[0]):
                continue
            follows = (after >= 0) == (strand > 0)  # in the reading direction of A
            letter = "B" if way == strand else "b"
            best = gap, f"A {letter}" if follows else f"{letter} A"
        if best is not None:
            found.append((row, best[1], best[0]))
    return found
