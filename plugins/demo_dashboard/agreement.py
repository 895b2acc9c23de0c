"""Models and explainers against each other: what a report's page of comparison shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.metrics import auroc, mean_with_interval
from demo_dashboard.alignment import Aligned, Floats
from demo_dashboard.base_importance import sizes_of
from demo_dashboard.numbers import number
from demo_dashboard.sequence import Shown
from demo_dashboard.sequence_selection import predictions

#: Positions of a sequence whose overlap is counted.
STRONGEST = 10


def compare_runs(shown: Shown) -> dict[str, Any]:
    """How alike runs are, base by base, over the sequences that both have: means over sequences.

    ``rank`` is Spearman's correlation of how much each base counts (``strength.sizes_of``), ``overlap`` the share of
    the ``STRONGEST`` positions that both have among theirs; ``chance`` is what random positions would share.
    Sequences in which a run counts no base at all are left out; ``n`` says how many were compared.
    """
    sizes = [_varied(_sizes(shown, run)) for run in range(len(shown.aligned.runs))]
    ranks = [_standard_ranks(s) for s in sizes]
    tops = [_strongest(s) for s in sizes]
    length = shown.aligned.codes.shape[1]
    count = len(sizes)
    rank: list[list[float | None]] = [[None] * count for _ in range(count)]
    overlap: list[list[float | None]] = [[None] * count for _ in range(count)]
    n = [[0] * count for _ in range(count)]
    for i in range(count):
        for j in range(i, count):
            both = ~(np.isnan(ranks[i][:, 0]) | np.isnan(ranks[j][:, 0]))
            n[i][j] = n[j][i] = int(both.sum())
            if not both.any():
                continue
            correlation = (ranks[i][both] * ranks[j][both]).sum(axis=1)
            shared = (tops[i][both] & tops[j][both]).sum(axis=1) / min(STRONGEST, length)
            rank[i][j] = rank[j][i] = number(correlation.mean(), 4)
            overlap[i][j] = overlap[j][i] = number(shared.mean(), 4)
    chance = min(STRONGEST, length) / length
    return {"rank": rank, "overlap": overlap, "n": n, "strongest": min(STRONGEST, length), "chance": number(chance, 3)}


def site_recovery_of(shown: Shown) -> list[dict[str, Any] | None]:
    """For each run, how well it tells the bases of known sites from the others; None where there are no sites.

    The AUROC over a sequence's bases of how much each counts, mean over the sequences that have a site and are not
    labelled negative, with a 95 % interval over sequences; as ``demo_core.metrics.site_recovery`` for attributions.
    """
    aligned = shown.aligned
    marks = np.zeros(aligned.codes.shape, bool)
    for place in range(len(aligned)):
        for start, end in aligned.sites(place):
            marks[place, start:end] = True
    found: list[dict[str, Any] | None] = []
    for index, run in enumerate(aligned.runs):
        negative = aligned.labels(run.output.name) <= 0.5
        if not run.output.is_probability:
            negative[:] = False
        rows = np.flatnonzero(marks.any(axis=1) & ~negative & (shown.place_in_values[index] >= 0))
        if not len(rows):
            found.append(None)
            continue
        sizes = _sizes(shown, index)
        areas = np.array([auroc(marks[row], sizes[row]) for row in rows])
        recovery = mean_with_interval(areas, resamples=1000, seed=0)
        found.append(
            {"mean": number(recovery.mean), "low": number(recovery.low), "high": number(recovery.high),
             "n": recovery.n}
        )  # fmt: skip
    return found


def compare_models(aligned: Aligned) -> list[dict[str, Any]]:
    """Pairs of models and an output that both have, over all sequences that both saw.

    ``pearson`` is of predictions, ``same`` the share that both put on one side of 0.5 (None of what is no probability).
    """
    views, values = predictions(aligned)
    pairs = []
    for i, (one, output, logistic) in enumerate(views):
        for j in range(i + 1, len(views)):
            if views[j][1] != output:
                continue
            both = ~(np.isnan(values[i]) | np.isnan(values[j]))
            x, y = values[i][both], values[j][both]
            varied = len(x) > 1 and x.std() > 0 and y.std() > 0
            pairs.append(
                {
                    "models": [one, views[j][0]],
                    "output": output,
                    "n": int(both.sum()),
                    "pearson": number(np.corrcoef(x, y)[0, 1], 4) if varied else None,
                    "same": number(((x >= 0.5) == (y >= 0.5)).mean(), 4) if logistic and len(x) else None,
                }
            )
    return pairs


def _sizes(shown: Shown, run: int) -> Floats:
    """How much each base counts (N, L); NaN where the run does not have the sequence."""
    one = shown.aligned.runs[run]
    there = shown.place_in_values[run] >= 0
    x = one.explanation.sequences.alphabet.one_hot(shown.aligned.codes[there]).astype(np.float64)
    found = np.full(shown.aligned.codes.shape, np.nan)
    found[there] = sizes_of(one.explanation.kind, shown.values[run], x, one.explanation.provenance.channels)
    return found


def _varied(sizes: Floats) -> Floats:
    """Sizes (N, L), NaN where all of a sequence's are equal: they say nothing of where to look."""
    flat = ~(sizes.max(axis=1) > sizes.min(axis=1))
    return np.where(flat[:, None], np.nan, sizes)


def _standard_ranks(sizes: Floats) -> Floats:
    """Ranks of each row, equal values sharing their mean rank, centred and of length 1; NaN rows stay NaN."""
    found = np.full(sizes.shape, np.nan)
    for row in np.flatnonzero(~np.isnan(sizes[:, 0])):
        _, inverse, counts = np.unique(sizes[row], return_inverse=True, return_counts=True)
        rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
        centred = rank - rank.mean()
        found[row] = centred / np.linalg.norm(centred)
    return found


def _strongest(sizes: Floats) -> NDArray[np.bool_]:
    """Marks (N, L) of each row's strongest positions, the leftmost of equals."""
    number_of = min(STRONGEST, sizes.shape[1])
    order = np.argsort(-np.nan_to_num(sizes), axis=1, kind="stable")[:, :number_of]
    marks = np.zeros(sizes.shape, bool)
    np.put_along_axis(marks, order, True, axis=1)
    return marks
