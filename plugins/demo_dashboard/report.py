"""All that a report says, as plain JSON: a head for the whole page, and the data of each sequence."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from demo_core.errors import printable
from demo_dashboard.agreement import compare_models, compare_runs, site_recovery_of
from demo_dashboard.alignment import Aligned, Ints, align
from demo_dashboard.choosing import WAYS, choose, confidence, disagreement, predictions, wrongness
from demo_dashboard.models import model_pages, run_named
from demo_dashboard.motifs import Motifs, read_motifs
from demo_dashboard.numbers import numbers
from demo_dashboard.provenance import provenance
from demo_dashboard.runs import Run
from demo_dashboard.sequence import Shown, bytes_of_sequence, sequence_data

VERSION = 1
#: Sequences of a report, if no number is given, and the bytes that they may take.
MOST, MOST_BYTES = 1000, 12_000_000


@dataclass(frozen=True)
class Choice:
    """Which sequences a report shows: how many (None: as many as are light enough), chosen how, or by id."""

    number: int | None = None
    ways: tuple[str, ...] = ("top", "wrong", "disagreed", "random")
    names: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Report:
    """``head`` is what the page needs at once, ``sequences`` one entry for each that is shown."""

    head: dict[str, Any]
    sequences: list[dict[str, Any]]
    said: str


def make_report(runs: Sequence[Run], folders: Sequence[Path], choice: Choice, command: str) -> Report:
    """Gather a report from runs and motif folders. Raises DemoError on what does not belong together."""
    aligned = align(runs)
    chosen, said = _chosen(aligned, choice)
    motifs = read_motifs(folders, aligned, chosen)
    taken = aligned.take(chosen)
    shown = Shown.load(taken, motifs) if aligned.runs else None
    of_data = {id(run): place for place, run in enumerate(aligned.runs)}
    head: dict[str, Any] = {
        "version": VERSION,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "by": f"deep-motif-dashboard {metadata.version('deep-motif-dashboard')}",
        "command": command,
        "said": said,
        "title": _title(runs),
        "letters": runs[0].explanation.sequences.alphabet.letters,
        "complement": runs[0].explanation.sequences.alphabet.complement,
        "length": (aligned.runs[0] if aligned.runs else runs[0]).explanation.sequences.length,
        "total": len(aligned),
        "runs": [{**_run(run), "place": of_data.get(id(run)), **provenance(run)} for run in runs],
        "models": model_pages(runs, aligned, motifs),
        "owners": _owners(motifs, runs),
    }
    if shown is not None:
        head |= {
            "table": _table(shown),
            "compare": {
                **compare_runs(shown),
                "sites": site_recovery_of(shown),
                "models": compare_models(aligned),
                "sequences": len(taken),
            },
        }
    return Report(head, [sequence_data(shown, i) for i in range(len(taken))] if shown else [], said)


def _chosen(aligned: Aligned, choice: Choice) -> tuple[Ints, str]:
    total = len(aligned)
    if not aligned.runs:
        return np.zeros(0, np.int64), "These are optimised inputs, which are of no sequences."
    if choice.names:
        places = [aligned.place_of(name) for name in dict.fromkeys(choice.names)]
        return np.array(places), f"{len(places):,} of {total:,} sequences, those asked for by id."
    light = max(1, MOST_BYTES // bytes_of_sequence(aligned.runs, aligned.runs[0].explanation.sequences.length))
    most = min(MOST, light) if choice.number is None else choice.number
    if total <= most:
        return np.arange(total), f"All {total:,} sequences."
    ways = [way for way in choice.ways if way != "disagreed" or len({run.model for run in aligned.runs}) > 1]
    how = ", ".join(WAYS[way] + (f" (seed {choice.seed})" if way == "random" else "") for way in ways)
    words = f"{most:,} of {total:,} sequences, taken in turn from: {how}." if len(ways) > 1 else (
        f"{most:,} of {total:,} sequences: {how}."
    )  # fmt: skip
    return choose(aligned, most, ways, choice.seed), f"{words} Measures and histograms of models are of all."


def _title(runs: Sequence[Run]) -> str:
    made = {run.explanation.metadata.get("info", {}).get("source") for run in runs if not run.is_pattern}
    names = sorted(printable(Path(str(name)).name, 60) for name in made if name)
    targets = list(dict.fromkeys(printable(run.explanation.target, 40) for run in runs))
    return f"{', '.join(targets[:3])}" + (f" · {', '.join(names[:3])}" if names else "")


def _run(run: Run) -> dict[str, Any]:
    e = run.explanation
    return {
        "label": run.label,
        "model": run.model,
        "explainer": printable(e.explainer, 60),
        "target": printable(e.target, 120),
        "output": printable(run.output["name"], 120),
        "logit": run.target.get("form") == "output" and run.output["activation"] == "sigmoid",
        "kind": e.kind,
        "channels": [printable(c, 40) for c in e.metadata["channels"]],
        "hypothetical": bool(e.metadata.get("hypothetical", True)),
        "unit": printable(e.metadata.get("unit") or "", 40),
        "note": run.note,
    }


def _owners(motifs: Motifs, runs: Sequence[Run]) -> dict[str, str]:
    """The label of the run that each explanation of a motif folder is."""
    stems = {run.path.name.removesuffix(".h5"): run.label for run in runs}
    names = {m["explanation"] for m in motifs.found} | {s.explanation for each in motifs.sites.values() for s in each}
    return {printable(name, 160): label for name in names if (label := run_named(name, stems)) is not None}


def _table(shown: Shown) -> dict[str, Any]:
    """Columns over the sequences that are shown."""
    aligned = shown.aligned
    views, values = predictions(aligned)
    ids = aligned.ids()
    intervals = [aligned.interval(place) for place in range(len(aligned))]
    targets = list(dict.fromkeys(name for _, name, _ in views))
    chroms = list(dict.fromkeys(i.chrom for i in intervals if i))
    return {
        "ids": [name.encode("utf-8", "replace").decode() for name in ids],
        "chroms": [printable(c, 120) for c in chroms],
        "intervals": [[chroms.index(i.chrom), i.start, i.end, i.strand] if i else None for i in intervals],
        "labels": {printable(t, 120): numbers(aligned.labels(t), 4) for t in targets},
        "views": [
            {"model": model, "output": printable(output, 120), "logistic": logistic, "values": numbers(column, 4)}
            for (model, output, logistic), column in zip(views, values, strict=True)
        ],
        "confidence": numbers(_ranks(confidence(aligned))),
        "wrongness": numbers(wrongness(aligned), 4),
        "disagreement": numbers(disagreement(aligned), 4),
        "hits": [_hits(shown, place) for place in range(len(aligned))],
    }


def _ranks(values: Any) -> Any:
    """Ranks from 1 of the highest: labelled negatives were moved far down, and their numbers mean nothing."""
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    return ranks


def _hits(shown: Shown, place: int) -> dict[str, int]:
    """Names of motifs with sites here, and at how many places: known sites, and found ones by their name."""
    counts: dict[str, int] = {}
    ends: dict[str, int] = {}
    for site in sorted(shown.motifs.sites.get(place, []), key=lambda s: s.start):
        name = printable(site.name or site.motif, 60)
        # sites of one name that overlap are one place, called by several runs
        if site.start >= ends.get(name, 0):
            counts[name] = counts.get(name, 0) + 1
        ends[name] = max(ends.get(name, 0), site.end)
    return counts
