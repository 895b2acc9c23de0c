"""The boxes of a figure: known sites, and sites of the known motif with their orientation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo_dashboard.motifs import Site


@dataclass(frozen=True)
class Box:
    """A stretch ``[start, end)``; ``truth`` if the data came with it.

    ``strand`` is the motif's orientation, 1 or -1, and ``motif_start`` where it begins; 0 where it has no site here.
    """

    start: int
    end: int
    strand: int
    text: str
    truth: bool
    motif_start: int = 0


def boxes_of(truth: Sequence[tuple[int, int]], sites: Sequence[Site], name: str) -> list[Box]:
    """Known sites, each with the orientation of the motif's best site on it; then the sites elsewhere.

    Parameters
    ----------
    sites
        Of one known motif, the best first.
    name
        What the motif is called.
    """
    boxes = []
    left = list(sites)
    for start, end in truth:
        on_it = [s for s in left if _overlap((start, end), (s.start, s.end)) * 2 >= min(end - start, s.end - s.start)]
        left = [s for s in left if s not in on_it]
        said = f": {name} {_p(on_it[0])}" if on_it else ""
        strand, begin = (on_it[0].strand, on_it[0].start) if on_it else (0, 0)
        boxes.append(Box(start, end, strand, f"known site{said}", True, begin))
    boxes += [Box(s.start, s.end, s.strand, f"{name} {_p(s)}", False, s.start) for s in left]
    return sorted(boxes, key=lambda b: b.start)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _p(site: Site) -> str:
    return f"({'+' if site.strand > 0 else '−'}, p = {site.p:.0e})"
