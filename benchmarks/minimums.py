"""Lowest acceptable ratios of the speed benchmarks."""

from __future__ import annotations

from collections.abc import Mapping

#: Lowest ratio of a row: the table, what it measures, and the architecture ("" for any)
MINIMUMS = {
    ("gradients", "saliency", "cnn"): 1.4,
    ("gradients", "saliency", "rnn"): 1.2,
    ("gradients", "saliency", "cnn-rnn"): 1.2,
    ("gradients", "predict", "cnn"): 1.2,
    ("gradients", "predict", ""): 1.0,
    ("explainers", "temporal", ""): 1.5,
    ("explainers", "class-optimization", ""): 0.9,
    ("training", "", "cnn"): 1.3,
    ("training", "", ""): 1.0,
    ("commands", "demo explain", ""): 0.9,
    ("importing", "", ""): 1.0,
    ("mutagenesis", "tangermeme, plain", "cnn"): 3.0,
    ("mutagenesis", "tangermeme, fast", "cnn"): 1.5,
    ("mutagenesis", "", ""): 1.0,
    ("rivals", "deeplift-shap", "cnn"): 1.0,
    ("speed", "dinucleotide_shuffle, 100,000 x 101", ""): 1.0,
    ("batch_sizes", "", ""): 0.9,
}


def minimum_of(table: str, row: Mapping[str, object]) -> float | None:
    """Return the minimum of a row of a table; None if it has none."""
    what, architecture = str(row.get("what", row.get("ours", ""))), str(row.get("architecture", ""))
    if "ratio" not in row:
        return None
    keys = ((table, what, architecture), (table, what, ""), (table, "", ""))
    return next((MINIMUMS[key] for key in keys if key in MINIMUMS), None)
