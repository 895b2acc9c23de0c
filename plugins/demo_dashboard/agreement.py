"""Agreement between models and between explanations, for the report's page Compare."""

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

#: Number of strongest positions of a sequence whose overlap is counted.
STRONGEST = 10


def compare_runs(shown: Shown) -> dict[str, Any]:
    """Similarity of runs at each base: means over the sequences that both have.

    ``rank`` is Spearman's correlation of base importance (``strength.sizes_of``). ``overlap`` is the fraction of the
    ``STRONGEST`` positions that both share; ``chance`` is its value for random positions. Sequences without any
    important base in a run are excluded; ``n`` is the number of sequences compared.
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
    """Recovery of known sites by each run; None if there are no sites.

    This is the AUROC of base importance over the bases of a sequence, averaged over sequences with a site that are not
    labelled negative, with a 95 % interval over sequences. For attributions it equals
    ``demo_core.metrics.site_recovery``.
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
    """Compare pairs of models on an output that both have, over all sequences that both explained.

    ``pearson`` is the correlation of predictions. ``same`` is the fraction of predictions on the same side of 0.5 (None
    for outputs that are not probabilities).
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
    """Base importance (N, L); NaN for sequences that the run does not have."""
    one = shown.aligned.runs[run]
    there = shown.place_in_values[run] >= 0
    x = one.explanation.sequences.alphabet.one_hot(shown.aligned.codes[there]).astype(np.float64)
    found = np.full(shown.aligned.codes.shape, np.nan)
    found[there] = sizes_of(one.explanation.kind, shown.values[run], x, one.explanation.provenance.channels)
    return found


def _varied(sizes: Floats) -> Floats:
    """Base importance (N, L), NaN where all values of a sequence are equal, since they point nowhere."""
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
    """Mark each row's strongest positions (N, L); of equal ones, the leftmost."""
    number_of = min(STRONGEST, sizes.shape[1])
    order = np.argsort(-np.nan_to_num(sizes), axis=1, kind="stable")[:, :number_of]
    marks = np.zeros(sizes.shape, bool)
    np.put_along_axis(marks, order, True, axis=1)
    return marks
