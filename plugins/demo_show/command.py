"""``demo show EXPLANATION... -o figure.png``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from demo_core.cli import Sections, echo, say, suggest
from demo_core.errors import DemoError, UsageProblem, printable, unknown_name

if TYPE_CHECKING:
    from demo_core.results import Explanation

FORMATS = ("png", "svg", "pdf")


@click.command(cls=Sections, rest="Method", example="demo show explanations/cnn.saliency.h5 -o saliency.png")
@click.argument("explanations", nargs=-1, required=True, metavar="EXPLANATION...", type=click.Path(path_type=Path))
@click.option(
    "--id",
    "name",
    metavar="ID",
    help="Id of the sequence or restart to plot. [default: most confident positive, or best restart]",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.png|svg|pdf",
    help="Figure to write.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def show(explanations: tuple[Path, ...], name: str | None, output: Path, force: bool) -> None:
    """Plot one sequence from an explanation file, or from several files of the same sequences.

    Attributions are drawn as logo and strips, traces as curves and strips. Interactions are drawn as maps, patterns
    as logos.
    """
    kind = output.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise UsageProblem(unknown_name("kind of figure", output.suffix, (f".{f}" for f in FORMATS)))
    if output.exists() and not force:
        raise DemoError(f"{output} already exists; choose another name, or use --force to replace it")
    from demo_core.results import Explanation
    from demo_core.storage import check_not_an_input, whole_file
    from demo_core.views import best_restart, explanation_figure, save_figure

    check_not_an_input(output, *explanations)
    with ExitStack() as stack:
        opened = [stack.enter_context(Explanation.open(path)) for path in explanations]
        of_data = [e for e in opened if e.kind != "pattern"]
        first = (of_data or opened)[0]
        restarts = None
        if name is not None:
            row = first.row_of(name)
            if not of_data:
                restarts = [e.row_of(name) for e in opened]
        elif of_data:  # the file with the fewest sequences, so that the others probably contain its sequence
            fewest = min(of_data, key=len)
            row = first.row_of(str(fewest.sequences.ids[fewest.most_confident_positive()]))
        else:
            row = best_restart(first)
        figure = explanation_figure(opened, row, restarts)
        shown = printable(first.sequences.ids[row])
        notes = [line for e in of_data for line in _numbers_of(e, e.row_of(str(first.sequences.ids[row])))]
        without = [
            f"{_run(e)}: no completeness guarantee"
            for e in of_data
            if e.kind == "attribution" and not e.provenance.adds_up
        ]
    with whole_file(output, replace=force) as temporary:
        save_figure(figure, temporary, kind)
    echo(f"{output}: {shown}")
    for line in dict.fromkeys(notes):
        echo(line)
    for line in dict.fromkeys(without):
        say(line)
    suggest("demo", "dashboard", *explanations, "-o", "report.html")


def _numbers_of(explanation: Explanation, row: int) -> list[str]:
    """Return the additional numbers of a sequence, a line each."""
    found = []
    for extra in explanation.provenance.described_extras:
        value = f"{float(explanation.extra(extra.name)[row]):.4g}"
        help_text = f" ({extra.help.removesuffix('.')})" if extra.help else ""
        found.append(printable(f"{_run(explanation)}: {extra.name} {value}{help_text}", 400))
    return found


def _run(explanation: Explanation) -> str:
    return printable(f"{explanation.model_name} {explanation.explainer}", 100)
