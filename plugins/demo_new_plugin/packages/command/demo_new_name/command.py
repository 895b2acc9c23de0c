"""The command ``demo new-name``: print the position of the largest attribution in each sequence."""

from __future__ import annotations

from pathlib import Path

import click

from demo_core import UsageProblem
from demo_core.errors import printable


@click.command("new-name")
@click.argument("explanation", type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Print only the first N sequences.")
def new_name(explanation: Path, limit: int | None) -> None:
    """Print the position of the largest attribution in each sequence of EXPLANATION.

    One line per sequence: id, 0-based position, base and its attribution. Signs are ignored in the comparison.
    """
    import numpy as np

    from demo_core import Explanation

    with Explanation.open(explanation) as found:
        if found.kind != "attribution":
            raise UsageProblem(f"{explanation} is of kind {found.kind}; give an explanation of kind attribution")
        last = min(len(found), limit or len(found))
        for rows in found.blocks():
            rows = slice(rows.start, min(rows.stop, last))  # noqa: PLW2901
            one_hot = found.one_hot(rows)
            present = (found.values[rows] * one_hot).sum(axis=1)  # (n, L): attributions of the bases in the sequence
            positions = np.abs(present).argmax(axis=1)
            for row, position in enumerate(positions):
                name = found.sequences.ids[rows.start + row]
                letter = found.sequences.alphabet.decode(found.sequences.codes[rows.start + row])[position]
                click.echo(f"{printable(name)}\t{position}\t{letter}\t{present[row, position]:.4g}")
            if rows.stop == last:
                break
