"""Intervals of many sequences as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import UsageProblem
from demo_core.sequences.intervals import Interval

#: Row of a sequence without an interval.
NO_INTERVAL = (-1, 0, 0, 0)
_STRANDS = {"+": 1, "-": -1, ".": 0}
_SIGNS = {number: sign for sign, number in _STRANDS.items()}


class IntervalTable(Sequence[Interval | None]):
    """Intervals of many sequences, held as an array. Readers of large files should return it in a ``RecordBlock``.

    Parameters
    ----------
    chroms
        Names of chromosomes.
    rows
        (n, 4) integers: chromosome (index into ``chroms``, -1 for no interval), start, end, strand (1, -1 or 0).

    Raises
    ------
    UsageProblem
        If a row is invalid; the message names the first.

    Examples
    --------
    >>> from demo_core.data import IntervalTable
    >>> IntervalTable(["chr1", "chr2"], [[1, 100, 200, -1]])[0]
    Interval(chrom='chr2', start=100, end=200, strand='-')
    """

    def __init__(self, chroms: Sequence[str], rows: Any) -> None:
        self.chroms, self.rows = tuple(chroms), np.asarray(rows, np.int64).reshape(-1, 4)
        chrom, start, end, strand = self.rows.T
        wrong = (chrom < -1) | (chrom >= len(self.chroms)) | (end < start) | (np.abs(strand) > 1)
        if wrong.any():
            row = int(wrong.argmax())
            raise UsageProblem(
                f"row {row} (0-based) of intervals is invalid: {self.rows[row].tolist()}; it must be a chromosome from "
                f"-1 to {len(self.chroms) - 1}, start, an end not before it, and a strand from -1 to 1"
            )

    @classmethod
    def of(cls, intervals: Sequence[Interval | None]) -> IntervalTable:
        """Convert intervals to a table; return a table unchanged."""
        if isinstance(intervals, cls):
            return intervals
        chroms: dict[str, int] = {}
        rows: list[tuple[int, ...]] = [
            NO_INTERVAL if i is None else (chroms.setdefault(i.chrom, len(chroms)), i.start, i.end, _STRANDS[i.strand])
            for i in intervals
        ]
        return cls(tuple(chroms), rows)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, key: int) -> Interval | None: ...
    @overload
    def __getitem__(self, key: slice) -> IntervalTable: ...
    def __getitem__(self, key: int | slice) -> Interval | IntervalTable | None:
        if isinstance(key, slice):
            return IntervalTable(self.chroms, self.rows[key])
        return interval_of(self.chroms, self.rows[key])

    def part(self, first: int, length: int) -> IntervalTable:
        """Apply ``Interval.part`` to each interval."""
        chrom, start, end, strand = self.rows.T
        start = np.where(strand < 0, end - first - length, start + first)
        rows = np.stack([chrom, start, start + length, strand], axis=1)
        return IntervalTable(self.chroms, np.where(chrom[:, None] < 0, NO_INTERVAL, rows))

    def numbered(self, chroms: dict[str, int]) -> NDArray[np.int64]:
        """Return rows (n, 4) with the chromosome numbers of ``chroms``; add missing names to it."""
        numbers = np.full(len(self.chroms) + 1, -1)
        for code in dict.fromkeys(self.rows[:, 0].tolist()):
            if code >= 0:
                numbers[code] = chroms.setdefault(self.chroms[code], len(chroms))
        return np.concatenate([numbers[self.rows[:, :1]], self.rows[:, 1:]], axis=1)


def interval_of(chroms: Sequence[str], row: NDArray[np.int64]) -> Interval | None:
    """Return the interval of a row (4,) of numbers."""
    chrom, start, end, strand = row.tolist()
    return Interval(chroms[chrom], start, end, _SIGNS.get(strand, ".")) if 0 <= chrom < len(chroms) else None
