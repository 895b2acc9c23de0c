"""Choose the sequences of a report if not all can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import UsageProblem, unknown_name
from demo_dashboard.alignment import Aligned, Floats, Ints

#: Ways to choose, and their names in the report.
WAYS = {
    "top": "the most confident positives",
    "wrong": "the worst errors",
    "disagreed": "the largest disagreements",
    "random": "a random draw",
}


def predictions(aligned: Aligned) -> tuple[list[tuple[str, str, bool]], Floats]:
    """Return what each model predicts for each sequence.

    Returns
    -------
    Views (model label, output name, whether it is a probability), and their values (V, N), NaN if the model did not
    explain the sequence. Included are outputs from which any run's target is computed.
    """
    views: dict[tuple[str, str, bool], Floats] = {}
    for place, run in enumerate(aligned.runs):
        e = run.explanation
        predicted, columns = e.predictions, [o.name for o in e.provenance.model.outputs]
        for output in run.target.outputs:
            view = run.model, output.name, output.is_probability
            mine = aligned.gather(place, predicted[:, columns.index(output.name)])
            there = views.get(view)
            views[view] = mine if there is None else np.where(np.isnan(there), mine, there)
    if not views:
        return [], np.zeros((0, len(aligned)))
    return list(views), np.stack(list(views.values()))


def confidence(aligned: Aligned) -> Floats:
    """Return the mean of the models' outputs before activation, (N,), for the first run's output.

    NaN if no model explained the sequence.
    """
    output = aligned.runs[0].output
    per_model: dict[str, Floats] = {}
    for place, run in enumerate(aligned.runs):
        e = run.explanation
        mine = [(o.name, o.activation) for o in e.provenance.model.outputs]
        alike = [one == (output.name, output.activation) for one in mine]
        if any(alike):
            found = aligned.gather(place, np.asarray(e.outputs[:, alike.index(True)], np.float64))
            there = per_model.get(run.model)
            per_model[run.model] = found if there is None else np.where(np.isnan(there), found, there)
    return _mean(np.stack(list(per_model.values())))


def positives(aligned: Aligned) -> NDArray[np.bool_]:
    """Return which sequences are labelled positive for the first run's output; none if it is not a probability."""
    output = aligned.runs[0].output
    if not output.is_probability:
        return np.zeros(len(aligned), bool)
    return np.asarray(np.nan_to_num(aligned.labels(output.name)) > 0.5)


def wrongness(aligned: Aligned) -> Floats:
    """Return the largest distance of a model's probability from the label, (N,); NaN without a label."""
    views, values = predictions(aligned)
    gaps = [np.abs(v - aligned.labels(name)) for (_, name, logistic), v in zip(views, values, strict=True) if logistic]
    return _most(np.stack(gaps)) if gaps else np.full(len(aligned), np.nan)


def disagreement(aligned: Aligned) -> Floats:
    """Return the largest difference between two models' predictions of one output, (N,); NaN with fewer than two
    models.
    """
    views, values = predictions(aligned)
    spans = []
    for name in dict.fromkeys(view[1] for view in views):
        mine = values[[i for i, view in enumerate(views) if view[1] == name]]
        if len(mine) > 1:
            spans.append(_most(mine) + _most(-mine))
    return _most(np.stack(spans)) if spans else np.full(len(aligned), np.nan)


def ranking(aligned: Aligned, way: str, seed: int = 0) -> Ints:
    """Return all sequences in the order of preference of one way. Raises UsageProblem on an unknown way.

    For ``top``, positives precede all others, if any are labelled.
    """
    if way not in WAYS:
        raise UsageProblem(unknown_name("way to choose", way, WAYS))
    if way == "random":
        return np.random.default_rng(seed).permutation(len(aligned))
    score = {"top": confidence, "wrong": wrongness, "disagreed": disagreement}[way](aligned)
    first = positives(aligned) if way == "top" else np.zeros(len(aligned), bool)
    return np.lexsort((-np.nan_to_num(score, nan=-np.inf), ~first))


def usable(aligned: Aligned, way: str) -> bool:
    """Return whether a way applies: labels for errors, two models for disagreement."""
    score = {"wrong": wrongness, "disagreed": disagreement}.get(way)
    return score is None or bool(np.isfinite(score(aligned)).any())


def choose(aligned: Aligned, number: int, ways: Sequence[str], seed: int = 0) -> Ints:
    """Return ``number`` sequences, taken in turn from the start of each ranking, in the order of the files."""
    if number >= len(aligned):
        return np.arange(len(aligned))
    chosen: dict[int, None] = {}
    rankings = [ranking(aligned, way, seed).tolist() for way in dict.fromkeys(ways)]
    for several in zip_longest(*rankings):
        for place in several:
            if len(chosen) < number:
                chosen[place] = None
    return np.sort(np.array(list(chosen), np.int64))


def _mean(values: Floats) -> Floats:
    there = ~np.isnan(values)
    n = there.sum(axis=0)
    return np.where(n > 0, np.where(there, values, 0).sum(axis=0) / np.maximum(n, 1), np.nan)


def _most(values: Floats) -> Floats:
    most = np.where(np.isnan(values), -np.inf, values).max(axis=0)
    return np.where(np.isfinite(most), most, np.nan)
