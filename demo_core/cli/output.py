"""Print results to stdout, messages and progress to stderr."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from demo_core.errors import printable, without_controls

#: Consoles of the progress bars on screen.
_SHOWN: list[Any] = []


def emit_json(value: Any) -> None:
    """Print JSON to stdout. Control characters are escaped.

    Parameters
    ----------
    value
        Any value that JSON can hold.

    Examples
    --------
    >>> from demo_core.cli import emit_json
    >>> emit_json({"version": 1})
    {
      "version": 1
    }
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo("".join(c if c == "\n" or without_controls(c) else json.dumps(c)[1:-1] for c in text))


def echo(text: object = "") -> None:
    """Print a result to stdout, without control characters except line breaks.

    Parameters
    ----------
    text
        The result.

    Examples
    --------
    >>> from demo_core.cli import echo
    >>> echo("peaks.h5: 24 sequences")
    peaks.h5: 24 sequences
    """
    click.echo("\n".join(map(without_controls, str(text).split("\n"))))


def say(text: str) -> None:
    """Print a message to stderr, without control characters, above a progress bar if there is one.

    Parameters
    ----------
    text
        The message.

    Examples
    --------
    >>> from demo_core.cli import say
    >>> say("device: cpu")  # to standard error
    """
    if _SHOWN:
        _SHOWN[-1].print(without_controls(text), markup=False, highlight=False, soft_wrap=True)
    else:
        click.echo(without_controls(text), err=True)


def suggest(*words: object) -> None:
    """Suggest the next command, if stdout is a terminal.

    Parameters
    ----------
    words
        Words of the command.

    Examples
    --------
    >>> from demo_core.cli import suggest
    >>> suggest("demo", "evaluate", "models/cnn", "peaks.h5")  # only at a terminal
    """
    if sys.stderr.isatty():
        say(f"next: {' '.join(shlex.quote(str(word)) for word in words)}")


def suggest_opening(path: Path) -> None:
    """Print the command that opens a picture or page.

    Parameters
    ----------
    path
        The picture or page.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core.cli import suggest_opening
    >>> suggest_opening(Path("report.html"))  # only at a terminal
    """
    suggest("open" if sys.platform == "darwin" else "xdg-open", path)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print an aligned table. It is not shortened if stdout is not a terminal.

    Parameters
    ----------
    heads
        Column headings.
    rows
        Cells of each row.

    Examples
    --------
    >>> from demo_core.cli import table
    >>> table(("model", "AUROC"), [("cnn", "0.989"), ("rnn", "0.980")])
    model  AUROC
    cnn    0.989
    rnn    0.980
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        grid.add_column(head, overflow="fold")
    for row in rows:
        # Text, because rich would interpret square brackets in a name as markup
        grid.add_row(*(Text(printable(cell, 1000)) for cell in row))
    with console.capture() as capture:
        console.print(grid)
    click.echo("\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n")), color=True)


@contextmanager
def progress(title: str) -> Iterator[tuple[Callable[[int, int], None], Callable[[int], None]]]:
    """Return functions ``start(done, total)`` and ``advance(n)`` of a progress bar on stderr. They do nothing without a
    terminal.

    Parameters
    ----------
    title
        Text before the bar.

    Examples
    --------
    >>> from demo_core.cli import progress
    >>> with progress("explaining") as (start, advance):
    ...     start(0, 10)
    ...     advance(10)
    """
    if not sys.stderr.isatty():
        yield (lambda done, total: None), (lambda n: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(printable(title, 60), total=None)
        _SHOWN.append(bar.console)
        try:
            yield (
                lambda done, total: bar.update(task, completed=done, total=total),
                lambda n: bar.advance(task, n),
            )
        finally:
            _SHOWN.remove(bar.console)


def cell(value: float | None, digits: int = 4) -> str:
    """Format a number for a table; None becomes a dash.

    Parameters
    ----------
    value
        A number, or None.
    digits
        Decimals.

    Returns
    -------
    str
        Text of a table cell.

    Examples
    --------
    >>> from demo_core.cli import cell
    >>> cell(0.98765), cell(None)
    ('0.9877', '-')
    """
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"
