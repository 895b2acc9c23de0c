"""Data of the report's model pages: predictions, training, optimised inputs, motifs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from demo_core.errors import printable
from demo_core.metrics import accuracy, auprc, auroc, pearson
from demo_core.views import pattern_probabilities
from demo_dashboard.alignment import Aligned, Floats
from demo_dashboard.motifs import Motifs
from demo_dashboard.numbers import number, numbers
from demo_dashboard.runs import Run, digest_of
from demo_dashboard.sequence_selection import predictions

_BINS = 20
#: Maximum number of restarts shown, the best first.
_RESTARTS = 3


def model_pages(runs: Sequence[Run], aligned: Aligned, motifs: Motifs) -> list[dict[str, Any]]:
    """Return a page for each model: its targets with measures and predictions, training, patterns and motifs.

    Measures and predictions include all sequences of its explanation files.
    """
    views, values = predictions(aligned) if aligned.runs else ([], np.zeros((0, 0)))
    pages = []
    for name in dict.fromkeys(run.model for run in runs):
        mine = [run for run in runs if run.model == name]
        described = mine[0].explanation.provenance.model
        outputs = [
            _output(aligned, output, logistic, values[place])
            for place, (model, output, logistic) in enumerate(views)
            if model == name
        ]
        pages.append(
            {
                "name": name,
                "digest": digest_of(mine[0].explanation),
                "architecture": printable(described.architecture.get("name", "unknown"), 60),
                "options": {printable(k, 60): printable(v, 120) for k, v in described.options.items()},
                "length": mine[0].explanation.sequences.length,
                "outputs": outputs,
                "training": _training(described.training),
                "metrics": _metrics(described.metrics),
                "patterns": [_pattern(run) for run in mine if run.is_pattern],
                "motifs": [_motif(m) for m in _motifs_of(motifs, mine)],
            }
        )
    return pages


def _output(aligned: Aligned, name: str, logistic: bool, predicted: Floats) -> dict[str, Any]:
    labels = aligned.labels(name)
    seen, finite = ~np.isnan(predicted), np.isfinite(predicted)
    p, label = predicted[finite], labels[finite]
    known = ~np.isnan(label)
    groups = {"positive": label > 0.5, "negative": label <= 0.5, "no label": ~known}
    both = bool(groups["positive"].any() and groups["negative"].any())
    measures: dict[str, float | None] = {}
    if logistic and not both:  # with positives only, the precision is 1 and has no meaning
        measures = {"AUROC": None, "AUPRC": None}
    elif logistic:
        measures = {"AUROC": auroc(label, p), "AUPRC": auprc(label, p), "accuracy": accuracy(label, p)}
    elif known.any():
        measures = {"Pearson": pearson(label, p)}
    low, high = (0.0, 1.0) if logistic or not len(p) else (float(p.min()), float(p.max()))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    drawn = groups if logistic else {"all": np.ones(len(p), bool)}
    counted = f"{int(groups['positive'].sum()):,} positive, {int(groups['negative'].sum()):,} negative"
    about = [counted if logistic else f"{int(known.sum()):,} with a label"]
    if not finite.all() and (lost := int(seen.sum() - finite.sum())):
        about.append(f"{lost:,} without a finite prediction are excluded")
    return {
        "name": printable(name, 120),
        "logistic": logistic,
        "sequences": int(seen.sum()),
        "about": "; ".join(about),
        "measures": {key: number(value, 4) for key, value in measures.items()},
        "edges": numbers(edges, 4),
        "histogram": {key: np.histogram(p[mask], edges)[0].tolist() for key, mask in drawn.items() if mask.any()},
    }


def _training(record: Any) -> dict[str, Any] | None:
    """Return the training record, if it has DeMo's format; imported models have none."""
    if not isinstance(record, dict):
        return None
    listed = record.get("epochs")
    epochs = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    keys = ("epoch", "train_loss", "validation_loss", "validation_score")
    curve = {key: numbers((e.get(key) for e in epochs), 5) for key in keys}
    facts = {key: printable(record[key], 120) for key in ("data", "device", "planned_epochs") if key in record}
    settings = {printable(k, 60): printable(v, 60) for k, v in _dict(record.get("settings")).items()}
    return {
        "curve": curve,
        "best": number(record.get("best_epoch")),
        "score": printable(record.get("score") or "score", 40),
        "facts": facts,
        "settings": settings,
    }


def _metrics(described: Any) -> dict[str, dict[str, float | None]]:
    return {
        printable(split, 40): {printable(k, 40): number(v, 4) for k, v in _dict(measures).items()}
        for split, measures in _dict(described).items()
    }


def _pattern(run: Run) -> dict[str, Any]:
    e = run.explanation
    reached = np.asarray(e.target_values[:], np.float64)
    best_letters = e.extra("one-hot") if "one-hot" in e.provenance.extras else np.full(len(e), np.nan)
    order = np.argsort(-np.nan_to_num(best_letters if np.isfinite(best_letters).any() else reached, nan=-np.inf))
    return {
        "label": run.label,
        "note": run.note,
        "of": len(e),
        "letters": e.sequences.alphabet.letters,
        "target": printable(e.target, 120),
        "logit": run.target.is_logit,
        "restarts": [
            {
                "name": printable(e.sequences.ids[int(row)], 60),
                "ppm": [numbers(line, 3) for line in pattern_probabilities(e.values[int(row)])],
                "reached": number(reached[row], 4),
                "letters": number(best_letters[row], 4),
            }
            for row in order[:_RESTARTS]
        ],
    }


def _motifs_of(motifs: Motifs, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the motifs found in these runs."""
    labels = {run.label for run in runs}
    owned = [(motifs.owners.get(motif["explanation"]), motif) for motif in motifs.found]
    return [{**motif, "run": label} for label, motif in owned if label in labels]


def _motif(motif: dict[str, Any]) -> dict[str, Any]:
    text = {key: printable(motif[key], 160) for key in ("motif", "run", "name", "consensus")}
    known = [
        {
            **{key: printable(match[key], 80) for key in ("match_id", "match_name", "database", "strand")},
            **{key: number(match[key], 3) for key in ("p", "E", "q")},
        }
        for match in motif["matches"]
    ]
    counts = ("seqlets", "sequences", "sites", "sites_pointed_at", "expected_by_chance", "p_pointed_at")
    return {
        **text,
        **{key: number(motif[key], 3) if key.startswith(("exp", "p_")) else motif[key] for key in counts},
        "ppm": [numbers(row, 3) for row in motif["ppm"]],
        "matches": known,
    }


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
