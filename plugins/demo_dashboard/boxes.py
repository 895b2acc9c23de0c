"""Boxes of a figure: known sites, and sites of the known motif with their strand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo_dashboard.motifs import Site


@dataclass(frozen=True)
class Box:
    """An interval ``[start, end)``: a known site of the data, or a motif site read along ``strand`` (1 or -1).

    ``strand`` is 0 for a known site, whose orientation is unknown.
    """

    start: int
    end: int
    strand: int
    text: str

    @property
    def truth(self) -> bool:
        """Whether it is a known site of the data."""
        return self.strand == 0


def boxes_of(truth: Sequence[tuple[int, int]], sites: Sequence[Site], name: str) -> list[Box]:
    """Return known sites, and the sites of the known motif called ``name``, from left to right."""
    boxes = [Box(start, end, 0, "known site") for start, end in truth]
    boxes += [Box(s.start, s.end, s.strand, f"{name} {_p(s)}") for s in sites]
    return sorted(boxes, key=lambda b: (b.start, -b.end))


def _p(site: Site) -> str:
    return f"({'+' if site.strand > 0 else '−'}, p = {site.p:.0e})"
