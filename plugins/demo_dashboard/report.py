"""Content of a report as plain JSON: a head for the page, and the data of each sequence."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from demo_core.errors import UsageProblem, printable
from demo_dashboard.agreement import compare_models, compare_runs, site_recovery_of
from demo_dashboard.alignment import Aligned, Ints, align
from demo_dashboard.models import model_pages
from demo_dashboard.motifs import read_motifs
from demo_dashboard.numbers import numbers
from demo_dashboard.provenance import provenance
from demo_dashboard.runs import Run
from demo_dashboard.sequence import Shown, bytes_of_sequence, sequence_data
from demo_dashboard.sequence_selection import (
    WAYS,
    choose,
    disagreement,
    positives,
    predictions,
    ranking,
    usable,
    wrongness,
)

VERSION = 1
#: Default maximum number of sequences of a report, and of their bytes.
MOST, MOST_BYTES = 1000, 12_000_000


@dataclass(frozen=True)
class Choice:
    """Which sequences a report shows: their number (None: as many as fit), ways to choose them, or ids.

    Without ``ways``, all applicable ways are used in turn.
    """

    number: int | None = None
    ways: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Report:
    """``head`` is what the page needs at once; ``sequences`` has one entry per shown sequence."""

    head: dict[str, Any]
    sequences: list[dict[str, Any]]
    said: str


def make_report(runs: Sequence[Run], folders: Sequence[Path], choice: Choice, command: str) -> Report:
    """Collect a report from runs and motif folders. Raises DemoError if they do not belong together."""
    aligned = align(runs)
    chosen, said = _chosen(aligned, choice)
    motifs = read_motifs(folders, runs, aligned, chosen)
    taken = aligned.take(chosen)
    shown = Shown.load(taken, motifs) if aligned.runs else None
    of_data = {run.label: place for place, run in enumerate(aligned.runs)}
    first = (aligned.runs or list(runs))[0].explanation.sequences
    head: dict[str, Any] = {
        "version": VERSION,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "by": f"deep-motif-dashboard {metadata.version('deep-motif-dashboard')}",
        "command": command,
        "said": said,
        "title": _title(runs),
        "letters": first.alphabet.letters,
        "length": first.length,
        "total": len(aligned),
        "runs": [{**_run(run), "place": of_data.get(run.label), **provenance(run)} for run in runs],
        "models": model_pages(runs, aligned, motifs),
        "searched": any((folder / "motifs.h5").is_file() for folder in folders),
        "owners": {printable(name, 160): label for name, label in motifs.owners.items()},
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
        return np.zeros(0, np.int64), "These are optimised inputs; there are no sequences."
    if choice.names:
        places = list(dict.fromkeys(aligned.place_of(name) for name in choice.names))
        return np.array(places), f"{len(places):,} of {counted(total)}, selected by id."
    light = max(1, MOST_BYTES // bytes_of_sequence(aligned.runs, aligned.runs[0].explanation.sequences.length))
    most = min(MOST, light) if choice.number is None else choice.number
    for way in choice.ways:
        if not usable(aligned, way):
            why = {"wrong": "labels of a probability", "disagreed": "an output that two models share"}[way]
            raise UsageProblem(f"--choose {way}: needs {why}; omit it, or choose {', '.join(WAYS)}")
    if total <= most:
        return np.arange(total), f"All {counted(total)}." if total > 1 else "One sequence."
    ways = choice.ways or tuple(way for way in WAYS if usable(aligned, way))
    words = {**WAYS, "top": WAYS["top"] if positives(aligned).any() else "the highest predictions"}
    how = ", ".join(words[way] + (f" (seed {choice.seed})" if way == "random" else "") for way in ways)
    said = f"{most:,} of {counted(total)}" + (f", selected in turn from: {how}." if len(ways) > 1 else f": {how}.")
    return choose(aligned, most, ways, choice.seed), f"{said} Measures and histograms include all sequences."


def counted(number: int, what: str = "sequence") -> str:
    """Return a count with its noun: ``1 sequence``, ``2 sequences``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _title(runs: Sequence[Run]) -> str:
    made = [run.explanation.sequences.info.get("source") for run in runs if not run.is_pattern]
    names = sorted({printable(Path(name).name, 60) for name in made if isinstance(name, str) and name})
    targets = list(dict.fromkeys(printable(run.explanation.target, 40) for run in runs))
    return f"{', '.join(targets[:3])}" + (f" · {', '.join(names[:3])}" if names else "")


def _run(run: Run) -> dict[str, Any]:
    e = run.explanation
    return {
        "label": run.label,
        "model": run.model,
        "explainer": printable(e.explainer, 60),
        "target": printable(e.target, 120),
        "output": printable(run.output.name, 120),
        "logit": run.target.is_logit,
        "kind": e.kind,
        "channels": [printable(c, 40) for c in e.provenance.channels],
        "hypothetical": e.provenance.hypothetical,
        "addsUp": e.provenance.adds_up and e.kind == "attribution",
        "unit": printable(e.provenance.unit, 40),
        "note": run.note,
    }


def _table(shown: Shown) -> dict[str, Any]:
    """Return the columns of the table of sequences."""
    aligned = shown.aligned
    views, values = predictions(aligned)
    ids = aligned.ids()
    intervals = [aligned.interval(place) for place in range(len(aligned))]
    outputs = list(dict.fromkeys(name for _, name, _ in views))
    chroms = list(dict.fromkeys(i.chrom for i in intervals if i))
    return {
        "ids": [name.encode("utf-8", "replace").decode() for name in ids],
        "chroms": [printable(c, 120) for c in chroms],
        "intervals": [[chroms.index(i.chrom), i.start, i.end, i.strand] if i else None for i in intervals],
        "outputs": [{"name": printable(o, 120), "labels": numbers(aligned.labels(o), 8)} for o in outputs],
        # a view is one model's prediction of one output; eight digits, so that none changes sides of 0.5
        "views": [
            {"model": model, "output": outputs.index(output), "logistic": logistic, "values": numbers(column, 8)}
            for (model, output, logistic), column in zip(views, values, strict=True)
        ],
        "view_of_run": [
            next(i for i, (model, output, _) in enumerate(views) if (model, output) == (run.model, run.output.name))
            for run in aligned.runs
        ],
        "rank": np.argsort(ranking(aligned, "top")).tolist(),
        "wrongness": numbers(wrongness(aligned), 4),
        "disagreement": numbers(disagreement(aligned), 4),
        "hits": [_hits(shown, place) for place in range(len(aligned))],
        "extras": [extra for index in range(len(aligned.runs)) for extra in _extras(aligned, index)],
    }


def _extras(aligned: Aligned, index: int) -> list[dict[str, Any]]:
    """Return the further numbers of a run, as columns of the table."""
    run, found = aligned.runs[index], []
    rows = aligned.rows[index]
    shared = Counter(name for one in aligned.runs for name in one.explanation.provenance.extras)
    for extra in run.explanation.provenance.described_extras:
        column = np.where(rows >= 0, run.explanation.extra(extra.name)[np.maximum(rows, 0)], np.nan)
        unit = f" Unit: {extra.unit}." if extra.unit else ""
        about = f"{extra.name} of {run.label}. {extra.help}{unit}"
        title = extra.name if shared[extra.name] == 1 else f"{extra.name} ({run.explanation.explainer})"
        found.append({"title": printable(title, 80), "about": printable(about, 400), "values": numbers(column, 4)})
    return found


def _hits(shown: Shown, place: int) -> dict[str, int]:
    """Return names of motifs with sites in the sequence, and the number of places of each."""
    counts: dict[str, int] = {}
    ends: dict[str, int] = {}
    for site in sorted(shown.motifs.sites.get(place, []), key=lambda s: s.start):
        name = printable(site.name or site.motif, 60)
        # overlapping sites of one name, from several runs, are one place
        if site.start >= ends.get(name, 0):
            counts[name] = counts.get(name, 0) + 1
        ends[name] = max(ends.get(name, 0), site.end)
    return counts
