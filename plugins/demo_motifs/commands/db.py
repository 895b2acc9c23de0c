"""``demo motifs db``: list a motif database, or export it."""

from __future__ import annotations

from pathlib import Path

import click

from demo_core.cli import echo, emit_json, say, suggest, table
from demo_core.errors import DemoError, counted
from demo_motifs.commands.common import database_files, db_option, force_option, json_option, taxon_option


@click.command()
@click.argument("names", nargs=-1, metavar="[FACTOR|ID]...")
@db_option
@taxon_option
@click.option("--releases", is_flag=True, help="List the installed JASPAR releases.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.meme",
    help="Write the motifs as probabilities (PPM) in MEME format.",
)
@json_option
@force_option
def db(
    names: tuple[str, ...], databases: tuple[str, ...], taxon: str, releases: bool, output: Path | None, as_json: bool,
    force: bool,
) -> None:  # fmt: skip
    """List or export the motifs of a database, or of some factors in it.

    JASPAR releases come with pyjaspar and work offline. JASPAR stores counts (PFM), MEME files store probabilities
    (PPM). Log-odds (PWM) use one background site as pseudocount.
    """
    from demo_core.sequences import format_meme
    from demo_core.storage import check_file_can_be, check_not_an_input, whole_file
    from demo_motifs import databases as motif_databases
    from demo_motifs.naming import consensus
    from demo_motifs.per_base_scores import information_content

    if releases:
        found = motif_databases.releases()
        if as_json:
            emit_json([f"jaspar{release}" for release in found])
        else:
            for release in found:
                echo(f"jaspar{release}" + (" (jaspar)" if release == motif_databases.DEFAULT_RELEASE else ""))
        return
    known = motif_databases.load(databases, taxon)
    if names:
        every = [one for name in names for one in motif_databases.named(known, name)]
        known = list({one.motif.id: one for one in every}.values())
    if output:
        check_file_can_be(output)
        check_not_an_input(output, *database_files(databases))
        if output.exists() and not force:
            raise DemoError(f"{output} already exists; choose another name, or use --force to replace it")
        with whole_file(output, replace=force) as temporary:
            temporary.write_text(format_meme(one.motif for one in known) + "\n", encoding="utf-8")
        echo(f"{output}: {counted(len(known), 'motif')}")
        suggest("demo", "motifs", "find", "EXPLANATION", "--db", output, "-o", "motifs")
        return
    rows = [
        {
            "id": one.motif.id,
            "name": one.motif.name,
            "width": len(one.motif),
            "sites": None if one.motif.sites is None else round(one.motif.sites),
            "bits": round(float(information_content(one.motif.ppm).sum()), 2),
            "consensus": consensus(one.motif.ppm),
            "taxon": one.taxon,
            "family": one.family,
            "database": one.source,
        }
        for one in known
    ]
    if as_json:
        emit_json(rows)
        return
    heads = ("id", "name", "width", "sites", "bits", "consensus", "taxon", "family", "database")
    table(heads, [["" if row[head] is None else row[head] for head in heads] for row in rows])
    say(counted(len(rows), "motif"))
    if rows:
        suggest("demo", "motifs", "scan", "DATA", rows[0]["id"], "-o", "sites")
