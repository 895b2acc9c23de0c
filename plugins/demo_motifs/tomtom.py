"""Tomtom: similarity of a motif to known motifs, and its significance."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import DemoError
from demo_motifs.compiling import call_compiled
from demo_motifs.databases import KnownMotif

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Comparison of every query with every known motif, each (Q, K).

    Parameters
    ----------
    p
        The p-value of the best alignment, over offsets and strands.
    e
        ``p * K``: expected number of K unrelated motifs that are as similar.
    q
        The false discovery rate among the K comparisons of one query, after Benjamini & Hochberg.
    offset
        Position of the query's first column in the known motif, in its orientation here (negative: before it).
    overlap
        Number of aligned columns.
    strand
        1: same strand; -1: the known motif is reverse-complemented.
    """

    p: Floats
    e: Floats
    q: Floats
    offset: NDArray[np.int64]
    overlap: NDArray[np.int64]
    strand: NDArray[np.int64]


def compare(queries: Sequence[Floats], known: Sequence[KnownMotif], say: Callable[[str], None]) -> Comparison:
    """Compare motifs, probabilities (4, W) each, with known motifs.

    Source: Gupta, Stamatoyannopoulos, Bailey & Noble, Genome Biology 2007, 8:R24, implemented in memelite (complete
    scores). The background of p-values is made from the columns of the known motifs, so they depend on the database.

    When not to use it: with a database of a few motifs, which is not a sufficient background. Fewer than 25 are
    refused.
    """
    if len(known) < 25:
        raise DemoError(
            f"Tomtom needs a database of at least 25 motifs as its background, but this one has {len(known)}; add one, "
            "as with --db jaspar"
        )
    targets = [np.ascontiguousarray(one.motif.ppm, np.float64) for one in known]
    asked = [np.ascontiguousarray(q, np.float64) for q in queries]

    def run() -> NDArray[np.float64]:
        from memelite import tomtom

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numba's warning about older processors, which the user cannot act on
            return np.asarray(tomtom(asked, targets))

    p, _, offset, overlap, strand = call_compiled("Tomtom", ("memelite",), run, say)
    p = np.clip(p, 0.0, 1.0)
    return Comparison(
        p, p * len(known), false_discovery_rates(p), offset.astype(int), overlap.astype(int), 1 - 2 * strand.astype(int)
    )


def false_discovery_rates(p: Floats) -> Floats:
    """q-values along the last axis: the lowest false discovery rate at which each p-value is significant.

    Source: Benjamini & Hochberg, J. R. Stat. Soc. B 1995, 57:289.
    """
    p = np.asarray(p, np.float64)
    n = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    scaled = np.take_along_axis(p, order, -1) * n / np.arange(1, n + 1)
    least = np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]
    q = np.empty_like(p)
    np.put_along_axis(q, order, np.minimum(least, 1.0), -1)
    return q
