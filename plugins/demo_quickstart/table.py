"""Table of the quickstart: prediction quality of each network, and recovery of planted sites by each explanation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from demo_core import Explanation, Model, SequenceDataset
from demo_core.metrics import auroc, site_recovery
from demo_core.models import logistic

HEADS = ("model", "AUROC", "site recovery: saliency", "site recovery: temporal", "P of the best letters")


@dataclass(frozen=True)
class Row:
    """One model's row."""

    model: str
    auroc: float
    saliency: float
    temporal: float
    optimised: float

    def cells(self) -> list[str]:
        """Cells of the table."""
        return [self.model, *(f"{value:.3f}" for value in (self.auroc, self.saliency, self.temporal, self.optimised))]

    def as_json(self) -> dict[str, Any]:
        """Entry of ``table.json``."""
        return asdict(self)


def measured(name: str, folder: Path, data: Path, files: dict[str, Path]) -> Row:
    """Measure a model and its explanations."""
    registry = click.get_current_context().obj.registry
    with SequenceDataset.open(data) as dataset:
        test = dataset.rows_of_split("test")
        predicted = Model.load(folder, registry=registry).predict(dataset.codes[test])
        auc = auroc(dataset.labels[test, 0], predicted[:, 0])
    with Explanation.open(files["saliency"]) as found:
        rows = positives(found)
        x, sites = found.one_hot(slice(None))[rows], found.sequences.sites[:][rows]
        saliency = site_recovery(found.values[:][rows], x, sites).mean
    with Explanation.open(files["temporal"]) as found:
        rows = positives(found)
        change = changes(found.values[:][rows])[:, None, :]
        temporal = site_recovery(change, np.ones_like(change), found.sequences.sites[:][rows]).mean
    with Explanation.open(files["class-optimization"]) as found:
        optimised = float(logistic(found.extra("one-hot").max()))
    return Row(name, auc, saliency, temporal, optimised)


def positives(found: Explanation) -> NDArray[np.int64]:
    """Return the rows with a planted site."""
    return np.flatnonzero(found.sequences.labels[:, 0] > 0.5)


def changes(traces: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how much each base changes temporal scores (N, 2, L) when it is read from the left and from the right: (N,
    L).

    Where a score is unknown, the change is 0.
    """
    forward, backward = np.asarray(traces, np.float64).transpose(1, 0, 2)
    change = np.zeros(forward.shape)
    change[:, 1:] += np.abs(np.nan_to_num(np.diff(forward, axis=1)))
    change[:, :-1] += np.abs(np.nan_to_num(np.diff(backward, axis=1)))
    return change
