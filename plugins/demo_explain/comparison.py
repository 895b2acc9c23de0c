"""Table of all explainers of a model: time, completeness, and agreement with the other methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo_core.cli import table
from demo_core.metrics import spearman
from demo_core.results import Explanation, completeness_errors, completeness_sentence

#: Number of sequences from which the agreement is computed.
_SEQUENCES = 200


def print_comparison(paths: Sequence[Path]) -> None:
    """Print one row per explanation file; the files explain the same sequences with one model and target."""
    rows, importance = [], list[NDArray[np.float64] | None]()
    for path in paths:
        with Explanation.open(path) as found:
            importance.append(_importance(found))
            seconds = f"{float(found.metadata.get('wall_seconds', np.nan)):.1f}"
            rows.append([found.explainer, seconds, _completeness(found)])
    agreement = [_agreement(importance, place) for place in range(len(paths))]
    heads = ("method", "seconds", "largest completeness error", "agreement with other methods")
    table(heads, [[*row, said] for row, said in zip(rows, agreement, strict=True)])


def _completeness(explanation: Explanation) -> str:
    errors = completeness_errors(explanation)
    if errors is None:
        return "not guaranteed" if completeness_sentence(explanation) else "-"
    return f"{100 * float(errors.max()):.3g} %"


def _importance(explanation: Explanation) -> NDArray[np.float64] | None:
    """Return the magnitude of the present base at each position of some sequences, (n, L); None for other kinds."""
    if explanation.kind != "attribution":
        return None
    some = slice(0, _SEQUENCES)
    sizes = np.abs(np.asarray(explanation.values[some], np.float64) * explanation.one_hot(some))
    return np.asarray(sizes.sum(axis=1))


def _agreement(importance: Sequence[NDArray[np.float64] | None], place: int) -> str:
    """Return the mean rank correlation with each other method, over sequences."""
    mine = importance[place]
    others = [one for number, one in enumerate(importance) if number != place and one is not None]
    if mine is None or not others:
        return "-"
    found = np.array([[spearman(a, b) for a, b in zip(mine, other, strict=True)] for other in others])
    return "-" if np.isnan(found).all() else f"{np.nanmean(found):.2f}"
