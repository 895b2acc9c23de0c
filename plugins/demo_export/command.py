"""``demo export EXPLANATION --npz|--tsv|--table|--bedgraph|--bigwig``."""

from __future__ import annotations

from pathlib import Path

import click

from demo_core.cli import Sections, echo, say
from demo_core.errors import DemoError, UsageProblem, counted

#: Default window of modisco-lite around the middle of each sequence, in bases.
_MODISCO_WINDOW = 400


@click.command(cls=Sections, rest="Output", example="demo export explanations/cnn.saliency.h5 --bedgraph")
@click.argument("explanation", type=click.Path(path_type=Path))
@click.option("--npz", is_flag=True, help="Write X.sequences.npz and X.attributions.npz for modisco.")
@click.option("--tsv", is_flag=True, help="Write a table with one row per base. Positions are 0-based.")
@click.option("--table", is_flag=True, help="Write a table with one row per sequence: labels, outputs, extras.")
@click.option(
    "--bedgraph",
    is_flag=True,
    help="Write a bedGraph track. Values of overlapping sequences, on either strand, are averaged.",
)
@click.option(
    "--bigwig",
    is_flag=True,
    help="Write a bigWig track. X.count.bw counts sequences per base. [extra: tracks]",
)
@click.option(
    "--chrom-sizes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Chromosome sizes for --bigwig. [default: from the data]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Output file. [default: beside the explanation]",
)
@click.option("--force", is_flag=True, help="Replace existing files.")
def export(explanation: Path, output: Path | None, chrom_sizes: Path | None, force: bool, **chosen: bool) -> None:
    """Export an explanation in one or several formats for other programs."""
    forms = [form for form, wanted in chosen.items() if wanted]
    if not forms:
        raise UsageProblem("no format given; choose --npz, --tsv, --table, --bedgraph or --bigwig")
    if output and len(forms) > 1:
        raise UsageProblem("-o names one file; omit it with several formats")
    from demo_core.results import Explanation
    from demo_core.storage import check_not_an_input, whole_files
    from demo_export.tracks import write_bigwig
    from demo_export.writers import WRITERS, files_of

    with Explanation.open(explanation) as opened:
        stems = {
            f: output or explanation.with_name(explanation.name.removesuffix(".h5") + WRITERS[f][0]) for f in forms
        }
        files = [p for form, stem in stems.items() for p in files_of(form, opened, stem)]
        for path in files:
            check_not_an_input(path, explanation, chrom_sizes)
            if path.exists() and not force:
                raise DemoError(f"{path} already exists; choose another -o, or use --force to replace it")
        placed = 0 if opened.sequences.intervals is None else int((opened.sequences.intervals[:, 0] >= 0).sum())
        with whole_files(files, replace=force) as temporary:  # all formats, or none
            waiting = iter(temporary)
            for form, stem in stems.items():
                mine = [next(waiting) for _ in files_of(form, opened, stem)]
                if form == "bigwig":
                    write_bigwig(opened, mine, chrom_sizes)
                else:
                    WRITERS[form][1](opened, mine)
        for form, stem in stems.items():
            for path in files_of(form, opened, stem):
                note = f", {placed} with an interval" if form in ("bedgraph", "bigwig") else ""
                echo(f"{path}: {counted(len(opened), 'sequence')}{note}")
        if "npz" in stems and opened.kind == "attribution":
            sequences, values = files_of("npz", opened, stems["npz"])
            _say_modisco(sequences, values, opened.sequences.length)


def _say_modisco(sequences: Path, values: Path, length: int) -> None:
    """Print the command of modisco-lite for these files; its default window of 400 bases is too long for them."""
    window = "" if length >= _MODISCO_WINDOW else f" -w {length - length % 2}"
    say(f"for TF-MoDISco: modisco motifs -s {sequences} -a {values} -n 2000{window} -o modisco.h5")
