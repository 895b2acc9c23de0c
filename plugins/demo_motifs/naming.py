"""Name found motifs by their best database matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from demo_motifs.databases import KnownMotif
from demo_motifs.found_motif import FoundMotif, reverse_complement
from demo_motifs.per_base_scores import Floats, information_content
from demo_motifs.tomtom import compare

#: Maximum q-value of a match that gives a name.
LARGEST_Q = 0.05


@dataclass(frozen=True)
class Match:
    """A database match of a found motif; the numbers are those of ``tomtom.Comparison``."""

    known: KnownMotif
    p: float
    e: float
    q: float
    offset: int
    overlap: int
    strand: int

    @property
    def label(self) -> str:
        """Name and id."""
        return f"{self.known.motif.name} ({self.known.motif.id})" if self.known.motif.name else self.known.motif.id


@dataclass(frozen=True)
class NamedMotif:
    """A found motif with an id, its explanation, and its matches, the best first."""

    id: str
    explanation: int
    motif: FoundMotif
    matches: list[Match]

    @property
    def name(self) -> str:
        """Factor of the best match, or '' if its q is above ``LARGEST_Q``."""
        return self.matches[0].known.motif.name if self.matches and self.matches[0].q <= LARGEST_Q else ""

    @property
    def consensus(self) -> str:
        """Most frequent letter of each column; lower case if it is not the majority."""
        return consensus(self.motif.ppm)

    @property
    def bits(self) -> float:
        """Information content over all columns, in bits, relative to uniform bases."""
        return float(information_content(self.motif.ppm).sum())


def name(
    motifs: Sequence[tuple[str, int, FoundMotif]],
    known: Sequence[KnownMotif],
    number: int,
    say: Callable[[str], None],
    *,
    orient: bool = True,
) -> list[NamedMotif]:
    """Look up the ``number`` best matches of each motif, given with its id and the index of its explanation.

    A named motif gets the orientation of its database matrix, so that its sites have the strand that a scan with the
    database matrix reports. Without ``orient`` it does not change: a filter reads one strand.
    """
    if not motifs:
        return []
    found = compare([m.ppm for _, _, m in motifs], known, say)
    named = []
    for row, (identity, explanation, motif) in enumerate(motifs):
        order = np.argsort(found.p[row], kind="stable")[:number]
        matches = [
            Match(
                known[k], float(found.p[row, k]), float(found.e[row, k]), float(found.q[row, k]),
                int(found.offset[row, k]), int(found.overlap[row, k]), int(found.strand[row, k]),
            )
            for k in order
        ]  # fmt: skip
        one = NamedMotif(identity, explanation, motif, matches)
        named.append(as_database(one) if orient else one)
    return named


def as_database(named: NamedMotif) -> NamedMotif:
    """Return a motif in the orientation of its database matrix; a motif without a name does not change."""
    if not named.name or named.matches[0].strand > 0:
        return named
    width = named.motif.counts.shape[1]
    matches = [replace(m, strand=-m.strand, offset=len(m.known.motif) - width - m.offset) for m in named.matches]
    return replace(named, motif=reverse_complement(named.motif), matches=matches)


def consensus(ppm: Floats) -> str:
    """Return the most frequent letter of each column; lower case if it is not the majority."""
    letters = np.array(list("ACGT"))[ppm.argmax(axis=0)]
    return "".join(x if share > 0.5 else x.lower() for x, share in zip(letters, ppm.max(axis=0), strict=True))
