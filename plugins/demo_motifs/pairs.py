"""Pairs of motifs in the data: how often they come together, and how they lie."""

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

#: How B lies to A, which is read forward: after it or before it, on the same strand or on the other.
ARRANGEMENTS = ("A B", "A b", "B A", "b A")


@dataclass(frozen=True)
class Occurrences:
    """Sites of one motif in all sequences: sequence, start and strand, and the motif's width."""

    row: Ints
    start: Ints
    strand: Ints
    width: int


@dataclass(frozen=True)
class Together:
    """How often two motifs come together.

    ``a``, ``b`` and ``both`` are sequences with a site of each, and of both; ``apart`` those with sites of both that do
    not overlap. For a motif with itself these two are sequences with two sites. ``expected`` is ``a * b / n``; ``p`` is
    that of ``fisher``, of ``both``; NaN for a motif with itself. Motifs that are alike have sites in one place: then
    ``both`` is high, and ``apart`` is what counts.
    """

    n: int
    a: int
    b: int
    both: int
    apart: int
    expected: float
    p: float


def occurrences(sequences: SequenceDataset, rows: Rows, scanners: Sequence[Scanner]) -> list[Occurrences]:
    """The sites of each motif in some sequences, which are numbered in the order of ``rows``."""
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
    """How often the motifs come together in n sequences; ``same`` if both are one motif."""
    rows = {row for row, _, _ in _neighbours(one, other, same=same)}
    a, b = len(np.unique(one.row)), len(np.unique(other.row))
    both = len(rows) if same else len(np.intersect1d(one.row, other.row))
    expected = a * b / n if n and not same else math.nan
    return Together(n, a, b, both, len(rows), expected, math.nan if same else fisher(both, a, b, n))


def spacing(one: Occurrences, other: Occurrences, *, same: bool) -> Counter[tuple[str, int]]:
    """How often B lies in an arrangement at a distance, in bases between the two; the nearest B of each A counts."""
    # of one motif neither site is the first
    turn = {"B A": "A B"} if same else {}
    return Counter((turn.get(how, how), gap) for _, how, gap in _neighbours(one, other, same=same))


def fisher(both: int, a: int, b: int, n: int) -> float:
    """Two-sided p of ``both`` of n with two properties that ``a`` and ``b`` of them have: the smaller tail, doubled."""
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
    """For each site of A the nearest site of B beside it: sequence, arrangement, and bases between them."""
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
            follows = (after >= 0) == (strand > 0)  # as A reads
            letter = "B" if way == strand else "b"
            best = gap, f"A {letter}" if follows else f"{letter} A"
        if best is not None:
            found.append((row, best[1], best[0]))
    return found
