"""``demo show EXPLANATION... -o figure.png``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from demo_core.errors import DemoError, UsageProblem, printable, unknown_name

if TYPE_CHECKING:
    from demo_core.explanation import Explanation

FORMATS = ("png", "svg", "pdf")


@click.command()
@click.argument("explanations", nargs=-1, required=True, metavar="EXPLANATION...", type=click.Path(path_type=Path))
@click.option(
    "--id",
    "name",
    metavar="ID",
    help="What to draw [default: the most confident positive; of patterns, the best]",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.png|svg|pdf",
    help="The figure to write.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def show(explanations: tuple[Path, ...], name: str | None, output: Path, force: bool) -> None:
    """Draw one sequence of an explanation, or of several of the same sequences, one below the other.

    Attributions are a logo and strips, traces curves and strips, interactions maps, patterns logos.
    """
    kind = output.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise UsageProblem(unknown_name("kind of figure", output.suffix, (f".{f}" for f in FORMATS)))
    if output.exists() and not force:
        raise DemoError(f"{printable(output)} exists already: choose another name, or --force to replace it")
    from demo_core.drawing import save_figure
    from demo_core.explanation import Explanation
    from demo_core.figures import explanation_figure
    from demo_core.files import check_not_an_input, whole_file

    check_not_an_input(output, *explanations)
    with ExitStack() as stack:
        opened = [stack.enter_context(Explanation.open(path)) for path in explanations]
        first = next((e for e in opened if e.kind != "pattern"), opened[0])
        row = first.row_of(name) if name is not None else _best(first)
        figure = explanation_figure(opened, row)
        shown = printable(first.sequences.ids[row])
    with whole_file(output) as temporary:
        save_figure(figure, temporary, kind)
    click.echo(f"{output}: {shown}")


def _best(explanation: Explanation) -> int:
    from demo_core.figures import best_restart

    return best_restart(explanation) if explanation.kind == "pattern" else explanation.most_confident_positive()
