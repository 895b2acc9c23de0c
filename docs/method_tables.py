"""Tables of attribution methods, for docs/generate.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from minimums import minimum_of  # noqa: E402 - is found there only


def _rows(name: str) -> list[dict[str, Any]]:
    path = ROOT / "docs" / "benchmarks" / f"{name}.json"
    return list(json.loads(path.read_text())) if path.exists() else []


def _minimum(row: dict[str, Any], table: str = "mutagenesis") -> str:
    lowest = minimum_of(table, row)
    return "" if lowest is None else f" ({lowest:g})"


def _error(error: list[float] | None) -> str:
    """Return median and largest completeness error."""
    if error is None:
        return "–"
    median, largest = (f"{100 * e:.2f} %" if e >= 0.0001 else f"{100 * e:.0e} %" for e in error)
    return f"{median}, at most {largest}"


def mutagenesis() -> str:
    """The table of benchmarks/mutagenesis.py."""
    rows = ["| network | bases | sequences | DeMo, s | rival | rival, s | ratio (minimum) |", "|---" * 7 + "|"]
    for r in _rows("mutagenesis"):
        beside = f"{r['what']}, batches of {r['batch']:,} | {r['rival']:.2f} | {r['ratio']:.1f}{_minimum(r)}"
        rows.append(f"| {r['architecture']} | {r['length']:,} | {r['sequences']} | {r['DeMo']:.2f} | {beside} |")
    return "\n".join(rows)


def methods() -> str:
    """The table of benchmarks/methods.py."""
    heads = "factor", "network", "method", "s per 1,000 sequences", "peak MiB", "completeness error", "site recovery"
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for r in _rows("methods"):
        error = _error(None if r["median_error"] is None else [r["median_error"], r["largest_error"]])
        site = f"{r['recovery']:.3f} ({r['low']:.3f} to {r['high']:.3f})"
        about = f"{r['factor']} | {r['architecture']} | `{r['method']}`"
        rows.append(f"| {about} | {r['seconds_per_1000']:,.1f} | {r['peak_mebibytes']:,} | {error} | {site} |")
    return "\n".join(rows)


def rivals() -> str:
    """The table of benchmarks/rivals.py."""
    heads = (
        "network",
        "method",
        "DeMo, s",
        "rival",
        "rival, s",
        "ratio (minimum)",
        "completeness error",
        "completeness error of the rival",
    )
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for r in _rows("rivals"):
        about = f"{r['architecture']} | `{r['what']}` | {r['DeMo']:,.1f} | {r['rival_name']} | {r['rival']:,.1f}"
        errors = f"{_error(r['DeMo_error'])} | {_error(r['rival_error'])}"
        rows.append(f"| {about} | {r['ratio']:.1f}{_minimum(r, 'rivals')} | {errors} |")
    return "\n".join(rows)


def captum_classes() -> str:
    """Classes of Captum that the explainer runs, and their parameters."""
    from demo_captum.methods import usable_methods

    rows = ["| class | parameters |", "|---|---|"]
    for name, method in sorted(usable_methods().items()):
        parameters = ", ".join(f"`{p}`" for p in (*method.of_class, *method.of_call)) or "–"
        rows.append(f"| `{name}` | {parameters} |")
    return "\n".join(rows)
