"""Provenance of each run, and reasons to distrust it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from demo_core.errors import printable
from demo_dashboard.numbers import number
from demo_dashboard.runs import Run
from demo_dashboard.sequence import GAP_SHARE, GAP_SIZE

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
        "adds up": _adds_up(run),
    }
    text = json.dumps(meta, indent=1, ensure_ascii=False)
    return {
        "facts": {key: printable(value, 2000) for key, value in facts.items()},
        "doubts": doubts(run),
        "metadata": text if len(text) <= _MOST else text[:_MOST] + "\n...",
    }


def doubts(run: Run) -> list[str]:
    """Reasons to distrust a run: its own warnings, and a failed completeness check."""
    found = [printable(w, 400) for w in run.explanation.provenance.warnings]
    due = _due(run)
    if due is not None:
        gaps, sizes = due
        off = gaps > np.maximum(GAP_SIZE, GAP_SHARE * sizes)
        if off.any():
            found.append(
                f"the values of {int(off.sum()):,} of {len(off):,} sequences do not add up to the target less its "
                f"baseline, by more than {GAP_SHARE:.0%} of it"
            )
    return found


def _adds_up(run: Run) -> str:
    due = _due(run)
    if due is None:
        return "the method does not promise completeness"
    gaps, sizes = due
    return (
        f"the sum of values is off by {number(np.median(gaps), 3)} in the median and {number(gaps.max(), 3)} at most, "
        f"where it should be {number(np.median(sizes), 3)} in the median"
    )


def _due(run: Run) -> tuple[Any, Any] | None:
    """Return the completeness error and the expected sum of each sequence, as magnitudes."""
    e = run.explanation
    if not e.provenance.adds_up or e.baseline is None or e.kind != "attribution":
        return None
    gaps, sizes = [], []
    for rows in e.blocks():
        values = np.asarray(e.values[rows], np.float64)
        due = np.asarray(e.target_values[rows], np.float64) - np.asarray(e.baseline[rows], np.float64)
        gaps.append(np.abs((values * e.one_hot(rows)).sum(axis=(1, 2)) - due))
        sizes.append(np.abs(due))
    return np.nan_to_num(np.concatenate(gaps), nan=np.inf), np.concatenate(sizes)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
