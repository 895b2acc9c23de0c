"""Whether an explanation points at a motif's sites, or at these as often as at anything else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from demo_core.dataset import take_rows
from demo_core.explanation import Explanation
from demo_motifs import windows
from demo_motifs.evidence import Channel, Rows
from demo_motifs.found import FoundMotif
from demo_motifs.scanning import Scanner, without_overlaps
from demo_motifs.seqlets import Found

#: A pattern is a motif if the chance of its seqlets to lie on its sites as often is at most this.
LARGEST_P = 1e-6
#: Sequences in which sites are counted, drawn with the seed.
_MOST_TESTED = 20_000
_CHUNK = 8192


def pointed_at(
    explanation: Explanation,
    motif: FoundMotif,
    found: list[tuple[Channel, Found]],
    rows: Rows,
    seed: int,
) -> FoundMotif:
    """Count the motif's sites that lie under seqlets, and how many would if these were strewn at random."""
    if len(rows) > _MOST_TESTED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST_TESTED, replace=False))
    width, length = motif.counts.shape[1], explanation.sequences.length
    scanner = Scanner(motif.pwm, motif.background, best_anyway=True)
    place = np.full(len(explanation), -1, np.int64)
    place[rows] = np.arange(len(rows))
    # at how many starts, and at which, a site would overlap a zone by half
    under = np.zeros((len(rows), length + 1), np.int32)
    for channel, one in found:
        start, end = windows.zone(channel, one.seqlets, length)
        need = (np.minimum(end - start, width) + 1) // 2
        row = place[one.seqlets.row]
        first = np.clip(start + need - width, 0, length)
        stop = np.clip(end - need + 1, 0, length)
        usable = (row >= 0) & (stop > first)
        np.add.at(under, (row[usable], first[usable]), 1)
        np.add.at(under, (row[usable], stop[usable]), -1)
    covered = np.cumsum(under, axis=1)[:, : length - width + 1] > 0
    share = covered.mean(axis=1)
    pointed, occurring, expected = 0, 0, 0.0
    for begin in range(0, len(rows), _CHUNK):
        codes = take_rows(explanation.sequences.codes, rows[begin : begin + _CHUNK])
        hits = without_overlaps(scanner.hits(codes), width)
        occurring += len(hits)
        pointed += int(covered[hits.row + begin, hits.start].sum())
        expected += float(share[hits.row + begin].sum())
    return replace(
        motif,
        pointed=pointed,
        occurring=occurring,
        expected=expected,
        p=binomial_tail(pointed, occurring, expected / max(1, occurring)),
    )


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
