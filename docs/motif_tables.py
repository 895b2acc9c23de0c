"""Tables of benchmarks/motifs.py, for docs/generate.py."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "benchmarks" / "motifs.json"


def _results() -> dict[str, Any]:
    return dict(json.loads(RESULTS.read_text())) if RESULTS.exists() else {}


def encode() -> str:
    """The best-supported motif of each dataset and model."""
    rows = [
        "| factor | model | seqlets by | motif | seqlets (sequences) | best match, q | "
        "the factor's own or its family's, q | further motifs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in _results().get("encode", []):
        by = "best windows" if any("instead" in line for line in r["account"]) else "significance"
        others = ", ".join(f"{m['match']} ({m['seqlets']})" for m in r["others"] if m["q"] < 0.01) or "-"
        if "match" not in r:
            rows.append(f"| {r['dataset']} | {r['model']} | {by} | none | | | | |")
            continue
        own = f"**{r['own']}, {r['own_q']:.0e}**" if r.get("own") and r["own_q"] < 0.01 else "-"
        rows.append(
            f"| {r['dataset']} | {r['model']} | {by} | {r['consensus']} | {r['seqlets']} ({r['sequences']}) | "
            f"{r['match']}, {r['q']:.0e} | {own} | {others} |"
        )
    return "\n".join(rows)


def matches() -> str:
    """The paper's table: shares of sequences, or of windows of optimised inputs, by method."""
    found = _results().get("match", [])
    methods = ("saliency", "temporal forward", "temporal backward", "filters", "class-optimization")
    rows = [
        "| factor | model | saliency | temporal forward | temporal backward | first-layer filters | optimised inputs | "
        "by chance |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for factor, model in dict.fromkeys((r["factor"], r["model"]) for r in found):
        mine = {r["method"]: r for r in found if (r["factor"], r["model"]) == (factor, model)}
        cells = [_share(mine.get(method)) for method in methods]
        chance = mine["saliency"]["chance"]
        rows.append(f"| {factor} | {model} | {' | '.join(cells)} | {chance:.1%} |")
    return "\n".join([*rows, "", _ordering(found)])


def _share(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    if row["unit"] == "window":
        return f"{row['matched']} of {row['total']}"
    return f"{row['fraction']:.1%} ({row['ci_low']:.1%} to {row['ci_high']:.1%})"


def _ordering(found: list[dict[str, Any]]) -> str:
    """In how many pairs saliency matches more often than the better direction of the temporal scores."""
    pairs = list(dict.fromkeys((r["factor"], r["model"]) for r in found))
    share = {(r["factor"], r["model"], r["method"]): r["fraction"] for r in found}
    gaps = [
        share[(*pair, "saliency")] - max(share[(*pair, f"temporal {way}")] for way in ("forward", "backward"))
        for pair in pairs
    ]
    ahead, mean = sum(g > 0 for g in gaps), sum(gaps) / max(1, len(gaps))
    return (
        "Saliency matches more often than the better direction of the temporal scores in "
        f"{ahead} of {len(gaps)} pairs of factor and model. The mean difference is {mean * 100:.1f} percentage points."
    )


def planted() -> str:
    """Four planted motifs: recovered, and where."""
    rows = [
        "| model | recovered, q | other motifs | planted sites | under a seqlet | of these within 3 bases |",
        "|---|---|---|---|---|---|",
    ]
    for r in _results().get("planted", []):
        names = ", ".join(f"{name} {q:.0e}" if q is not None else f"{name} not" for name, q in r["recovered"].items())
        share = r["within_3"] / r["sites_found"] if r["sites_found"] else math.nan
        rows.append(
            f"| {r['model']} | {names} | {len(r['false'])} | {r['planted_sites']} | {r['sites_found']} | "
            f"{r['within_3']} ({share:.1%}) |"
        )
    return "\n".join(rows)


def shuffled() -> str:
    """Shuffles, of which nothing is known: how many yield a seqlet."""
    rows = ["| shuffles of | model | null | sequences | with a significant run |", "|---|---|---|---|---|"]
    for r in _results().get("shuffled", []):
        null = "their own values" if r["null"] == "auto" else r["null"]
        share = r["with_seqlet"] / r["sequences"]
        rows.append(
            f"| {r['dataset']} | {r['model']} | {null} | {r['sequences']:,} | {r['with_seqlet']} ({share:.1%}) |"
        )
    return "\n".join(rows)


def speed() -> str:
    """Ours beside modisco-lite."""
    r = _results().get("speed")
    if not r:
        return "Not measured."
    listed = {k: ", ".join(f"{m['match']} ({m['seqlets']})" for m in r[k]) or "none" for k in ("demo", "modisco")}
    return "\n".join(
        [
            "| | whole command, median | motifs: best match (seqlets) |",
            "|---|---|---|",
            f"| `demo motifs find` | {r['seconds']['demo']:.1f} s | {listed['demo']} |",
            f"| `modisco motifs` | {r['seconds']['modisco']:.1f} s | {listed['modisco']} |",
            f"| `demo motifs find`, 10,000 sequences | {r['seconds']['demo_10000']:.1f} s | |",
            "",
            f"{r['sequences']:,} sequences of 101 bases, {r['rounds']} rounds, {r['cores']} cores; modisco-lite took "
            f"{r['ratio']:.1f} times as long (median of the rounds).",
        ]
    )


def million() -> str:
    """Time and memory of a million sequences."""
    r = _results().get("million")
    if not r:
        return "Not measured."
    return f"1,000,000 sequences: {r['seconds']:.0f} s, at most {r['megabytes']:.0f} MB of memory."


TABLES = {
    "motifs_encode": encode,
    "motifs_match": matches,
    "motifs_planted": planted,
    "motifs_shuffled": shuffled,
    "motifs_speed": speed,
    "motifs_million": million,
}
