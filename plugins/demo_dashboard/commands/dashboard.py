"""``demo dashboard EXPLANATION... -o report.html``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from demo_core.cli import Sections, echo, say, seed, suggest_opening
from demo_core.errors import UsageProblem
from demo_dashboard.commands.common import (
    check_output,
    explanations_argument,
    id_option,
    motifs_option,
    one_of,
    say_strange_patterns,
)

_WAYS = ("top", "wrong", "disagreed", "random")


@click.command(cls=Sections, rest="Data", example="demo dashboard explanations/*.h5 --motifs motifs -o report.html")
@explanations_argument
@motifs_option
@id_option
@click.option(
    "--sequences", "number", type=click.IntRange(1), metavar="N",
    help="Number of sequences in the report. [default: all, up to 1000 or about 12 MB]",
)  # fmt: skip
@click.option(
    "--choose", "ways", multiple=True, type=click.Choice(_WAYS),
    help="Sequences to prefer: most confident positives, worst errors, largest differences "
         "between models, or random. Repeatable. [default: all four in turn]",
)  # fmt: skip
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE.html", help="Report to write."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@seed
def dashboard(
    explanations: tuple[Path, ...],
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    number: int | None,
    ways: tuple[str, ...],
    output: Path,
    force: bool,
    seed: int,
) -> None:
    """Build a self-contained HTML report of explanation files.

    It shows tracks of each sequence, a page for each model, comparisons, and provenance. The file works offline and
    needs no server.
    """
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageProblem(f"{output}: the report must be named .html")
    one_of(id=names, sequences=number)
    one_of(id=names, choose=ways)
    check_output(output, force, explanations, folders)
    from demo_core.storage import write_text
    from demo_dashboard.page import page_html
    from demo_dashboard.report import Choice, counted, make_report
    from demo_dashboard.runs import open_runs

    with open_runs(explanations) as runs:
        say_strange_patterns(runs)
        if all(run.is_pattern for run in runs) and (names or number or ways):
            raise UsageProblem("optimised inputs are not sequences; omit --id, --sequences and --choose")
        choice = Choice(number, ways, names, seed)
        report = make_report(runs, folders, choice, _command(explanations, folders, names, number, ways, output, seed))
        text = page_html(report)
    write_text(output, text, replace=force)
    say(report.said)
    there = f"{counted(len(report.sequences))}, {counted(len(report.head['runs']), 'run')}"
    echo(f"{output}: {there}, {_size(text)}")
    suggest_opening(output)


def _size(text: str) -> str:
    size = len(text.encode("utf-8"))
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _command(
    explanations: tuple[Path, ...],
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    number: int | None,
    ways: tuple[str, ...],
    output: Path,
    seed: int,
) -> str:
    words = ["demo", "dashboard", *map(str, explanations)]
    for folder in folders:
        words += ["--motifs", str(folder)]
    for name in names:
        words += ["--id", name]
    for way in ways:
        words += ["--choose", way]
    words += ["--sequences", str(number)] if number else []
    words += ["--seed", str(seed)] if seed else []
    return shlex.join([*words, "-o", str(output)]).encode("utf-8", "replace").decode()
