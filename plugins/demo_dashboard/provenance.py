"""Provenance of each run, and reasons to distrust it."""

from __future__ import annotations

import json
from typing import Any

from demo_core.errors import printable
from demo_core.results import completeness_errors, completeness_sentence, tolerance_of
from demo_dashboard.runs import Run

#: Maximum characters of a run's metadata shown.
_MOST = 200_000


def provenance(run: Run) -> dict[str, Any]:
    """Return facts, warnings, and the metadata of the file."""
    e, meta = run.explanation, run.explanation.metadata
    told, by = e.provenance, e.provenance.explainer
    facts = {
        "file": run.path.name,
        "explainer": by.name,
        "plugin": " ".join((by.plugin, by.distribution, by.version, by.origin)),
        "kind": e.kind,
        "options": json.dumps(told.options, ensure_ascii=False),
        "target": e.target,
        "model": run.model,
        "model digest": told.model.digest,
        "sequences": f"{len(e):,}",
        "data digest": meta.get("data_digest") or "none (optimised inputs)",
        "seed": meta.get("seed", "unknown"),
        "strands": "both, averaged" if told.average_strands else "as given",
        "device": meta.get("device", "unknown"),
        "batch size": meta.get("batch_size", "unknown"),
        "created": meta.get("created", "unknown"),
        "wall time": f"{meta.get('wall_seconds', '?')} s",
        "libraries": ", ".join(f"{k} {v}" for k, v in _dict(meta.get("libraries")).items()),
        "completeness": completeness_sentence(e) or f"kind {e.kind} has no sum",
    }
    text = json.dumps(meta, indent=1, ensure_ascii=False)
    return {
        "facts": {key: printable(value, 2000) for key, value in facts.items()},
        "doubts": doubts(run),
        "warnings": [printable(w, 400) for w in told.warnings],
        "metadata": text if len(text) <= _MOST else text[:_MOST] + "\n...",
    }


def doubts(run: Run) -> list[str]:
    """Reasons to distrust a run: its own warnings, and a failed completeness check."""
    found = [printable(w, 400) for w in run.explanation.provenance.warnings]
    errors = completeness_errors(run.explanation)
    if errors is not None and not (errors <= tolerance_of(run.explanation)).all():
        found.append(completeness_sentence(run.explanation))
    return found


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
