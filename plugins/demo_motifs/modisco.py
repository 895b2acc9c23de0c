"""TF-MoDISco with the same interface: its patterns, from hypothetical values."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from demo_core.data import take_rows
from demo_core.errors import DemoError, UsageProblem, one_line
from demo_core.results import Explanation
from demo_core.sequences import DNA
from demo_motifs import clustering, windows
from demo_motifs.compiling import call_compiled
from demo_motifs.found_motif import Builder, FoundMotif
from demo_motifs.per_base_scores import Rows, channels
from demo_motifs.scanning import composition_of
from demo_motifs.seqlets import Seqlets

if TYPE_CHECKING:
    from demo_motifs.finding import Settings

#: Maximum number of sequences, since TF-MoDISco keeps all of them and their similarities in memory.
MOST_SEQUENCES = 20_000
_LEAST_LENGTH = 41


def modisco_motifs(
    explanation: Explanation, rows: Rows, settings: Settings, least: int, say: Callable[[str], None]
) -> list[FoundMotif]:
    """Find patterns with TF-MoDISco, and convert them to motifs, trimmed in the same way.

    Source: Shrikumar et al., arXiv 1811.00416, implemented in modisco-lite, with its default options except the minimum
    number of seqlets of a pattern.

    When not to use it: with fewer than a few hundred sequences; it often finds nothing.

    Raises UsageProblem without modisco-lite, for other kinds than attribution, and without hypothetical values.
    """
    if find_spec("modiscolite") is None:
        raise UsageProblem("--patterns modisco needs modisco-lite: pip install 'deep-motif-dashboard[modisco]'")
    if explanation.kind != "attribution" or not explanation.provenance.hypothetical:
        raise UsageProblem("--patterns modisco reads attributions with hypothetical values; choose --patterns demo")
    if explanation.sequences.length < _LEAST_LENGTH:
        raise UsageProblem(f"--patterns modisco needs sequences of at least {_LEAST_LENGTH} bases")
    if len(rows) > MOST_SEQUENCES:
        rows = np.sort(np.random.default_rng(settings.seed).choice(rows, MOST_SEQUENCES, replace=False))
    if not len(rows):
        return []
    patterns = _run(explanation, rows, settings, least, say)
    channel = channels(explanation)[0]
    motifs = []
    for pattern in patterns:
        row = rows[np.array([s.example_idx for s in pattern.seqlets], np.int64)]
        start, end = (np.array([getattr(s, name) for s in pattern.seqlets], np.int64) for name in ("start", "end"))
        strand = np.array([-1 if s.is_revcomp else 1 for s in pattern.seqlets], np.int64)
        seqlets = Seqlets(row, start, end, np.zeros(len(row)), np.full(len(row), np.nan))
        cut = windows.cut(explanation, channel, seqlets, sign=settings.sign)
        whole = clustering.Cluster(
            np.arange(len(row)), start - cut.first, strand, int((end - start)[0]), np.zeros(len(row))
        )
        background = composition_of(cut.codes)
        columns = clustering.trimmed(clustering.matrix(cut, whole), background)
        width = columns.stop - columns.start
        if width < 1:
            continue
        # columns are counted along the motif: on the other strand from the end of the seqlet
        first = np.where(strand > 0, whole.start + columns.start, whole.start + whole.width - columns.stop)
        inside = (cut.first + first >= 0) & (cut.first + first + width <= explanation.sequences.length)
        trimmed = clustering.some(clustering.Cluster(whole.member, first, strand, width, whole.p), inside)
        place = np.arange(cut.codes.shape[1])
        under = (place >= first[:, None]) & (place < first[:, None] + width)
        score = (cut.contributions.sum(axis=1) * under).sum(axis=1)
        builder = Builder(width)
        builder.add(cut, Seqlets(row, start, end, score, seqlets.p), channel, trimmed)
        if builder.count >= least:
            motifs.append(builder.motif(background))
    return sorted(motifs, key=lambda m: -len(m.sites))


def _run(explanation: Explanation, rows: Rows, settings: Settings, least: int, say: Callable[[str], None]) -> list[Any]:
    codes = take_rows(explanation.sequences.codes, rows)
    one_hot = DNA.one_hot(codes).transpose(0, 2, 1).astype(np.float32)
    values = settings.sign * np.nan_to_num(take_rows(explanation.values, rows)).transpose(0, 2, 1).astype(np.float32)
    if not (values * one_hot).any():
        return []

    def run() -> list[Any]:
        import modiscolite

        with contextlib.redirect_stdout(io.StringIO()):
            positive, _ = modiscolite.tfmodisco.TFMoDISco(
                one_hot=one_hot,
                hypothetical_contribs=values,
                min_metacluster_size=min(100, max(least, 20)),
                final_min_cluster_size=min(20, least),
            )
        return list(positive or [])

    try:
        return call_compiled("TF-MoDISco", ("modisco-lite",), run, say)
    except (ValueError, IndexError, ZeroDivisionError) as error:
        # it raises these errors if too few seqlets remain for one of its steps
        raise DemoError(
            f"TF-MoDISco failed ({one_line(error)}), perhaps for too few seqlets; try --patterns demo"
        ) from error
