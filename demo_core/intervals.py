"""Genomic coordinates: 0-based, half-open, with a strand."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_LOCUS = re.compile(r"(?:.*::)?(?P<chrom>[^\s:]+):(?P<start>[\d,]+)-(?P<end>[\d,]+)(?:\((?P<strand>[+\-.])\))?")


@dataclass(frozen=True, order=True)
class Interval:
    """Where a sequence lies: ``[start, end)`` on ``chrom``, read along ``strand`` (``+``, ``-`` or ``.``).

    A start below zero means padding beyond the chromosome's edge.
    """

    chrom: str
    start: int
    end: int
    strand: str = "."

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"interval {self.chrom}:{self.start}-{self.end} ends before it starts")
        if self.strand not in ("+", "-", "."):
            raise ValueError(f"strand must be +, - or ., not {self.strand!r}")

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        tail = "" if self.strand == "." else f"({self.strand})"
        return f"{self.chrom}:{self.start}-{self.end}{tail}"

    def part(self, first: int, length: int) -> Interval:
        """The interval of ``length`` places from place ``first`` of the sequence, counted along the strand.

        ``first`` may be negative and the part may be longer than the whole, for padding.
        """
        if self.strand == "-":
            end = self.end - first
            return replace(self, start=end - length, end=end)
        return replace(self, start=self.start + first, end=self.start + first + length)

    def position(self, place: int) -> int:
        """The 0-based genomic position of a place in the sequence."""
        return self.end - 1 - place if self.strand == "-" else self.start + place

    def flip(self) -> Interval:
        """The same bases read from the other strand."""
        return replace(self, strand={"+": "-", "-": "+", ".": "."}[self.strand])


def parse_locus(text: str, length: int) -> Interval | None:
    """The interval that a name like ``chr1:100-200(+)`` gives a sequence of ``length`` bases.

    Returns None where the name is no such thing. Taken as 0-based if end - start is the length, as 1-based
    inclusive if it is one less. Raises ValueError if it is neither.
    """
    match = _LOCUS.fullmatch(text)
    if not match:
        return None
    start, end = int(match["start"].replace(",", "")), int(match["end"].replace(",", ""))
    strand = match["strand"] or "."
    if max(start, end) >= 2**62:
        raise ValueError(f"'{match['chrom']}' has no position {max(start, end)}")
    if end - start == length:
        return Interval(match["chrom"], start, end, strand)
    if end - start == length - 1 and start >= 1:
        return Interval(match["chrom"], start - 1, end, strand)
    raise ValueError(f"'{match['chrom']}:{start}-{end}' spans {end - start} bases, the sequence has {length}")
