"""Measures of predictions on labelled sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.data import SequenceDataset
from demo_core.errors import DemoError, MisfitError, UsageProblem, printable
from demo_core.metrics import accuracy, auprc, auroc, calibration_error, pearson
from demo_core.models import Model, measured_batch_size
from demo_core.running import labels_for
from demo_core.sequences import DNA, Codes, read_meme


def chosen_split(dataset: SequenceDataset, name: str | None) -> tuple[str, NDArray[np.int64]]:
    """Return the requested split, the test split, or all without a test split; and its rows. Raises UsageProblem."""
    rows = dataset.rows_of_split(name or "test")
    if name is None and not len(rows):
        name, rows = "all", dataset.rows_of_split("all")
    if not len(rows):
        raise UsageProblem(f"split {name} is empty; see 'demo data info'")
    return name or "test", rows


def scores(
    model: Model, dataset: SequenceDataset, rows: NDArray[np.int64], batch_size: int | None = None
) -> dict[str, dict[str, float | int | None]]:
    """Return all measures for each of the model's targets that the data label, without unknown labels.

    Raises MisfitError if the data label none of them.
    """
    shared = [o for o in model.outputs if o.name in dataset.targets]
    if not shared:
        theirs = ", ".join(printable(t, 40) for t in dataset.targets[:8])
        ours = ", ".join(printable(o.name, 40) for o in model.outputs[:8])
        raise MisfitError(f"the data labels {theirs}; the model predicts {ours}")
    outputs, labels = [], []
    size = dataset.rows_at_once()
    batch_size = batch_size or measured_batch_size(model, len(rows), gradients=False)
    for start in range(0, len(rows), size):
        block = dataset.take(rows[start : start + size])
        outputs.append(model.predict(block.codes, batch_size))
        labels.append(labels_for(model, block))
    raw, label = np.concatenate(outputs), np.concatenate(labels)
    if lost := int((~np.isfinite(raw)).any(axis=1).sum()):
        first = printable(dataset.take(rows[[int(np.argmax((~np.isfinite(raw)).any(axis=1)))]]).ids[0], 60)
        raise MisfitError(
            f"model '{model.name}': outputs for {lost} of {len(rows)} sequences are NaN or infinite, the first for "
            f"'{first}'; remove these sequences, or check them for unknown bases"
        )
    predicted = model.activate(raw)
    found = {}
    for output in shared:
        column = model.outputs.index(output)
        truth = label[:, column]
        prediction = predicted[:, column]
        known = ~np.isnan(truth)
        measures: dict[str, float | int | None] = {
            "labelled": int(known.sum()),
        }
        if output.is_probability:
            measures["positives"] = int((truth[known] > 0.5).sum())
            measures["negatives"] = int((truth[known] <= 0.5).sum())
            # ranks are computed from logits, since float32 probabilities near 1 are tied
            measures["auroc"] = _number(auroc(truth, raw[:, column]))
            measures["auprc"] = _number(auprc(truth, raw[:, column]))
            measures["accuracy"] = _number(accuracy(truth, prediction))
            measures["calibration_error"] = _number(calibration_error(truth, prediction))
        else:
            measures["pearson"] = _number(pearson(truth, prediction))
            gap = (truth - prediction)[known]
            measures["mean_squared_error"] = _number(float((gap**2).mean()) if len(gap) else float("nan"))
        found[output.name] = measures
    return found


def best_matrix(
    path: Path, dataset: SequenceDataset, rows: NDArray[np.int64], targets: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return, for each target, the single matrix whose best match in a sequence separates positives from negatives
    best.

    The matrix is chosen on the same sequences as its score, so the score is optimistic.
    """
    if dataset.alphabet != DNA:
        raise UsageProblem("--motif needs DNA sequences")
    motifs = [m for m in read_meme(path) if len(m) <= dataset.length]
    if not motifs:
        raise DemoError(f"{path}: all motifs are longer than the sequences; give shorter motifs")
    block = dataset.take(rows)
    matched = [best_scores(block.codes, m.pwm()) for m in motifs]
    found = {}
    for name in targets:
        truth = block.labels_of(name)
        areas = [auroc(truth, score) for score in matched]
        if np.isnan(areas).all():
            continue
        best = int(np.nanargmax(areas))
        found[name] = {
            "id": motifs[best].id,
            "name": motifs[best].name,
            "auroc": areas[best],
            "of": len(motifs),
        }
    return found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def best_scores(codes: Codes, pwm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the best log-odds (N,) of a match in each of (N, L) DNA sequences, on either strand, in bits.

    An unknown base scores as the worst letter. Raises ValueError if L is below W.
    """
    n, length = codes.shape
    width = pwm.shape[1]
    if length < width:
        raise ValueError(f"a motif of {width} positions does not fit into {length} bases")
    best = np.full(n, -np.inf)
    for matrix in (pwm, pwm[::-1, ::-1]):
        table = np.vstack([matrix, matrix.min(axis=0)])
        score = np.zeros((n, length - width + 1))
        for place in range(width):
            score += table[codes[:, place : place + length - width + 1], place]
        best = np.maximum(best, score.max(axis=1))
    return best
