"""A motif that was found, with its seqlets."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from demo_core.sequences import DNA
from demo_motifs import clustering, windows
from demo_motifs.per_base_scores import Channel, Floats
from demo_motifs.seqlets import Ints, Seqlets


@dataclass(frozen=True)
class Sites:
    """The seqlets of one motif, in their sequences: ``[start, end)`` of ``row``, ``strand`` of the motif.

    ``run_start`` and ``run_end`` are the run or window that was found, ``score`` its value, and ``p`` the fraction of
    null sequences whose best run scores as high (NaN for best windows).
    """

    row: Ints
    start: Ints
    end: Ints
    strand: Ints
    score: Floats
    p: Floats
    run_start: Ints
    run_end: Ints
    channel: list[str]

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class FoundMotif:
    """A motif of an explanation.

    Parameters
    ----------
    counts
        (4, W), counts of each letter in each column of its seqlets (PFM).
    contributions
        (4, W), mean contribution of the base that is present, by letter.
    hypothetical
        (4, W), mean hypothetical value of each letter; None without hypothetical values.
    sites
        Its seqlets.
    pointed, occurring, expected
        Number of its sites under seqlets, number of all its sites in the sequences searched, and number expected under
        seqlets by chance.
    p
        p-value of the number under seqlets.
    """

    counts: Floats
    contributions: Floats
    hypothetical: Floats | None
    sites: Sites
    background: Floats
    pointed: int = 0
    occurring: int = 0
    expected: float = math.nan
    p: float = math.nan

    @property
    def ppm(self) -> Floats:
        """Probabilities (4, W)."""
        return np.asarray(self.counts / self.counts.sum(axis=0))

    @property
    def pwm(self) -> Floats:
        """Log-odds (4, W) in bits against the composition of the seqlets' surroundings."""
        return clustering.log_odds(self.counts, self.background)


def reverse_complement(motif: FoundMotif) -> FoundMotif:
    """Return the same motif and seqlets on the other strand."""
    order = DNA.complement_order
    hypothetical = motif.hypothetical
    return replace(
        motif,
        counts=motif.counts[order, ::-1],
        contributions=motif.contributions[order, ::-1],
        hypothetical=None if hypothetical is None else hypothetical[order, ::-1],
        background=motif.background[order],
        sites=replace(motif.sites, strand=-motif.sites.strand),
    )


class Builder:
    """Sum the windows of a motif's seqlets, chunk by chunk; of several on one site, the first counts."""

    def __init__(self, width: int) -> None:
        self.width, self.count = width, 0
        self.counts, self.contributions, self.hypothetical = np.zeros((3, 4, width))
        self.has_hypothetical = False
        self.parts: list[Sites] = []
        self._taken = np.zeros(0, np.int64)

    def add(self, cut: windows.Windows, seqlets: Seqlets, channel: Channel, cluster: clustering.Cluster) -> None:
        """Add the seqlets of a cluster."""
        cluster = self._new(cut, seqlets, cluster)
        member = cluster.member
        if not len(member):
            return
        self.count += len(member)
        self.counts += self._summed(cut.letters, cluster)
        self.contributions += self._summed(cut.contributions, cluster)
        if cut.hypothetical is not None:
            self.hypothetical += self._summed(cut.hypothetical, cluster)
            self.has_hypothetical = True
        start = cut.first[member] + cluster.start
        self.parts.append(
            Sites(
                seqlets.row[member], start, start + self.width, cluster.strand,
                seqlets.score[member], seqlets.p[member],
                seqlets.start[member], seqlets.end[member], [channel.name] * len(member),
            )
        )  # fmt: skip

    def motif(self, background: Floats) -> FoundMotif:
        """Return the motif."""
        hypothetical = self.hypothetical / self.count if self.has_hypothetical else None
        sites = join_sites(self.parts)
        return FoundMotif(self.counts, self.contributions / self.count, hypothetical, sites, background)

    def _new(self, cut: windows.Windows, seqlets: Seqlets, cluster: clustering.Cluster) -> clustering.Cluster:
        """Return the best seqlet of each site that has none yet, as of the other direction of a trace."""
        site = seqlets.row[cluster.member] * (1 << 32) + cut.first[cluster.member] + cluster.start
        order = np.lexsort((-seqlets.score[cluster.member], site))
        first = order[np.unique(site[order], return_index=True)[1]]
        first = np.sort(first[~np.isin(site[first], self._taken)])
        self._taken = np.concatenate([self._taken, site[first]])
        keep = np.zeros(len(site), bool)
        keep[first] = True
        return clustering.some(cluster, keep)

    def _summed(self, columns: NDArray[np.float32], cluster: clustering.Cluster) -> Floats:
        mine = windows.oriented(columns[cluster.member], cluster.start, cluster.strand, self.width)
        return np.asarray(mine.sum(axis=0, dtype=np.float64))


def no_sites() -> Sites:
    """Return no seqlets."""
    none = np.zeros(0, np.int64)
    return Sites(none, none, none, none, np.zeros(0), np.zeros(0), none, none, [])


def join_sites(parts: list[Sites]) -> Sites:
    """Concatenate seqlets."""
    if not parts:
        return no_sites()
    fields = ("row", "start", "end", "strand", "score", "p", "run_start", "run_end")
    row, start, end, strand, score, p, run_start, run_end = (
        np.concatenate([getattr(part, field) for part in parts]) for field in fields
    )
    channel = [name for part in parts for name in part.channel]
    return Sites(row, start, end, strand, score, p, run_start, run_end, channel)
