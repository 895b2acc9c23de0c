"""``demo motifs scan DATA MOTIF...``: sites of known motifs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import ExistingPath, Sections, State, echo, emit_json, progress, reader_option, say, suggest, table
from demo_core.errors import UsageProblem, counted
from demo_motifs.commands.common import (
    background_option,
    check_new,
    check_output,
    database_files,
    db_option,
    force_option,
    json_option,
    open_either,
    taxon_option,
    threshold_option,
)

if TYPE_CHECKING:
    from demo_motifs.databases import KnownMotif


@click.command(cls=Sections, rest="Method", example="demo motifs scan peaks.h5 CTCF -o sites")
@click.argument("data", type=ExistingPath())
@click.argument("names", nargs=-1, required=True, metavar="FACTOR|ID...")
@click.option(
    "-o",
    "--output",
    default="sites",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder for the results.",
)
@db_option
@taxon_option
@threshold_option
@background_option
@json_option
@force_option
@reader_option
@click.pass_context
def scan(
    ctx: click.Context, /, data: Path, names: tuple[str, ...], output: Path, databases: tuple[str, ...], taxon: str,
    threshold: float, background: tuple[float, ...] | None, as_json: bool, force: bool, reader: str | None,
) -> None:  # fmt: skip
    """Scan a dataset or an explanation for known motifs on both strands.

    p-values are exact under the background. Among overlapping sites of one motif, the best is kept. For an
    explanation, each site has its summed attribution. FOLDER receives sites.tsv. Sequences with intervals also give
    sites.bed and sites.narrowPeak.
    """
    import numpy as np

    from demo_core.results import Explanation
    from demo_core.sequences import format_meme
    from demo_core.storage import whole_folder
    from demo_motifs import databases as motif_databases
    from demo_motifs.genome_coordinates import has_places
    from demo_motifs.hits import HitWriter, scan_sequences
    from demo_motifs.scanning import Scanner, composition_of

    check_output(output, ("sites.tsv", "sites.bed", "sites.narrowPeak", "known.meme"), data, *database_files(databases))
    check_new(output, force)
    state: State = ctx.obj
    known = motif_databases.load(databases, taxon)
    chosen: list[KnownMotif] = []
    for name in names:
        chosen += [one for one in motif_databases.named(known, name) if one not in chosen]
    with open_either(state.registry, data, reader) as source:
        if isinstance(source, Explanation) and source.kind == "pattern":
            raise UsageProblem(f"{data} holds optimised inputs, not sequences")
        sequences = source.sequences if isinstance(source, Explanation) else source
        base = background
        if base is None:
            some = np.linspace(0, len(sequences) - 1, min(len(sequences), 20_000)).astype(np.int64)
            base = tuple(composition_of(sequences.take(np.unique(some)).codes).tolist())
        shares = ", ".join(f"{letter} {share:.3f}" for letter, share in zip("ACGT", base, strict=True))
        say(f"background: {shares}; p at most {threshold:g}")
        scanners = []
        for one in chosen:
            scanner = Scanner(one.motif.pwm(base), base, threshold)
            if not any(scanner.least.values()):
                say(
                    f"{one.motif.id}: no window reaches p {threshold:g}, so it has no site; its "
                    f"best has p {scanner.smallest_p:.2g}"
                )
            scanners.append((one.motif.id, one.motif.name, scanner))
        with (
            whole_folder(output, replace=force) as folder,
            HitWriter(folder, "sites", placed=has_places(sequences)) as writer,
            progress("scanning") as (start, advance),
        ):
            start(0, len(sequences))
            (folder / "known.meme").write_text(format_meme([one.motif for one in chosen]) + "\n", encoding="utf-8")
            found = scan_sequences(writer, source, data.name.removesuffix(".h5"), scanners, advance)
    rows: list[dict[str, Any]] = [
        {"motif": motif, "name": name, "width": scanner.width, **found[motif]} for motif, name, scanner in scanners
    ]
    if as_json:
        emit_json(rows)
        return
    heads = ("motif", "name", "width", "sites", "sequences", "forward", "reverse")
    table(heads, [[row[head] for head in heads] for row in rows])
    sites = counted(sum(row["sites"] for row in rows), "site")
    echo(f"{output}: {sites} in {counted(len(sequences), 'sequence')}")
    if isinstance(source, Explanation):
        suggest("demo", "dashboard", data, "-o", "report.html")
    else:
        suggest("demo", "explain", "saliency", "MODEL", data, "-o", "explanations")
