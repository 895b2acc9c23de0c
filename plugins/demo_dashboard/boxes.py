"""The boxes of a figure: known sites, and sites of the known motif with their orientation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo_dashboard.motifs import Site


@dataclass(frozen=True)
class Box:
    """A stretch ``[start, end)``: a site that came with the data, or a motif's, read along ``strand`` (1 or -1).

    ``strand`` is 0 for the former, whose orientation nobody has said.
    """

    start: int
    end: int
    strand: int
    text: str

    @property
    def truth(self) -> bool:
        """Whether the data came with it."""
        return self.strand == 0


def boxes_of(truth: Sequence[tuple[int, int]], sites: Sequence[Site], name: str) -> list[Box]:
    """Known sites, and the sites of one known motif, which is called ``name``; from left to right."""
    boxes = [Box(start, end, 0, "known site") for start, end in truth]
    boxes += [Box(s.start, s.end, s.strand, f"{name} {_p(s)}") for s in sites]
    return sorted(boxes, key=lambda b: (b.start, -b.end))


def _p(site: Site) -> str:
    return f"({'+' if site.strand > 0 else '−'}, p = {site.p:.0e})"
