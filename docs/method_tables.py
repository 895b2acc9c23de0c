"""Tables of benchmarks/mutagenesis.py and benchmarks/methods.py, for docs/generate.py."""

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


def _minimum(row: dict[str, Any]) -> str:
    lowest = minimum_of("mutagenesis", row)
    return "" if lowest is None else f" ({lowest:g})"


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
        error = "–"
        if r["median_error"] is not None:
            error = f"{100 * r['median_error']:.2f} %, at most {100 * r['largest_error']:.2f} %"
        site = f"{r['recovery']:.3f} ({r['low']:.3f} to {r['high']:.3f})"
        about = f"{r['factor']} | {r['architecture']} | `{r['method']}`"
        rows.append(f"| {about} | {r['seconds_per_1000']:,.1f} | {r['peak_mebibytes']:,} | {error} | {site} |")
    return "\n".join(rows)
