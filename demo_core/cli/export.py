"""``demo export EXPLANATION --npz|--tsv|--bedgraph``."""

from __future__ import annotations

from pathlib import Path

import click

from demo_core.errors import DemoError, UsageProblem, printable


@click.command()
@click.argument("explanation", type=click.Path(path_type=Path))
@click.option("--npz", "form", flag_value="npz", help="X.sequences.npz and X.attributions.npz, as modisco reads them.")
@click.option("--tsv", "form", flag_value="tsv", help="A table with a row for each base.")
@click.option("--bedgraph", "form", flag_value="bedgraph", help="A genome-browser track; needs intervals.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write [default: beside the explanation]",
)
@click.option("--force", is_flag=True, help="Replace existing files.")
def export(explanation: Path, form: str | None, output: Path | None, force: bool) -> None:
    """Write an explanation for other programs."""
    if form is None:
        raise UsageProblem("choose a form: --npz, --tsv or --bedgraph")
    from demo_core.explanation import Explanation
    from demo_core.exporting import WRITERS, npz_files

    suffix, write = WRITERS[form]
    stem = output or explanation.with_name(explanation.name.removesuffix(".h5") + suffix)
    with Explanation.open(explanation) as opened:
        taken = [p for p in (npz_files(opened, stem) if form == "npz" else [stem]) if p.exists()]
        if taken and not force:
            raise DemoError(f"{printable(taken[0])} exists already: choose another -o, or --force to replace it")
        for path in write(opened, stem):
            click.echo(f"{path}: {len(opened)} sequences")
