"""``demo show EXPLANATION -o figure.png``."""

from __future__ import annotations

from pathlib import Path

import click

from demo_core.errors import DemoError, UsageProblem, printable, unknown_name

FORMATS = ("png", "svg", "pdf")


@click.command()
@click.argument("explanation", type=click.Path(path_type=Path))
@click.option("--id", "name", metavar="ID", help="The sequence to draw [default: the most confident positive]")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.png|svg|pdf",
    help="The figure to write.",
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def show(explanation: Path, name: str | None, output: Path, force: bool) -> None:
    """Draw one sequence of an explanation: a logo of its values, the sequence, and strips."""
    kind = output.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise UsageProblem(unknown_name("kind of figure", output.suffix, (f".{f}" for f in FORMATS)))
    if output.exists() and not force:
        raise DemoError(f"{printable(output)} exists already: choose another name, or --force to replace it")
    from demo_core.explanation import Explanation
    from demo_core.files import check_not_an_input, whole_file

    check_not_an_input(output, explanation)
    with Explanation.open(explanation) as opened:
        if opened.kind != "attribution":
            raise UsageProblem(f"{printable(explanation)} is of kind {opened.kind}, which this version cannot draw yet")
        from demo_core.drawing import explanation_figure, save_figure

        row = opened.row_of(name) if name is not None else opened.most_confident_positive()
        figure = explanation_figure(opened, row)
        shown = printable(opened.sequences.ids[row])
    with whole_file(output) as temporary:
        save_figure(figure, temporary, kind)
    click.echo(f"{output}: {shown}")
