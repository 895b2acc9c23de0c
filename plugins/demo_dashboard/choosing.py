"""Which sequences are shown, where not all can be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from demo_core.errors import UsageProblem, unknown_name
from demo_dashboard.alignment import Aligned, Floats, Ints

#: Ways to choose, with the words a report says them in.
WAYS = {
    "top": "the most confident positives",
    "wrong": "those the models are most wrong about",
    "disagreed": "those the models disagree on most",
    "random": "a random draw",
}


def predictions(aligned: Aligned) -> tuple[list[tuple[str, str, bool]], Floats]:
    """What each model says of each sequence.

    Returns
    -------
    Views, a model's label, an output's name and whether it is a probability; and their values (V, N), NaN where the
    model did not see the sequence. Of the outputs that any run's target is made of.
    """
    views: dict[tuple[str, str, bool], Floats] = {}
    for place, run in enumerate(aligned.runs):
        e = run.explanation
        predicted = e.probabilities()
        columns = [o["name"] for o in e.metadata["model"]["targets"]]
        for output in run.target["outputs"]:
            view = run.model, str(output["name"]), output["activation"] == "sigmoid"
            mine = aligned.gather(place, predicted[:, columns.index(output["name"])])
            there = views.get(view)
            views[view] = mine if there is None else np.where(np.isnan(there), mine, there)
    if not views:
        return [], np.zeros((0, len(aligned)))
    return list(views), np.stack(list(views.values()))


def confidence(aligned: Aligned) -> Floats:
    """How sure the models are that each sequence is a positive: the mean of their outputs before activation, (N,).

    Of the first run's output, in every model that has it. What is labelled negative comes after all others; NaN where
    no model saw the sequence.
    """
    name = aligned.runs[0].output["name"]
    per_model: dict[str, Floats] = {}
    for place, run in enumerate(aligned.runs):
        e = run.explanation
        columns = [o["name"] for o in e.metadata["model"]["targets"]]
        if name in columns:
            mine = aligned.gather(place, np.asarray(e.outputs[:, columns.index(name)], np.float64))
            there = per_model.get(run.model)
            per_model[run.model] = mine if there is None else np.where(np.isnan(there), mine, there)
    mean = _mean(np.stack(list(per_model.values())))
    labels = aligned.labels(name)
    if not (np.nan_to_num(labels) > 0.5).any():
        return mean
    # 1e6 is beyond any output that float32 networks give
    return np.where(np.nan_to_num(labels) > 0.5, mean, mean - 1e6)


def wrongness(aligned: Aligned) -> Floats:
    """The largest distance of a model's probability from the label, (N,); NaN where there is no label."""
    views, values = predictions(aligned)
    gaps = [np.abs(v - aligned.labels(name)) for (_, name, logistic), v in zip(views, values, strict=True) if logistic]
    return _most(np.stack(gaps)) if gaps else np.full(len(aligned), np.nan)


def disagreement(aligned: Aligned) -> Floats:
    """The largest difference between two models' predictions of one output, (N,); NaN with fewer than two models."""
    views, values = predictions(aligned)
    spans = []
    for name in dict.fromkeys(view[1] for view in views):
        mine = values[[i for i, view in enumerate(views) if view[1] == name]]
        if len(mine) > 1:
            spans.append(_most(mine) + _most(-mine))
    return _most(np.stack(spans)) if spans else np.full(len(aligned), np.nan)


def ranking(aligned: Aligned, way: str, seed: int = 0) -> Ints:
    """All sequences, those first that this way would choose. Raises UsageProblem on an unknown way."""
    if way not in WAYS:
        raise UsageProblem(unknown_name("way to choose", way, WAYS))
    if way == "random":
        return np.random.default_rng(seed).permutation(len(aligned))
    score = {"top": confidence, "wrong": wrongness, "disagreed": disagreement}[way](aligned)
    return np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")


def choose(aligned: Aligned, number: int, ways: Sequence[str], seed: int = 0) -> Ints:
    """``number`` sequences, taken in turn from the head of each way's ranking, in the order of the files."""
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
