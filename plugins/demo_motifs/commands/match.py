"""``demo motifs match EXPLANATION... --tf NAME``: the paper's table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import Sections, cell, emit_json, say, seed, suggest, table
from demo_core.errors import DemoError, UsageProblem, printable
from demo_motifs.commands.common import database_files, db_option, force_option, json_option, taxon_option

if TYPE_CHECKING:
    from demo_core.plugins import Registry
    from demo_core.results import Explanation

HEADS = (
    "factor",
    "explanation",
    "model",
    "method",
    "matched",
    "total",
    "unit",
    "fraction",
    "ci_low",
    "ci_high",
    "chance",
)


@click.command(cls=Sections, rest="Method", example="demo motifs match explanations/cnn.saliency.h5 --tf CTCFL")
@click.argument("explanations", nargs=-1, metavar="[EXPLANATION]...", type=click.Path(path_type=Path))
@click.option("--tf", metavar="NAME", help="Transcription factor name such as CTCFL, or motif id.")
@click.option(
    "--tf-table",
    type=click.Path(path_type=Path),
    metavar="FILE.tsv",
    help="Table with an explanation file and its factor per line. Paths are relative to the table.",
)
@click.option(
    "--filters",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="MODEL",
    help=(
        "Also count windows with the highest activation of this model's first-layer "
        "filters. Uses explanations of a model of the same name."
    ),
)
@click.option("--width", type=click.IntRange(3, 50), default=9, show_default=True, help="Window width in bases.")
@click.option(
    "--largest-p",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.001,
    show_default=True,
    help="Maximum Tomtom p-value at which a window matches a motif of the factor.",
)
@db_option
@taxon_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE.tsv", help="Also write the table to a file."
)
@json_option
@force_option
@seed
@click.pass_context
def match(
    ctx: click.Context, /, explanations: tuple[Path, ...], tf: str | None, tf_table: Path | None,
    filters: tuple[Path, ...], width: int, largest_p: float, databases: tuple[str, ...], taxon: str,
    output: Path | None, as_json: bool, force: bool, seed: int,
) -> None:  # fmt: skip
    """Count positive test sequences whose explanation matches the factor's motif.

    Each sequence gives one window: the highest sum of an attribution, or the steepest rise of a trace. Optimised inputs
    give their five best windows. A window matches if its Tomtom p-value is at most --largest-p. Chance is the match
    rate of random windows of the same sequences. Confidence intervals are 95 %.
    """
    from demo_core.results import Explanation
    from demo_core.storage import check_file_can_be, check_not_an_input, write_text
    from demo_motifs.databases import load, named
    from demo_motifs.matching import count, explanation_windows

    pairs = _pairs(explanations, tf, tf_table)
    if output:
        check_file_can_be(output)
        check_not_an_input(output, tf_table, *database_files(databases), *(path for path, _ in pairs))
        if output.exists() and not force:
            raise DemoError(f"{output} already exists; choose another name, or use --force to replace it")
    known = load(databases, taxon)
    own = {}
    for factor in dict.fromkeys(factor for _, factor in pairs):
        mine = named(known, factor)
        own[factor] = [i for i, one in enumerate(known) if one in mine]
        listed = ", ".join(f"{one.motif.name} ({one.motif.id})" for one in mine)
        say(f"{printable(factor, 60)}: {listed}")
    rows: list[dict[str, Any]] = []
    done: set[tuple[str, str]] = set()
    for path, factor in pairs:
        with Explanation.open(path) as file:
            windows = explanation_windows(file, width, seed)
            for model in filters:
                key = (str(model), factor)
                if model.resolve().name == file.model_name and file.kind != "pattern" and key not in done:
                    done.add(key)
                    windows.append(_filter_windows(ctx.obj.registry, model, file, width, seed))
            for one in windows:
                found = count(one, known, own[factor], largest_p, say)
                rows.append(
                    {
                        "factor": factor, "explanation": str(path), "model": file.model_name,
                        "method": found.method, "matched": found.matched,
                        "total": found.total, "unit": found.unit, "fraction": _or_none(found.share),
                        "ci_low": _or_none(found.low), "ci_high": _or_none(found.high),
                        "chance": _or_none(found.chance),
                    }
                )  # fmt: skip
    _say_unused(filters, done)
    if output:
        lines = ["\t".join(HEADS), *("\t".join(_cell(row[head]) for head in HEADS) for row in rows)]
        write_text(output, "\n".join(lines) + "\n", replace=force)
    if as_json:
        emit_json(rows)
        return
    heads = ["factor", "model", "method"]
    if len({tuple(row[head] for head in heads) for row in rows}) < len(rows):
        heads.insert(1, "explanation")
    cells: list[list[Any]] = [
        [
            *(row[head] for head in heads),
            f"{row['matched']} of {row['total']} {row['unit']}s",
            cell(row["fraction"], 3),
            f"{cell(row['ci_low'], 3)} to {cell(row['ci_high'], 3)}",
            cell(row["chance"], 3),
        ]
        for row in rows
    ]
    table((*heads, "matched", "fraction", "95 % CI", "chance"), cells)
    suggest("demo", "motifs", "find", *dict.fromkeys(path for path, _ in pairs), "-o", "motifs")


def _pairs(explanations: tuple[Path, ...], tf: str | None, tf_table: Path | None) -> list[tuple[Path, str]]:
    """Return each explanation with its factor. Raises UsageProblem unless each has exactly one."""
    if tf_table and (tf or explanations):
        raise UsageProblem("--tf-table already names explanations and factors; omit the others")
    if not tf_table:
        if not explanations:
            raise UsageProblem("name explanations, or give a --tf-table")
        if not tf:
            raise UsageProblem("--tf is missing; give a factor such as CTCFL, or a motif id (see 'demo motifs db')")
        return [(path, tf) for path in explanations]
    from demo_core.sequences import BadSource, text_lines

    pairs = []
    for number, line in text_lines(tf_table):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [c.strip() for c in line.split("\t")]
        if len(cells) != 2 or not all(cells):
            raise BadSource(tf_table, "expected an explanation, a tab and a factor", f"line {number}")
        pairs.append((tf_table.parent / cells[0], cells[1]))
    if not pairs:
        raise BadSource(tf_table, "contains no explanation; give one per line")
    return pairs


def _filter_windows(registry: Registry, path: Path, file: Explanation, width: int, seed: int) -> Any:
    from demo_core.models import Model
    from demo_motifs.filters import strongest_windows
    from demo_motifs.matching import sequence_windows, test_positives

    model = Model.load(path, registry=registry)
    rows = test_positives(file)
    row, start, wide = strongest_windows(model, file.sequences, rows)
    return sequence_windows("filters", file.sequences, rows, row, start, wide, seed)


def _say_unused(filters: tuple[Path, ...], done: set[tuple[str, str]]) -> None:
    for model in filters:
        if not any(name == str(model) for name, _ in done):
            say(f"--filters {model}: no explanation of sequences is from a model of that name")


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else printable(value)
