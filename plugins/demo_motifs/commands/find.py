"""``demo motifs find EXPLANATION... -o FOLDER``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import Sections, State, echo, emit_json, say, seed, suggest, table
from demo_core.errors import DemoError, UsageProblem, counted
from demo_motifs.commands.common import (
    check_output,
    database_files,
    db_option,
    force_option,
    json_option,
    names_of,
    opened,
    taxon_option,
    threshold_option,
)

if TYPE_CHECKING:
    from demo_core.results import Explanation
    from demo_motifs.databases import KnownMotif
    from demo_motifs.finding import Outcome, Settings
    from demo_motifs.result import Part

#: Matrices of a motif, which are not in its row of the table.
MATRICES = ("counts", "contributions", "hypothetical", "background")
#: Number of sequences from which the start of a search is reported.
_MANY = 50_000
_NULLS = ("auto", "negatives", "values")
_WRITTEN = (
    "motifs.tsv", "motifs.meme", "motifs.h5", "motifs.png", "seqlets.tsv", "hits.tsv", "hits.bed", "hits.narrowPeak",
    "known.meme", "known.tsv",
)  # fmt: skip
#: Maximum number of motifs printed.
_SHOWN = 40


@click.command(cls=Sections, rest="Method", example="demo motifs find explanations/cnn.saliency.h5 -o motifs")
@click.argument("explanations", nargs=-1, required=True, metavar="EXPLANATION...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    default="motifs",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder for the results.",
)
@click.option(
    "--seqlets",
    type=click.Choice(["auto", "significant", "best-window"]),
    default="auto",
    show_default=True,
    help=(
        "significant: runs of bases below --fdr. best-window: one window per sequence, as in "
        "the paper. auto: best windows if too few runs are significant."
    ),
)
@click.option(
    "--width", type=click.IntRange(3, 50), default=9, show_default=True, help="Width of a best window in bases."
)
@click.option(
    "--null",
    metavar="auto|negatives|values|FILE.h5",
    default="auto",
    show_default=True,
    help=(
        "Null distribution: the file's negatives, its permuted values, or another "
        "explanation file. auto uses negatives if there are at least 100, otherwise "
        "values. Traces with fewer negatives have no null."
    ),
)
@click.option(
    "--fdr",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="False discovery rate of significant runs.",
)
@click.option(
    "--patterns",
    type=click.Choice(["demo", "modisco"]),
    default="demo",
    show_default=True,
    help="Clustering of seqlets into motifs. modisco runs TF-MoDISco. [extra: modisco]",
)
@click.option(
    "--min-seqlets",
    type=click.IntRange(2),
    metavar="N",
    help="Minimum seqlets per motif. [default: 2 % of sequences, 5 to 50; 3 for optimised inputs]",
)
@click.option("--all-sequences", is_flag=True, help="Find seqlets in negatives as well as positives.")
@click.option("--against", is_flag=True, help="Search for motifs that lower the target (negative attributions).")
@click.option(
    "--filters",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Build motifs from first-layer filters of this model instead of attributions.",
)
@db_option
@taxon_option
@click.option(
    "--matches", type=click.IntRange(1, 100), default=5, show_default=True, help="Number of database matches per motif."
)
@threshold_option
@click.option("--no-hits", is_flag=True, help="Do not scan for hits of the motifs found.")
@json_option
@force_option
@seed
@click.pass_context
def find(
    ctx: click.Context, /, explanations: tuple[Path, ...], output: Path, force: bool, as_json: bool, **given: Any
) -> None:
    """Find motifs in explanation files and match them to a database.

    FOLDER receives motifs (motifs.tsv, motifs.meme, motifs.png) and their sites (seqlets.tsv, hits.tsv). Sequences with
    intervals also give hits.bed and hits.narrowPeak. known.meme and known.tsv hold the database matches. motifs.h5
    holds all results. Positions are 0-based.
    """  # fmt: skip
    from demo_core.plugins import Command, editable_source
    from demo_core.storage import whole_folder
    from demo_motifs import databases
    from demo_motifs.result import motif_rows, shown

    names = names_of(explanations)
    null = None if given["null"] in _NULLS else Path(given["null"])
    read = [*explanations, null, given["filters"], *database_files(given["databases"])]
    check_output(output, _WRITTEN, *read)
    asked = _fingerprint(read, given, editable_source(ctx.obj.registry.find(Command, "motifs")))
    if output.exists() and not force:
        _say_finished(output, asked, as_json)
        return
    known = databases.load(given["databases"], given["taxon"])
    with opened(explanations) as files:
        parts = [_part(ctx, file, name, given, known) for file, name in zip(files, names, strict=True)]
        with whole_folder(output, replace=force) as folder:
            hits = _write(folder, parts, known, asked, given)
        rows = motif_rows(parts)
    if as_json:
        emit_json([shown(row) for row in rows])
        return
    _print(parts, rows)
    echo(f"{output}: {counted(len(rows), 'motif')}" + ("" if hits is None else f", {counted(hits, 'hit')}"))
    suggest("demo", "dashboard", *explanations, "--motifs", output, "-o", "report.html")


def _say_finished(output: Path, asked: dict[str, Any], as_json: bool) -> None:
    """Report an existing result; raises DemoError if it is of another run."""
    from demo_motifs.result import MotifsFile, shown

    if not (output / "motifs.h5").is_file():
        raise DemoError(f"{output} has no motifs.h5; choose another -o, or use --force to replace it")
    with MotifsFile(output / "motifs.h5") as file:
        there = file.metadata.get("fingerprint", {})
        if unknown := [k for k in asked if k not in there]:
            raise DemoError(
                f"{output}: does not record {' or '.join(unknown)}; choose another -o, or use --force to replace it"
            )
        differing = [k for k, v in asked.items() if there.get(k) != v]
        if differing:
            raise DemoError(
                f"{output} holds a run that differs in {', '.join(differing)}; choose another "
                "-o, or use --force to replace it"
            )
        if as_json:
            emit_json([shown({k: v for k, v in m.items() if k not in MATRICES}) for m in file.motifs])
        else:
            echo(f"{output}: skipped: already finished")


def _part(ctx: click.Context, file: Explanation, name: str, given: dict[str, Any], known: list[KnownMotif]) -> Part:
    from demo_motifs.naming import name as name_motifs
    from demo_motifs.result import Part

    if len(file) > _MANY:
        say(f"{name}: searching {counted(len(file), 'sequence')}")
    if given["filters"]:
        outcome, numbers = _filters(ctx, file, given)
        labels = [f"{name}.filter-{n}" for n in numbers]
    else:
        outcome = _find(file, given)
        labels = [f"{name}.{k}" for k in range(1, len(outcome.motifs) + 1)]
    for line in outcome.account:
        say(f"{name}: {line}")
    motifs = [(label, 0, motif) for label, motif in zip(labels, outcome.motifs, strict=True)]
    named = name_motifs(motifs, known, given["matches"], say, orient=not given["filters"])
    return Part(name, file, outcome, named)


def _find(file: Explanation, given: dict[str, Any]) -> Outcome:
    from demo_core.results import Explanation
    from demo_motifs.finding import find as find_motifs

    settings = settings_of(given)
    if given["null"] in _NULLS:
        return find_motifs(file, settings, say)
    with Explanation.open(Path(given["null"])) as null:
        return find_motifs(file, settings, say, null)


def settings_of(given: dict[str, Any]) -> Settings:
    """Return the settings of the search from the command's options."""
    from demo_motifs.finding import Settings

    return Settings(
        seqlets=given["seqlets"],
        width=given["width"],
        null=given["null"] if given["null"] in _NULLS else "file",
        fdr=given["fdr"],
        patterns=given["patterns"],
        least=given["min_seqlets"],
        every=given["all_sequences"],
        sign=-1 if given["against"] else 1,
        seed=given["seed"],
    )


def _filters(ctx: click.Context, file: Explanation, given: dict[str, Any]) -> tuple[Outcome, list[int]]:
    import numpy as np

    from demo_core.models import Model
    from demo_motifs.filters import SHARE, filter_motifs
    from demo_motifs.finding import Outcome, searched
    from demo_motifs.found_motif import no_sites
    from demo_motifs.per_base_scores import split_rows

    state: State = ctx.obj
    model = Model.load(given["filters"], registry=state.registry)
    if file.kind == "pattern":
        raise UsageProblem("--filters needs sequences, but a pattern has none; give an explanation of sequences")
    model.check_data(file.sequences, "the explanation")
    rows, _, how = split_rows(file, every=given["all_sequences"])
    found = filter_motifs(model, file.sequences, rows, given["min_seqlets"] or int(np.clip(len(rows) // 50, 5, 50)))
    account = [
        searched(file, rows, how),
        f"motifs of {len(found)} first-layer filters: windows of at least {SHARE:.0%} of a filter's strongest response",
    ]
    return Outcome([m for _, m in found], no_sites(), len(rows), account), [n for n, _ in found]


def _write(
    folder: Path, parts: list[Part], known: list[KnownMotif], asked: dict[str, Any], given: dict[str, Any]
) -> int | None:
    """Write every file into a folder; return the number of hits, None with --no-hits."""
    from demo_core.views import save_figure
    from demo_motifs.figure import motifs_figure
    from demo_motifs.genome_coordinates import has_places
    from demo_motifs.hits import HitWriter, scan_sequences
    from demo_motifs.known_sites import write_known
    from demo_motifs.naming import as_database
    from demo_motifs.result import motif_rows, write_h5, write_meme, write_motif_table, write_seqlets
    from demo_motifs.scanning import Scanner

    rows = motif_rows(parts)
    every = [named for part in parts for named in part.motifs]
    write_motif_table(folder / "motifs.tsv", rows)
    write_meme(folder / "motifs.meme", every)
    write_seqlets(folder / "seqlets.tsv", parts)
    save_figure(motifs_figure(every), folder / "motifs.png", "png")
    about = [
        {
            "name": part.name,
            "kind": part.explanation.kind,
            "explainer": part.explanation.explainer,
            "model": part.explanation.model_name,
            "model_digest": part.explanation.provenance.model.digest,
            "target": part.explanation.target,
            "sequences": len(part.explanation),
            "length": part.explanation.sequences.length,
            "searched": part.outcome.searched,
            "account": part.outcome.account,
        }
        for part in parts
    ]
    sources = sorted({one.source for one in known})
    head = {
        "explanations": about,
        "settings": {k: str(v) if isinstance(v, Path) else v for k, v in given.items()},
        "database": {"sources": sources, "motifs": len(known)},
        "fingerprint": asked,
    }
    write_h5(folder / "motifs.h5", parts, head)
    write_known(folder, parts, None if given["no_hits"] else given["threshold"])
    if given["no_hits"]:
        return None
    of_data = [part for part in parts if part.explanation.kind != "pattern"]
    with HitWriter(folder, placed=any(has_places(p.explanation.sequences) for p in of_data)) as writer:
        for part in of_data:
            if len(part.explanation) > _MANY and part.motifs:
                say(f"{part.name}: calling hits")
            scanners = [
                (
                    named.id,
                    named.name,
                    Scanner(named.motif.pwm, named.motif.background, given["threshold"], best_anyway=True),
                )
                for named in map(as_database, part.motifs)
            ]
            for identity, _, scanner in scanners:
                if scanner.smallest_p > given["threshold"]:
                    said = f"no site can reach p {given['threshold']:g}; its best-scoring words count as sites"
                    say(f"{identity}: {said}, p {scanner.smallest_p:.1e}")
            scan_sequences(writer, part.explanation, part.name, scanners)
        return writer.count


def _print(parts: list[Part], rows: list[dict[str, Any]]) -> None:
    for part in parts:
        if not part.motifs:
            echo(f"{part.name}: no motif was found")
    if not rows:
        return
    from demo_motifs.naming import LARGEST_Q

    heads = ("motif", "seqlets", "sequences", "consensus", "best match", "q", "E", "strand", "then")
    lines = []
    for row in rows:
        best, *others = row["matches"]
        named = bool(row["name"])
        lines.append(
            [
                *(row[head] for head in heads[:4]),
                f"{best['match_name']} ({best['match_id']})" if named else "no match",
                f"{best['q']:.1e}",
                f"{best['E']:.1e}",
                best["strand"] if named else "",
                ", ".join(f"{m['match_name']} {m['q']:.0e}" for m in others[:2] if m["q"] <= LARGEST_Q),
            ]
        )
    table(heads, lines[:_SHOWN])
    if len(lines) > _SHOWN:
        echo(f"... and {len(lines) - _SHOWN} more, in motifs.tsv")


def _fingerprint(read: Sequence[Path | None], given: dict[str, Any], code: str | None) -> dict[str, Any]:
    """Return everything that determines the result: input content, settings, versions."""
    options = {k: str(v) if isinstance(v, Path) else list(v) if isinstance(v, tuple) else v for k, v in given.items()}
    digests = []
    for path in (p for p in read if p is not None):
        if not path.exists():
            raise DemoError(f"{path}: no such file")
        for one in sorted(path.glob("*.[js][sa]*")) if path.is_dir() else [path]:  # model.json, weights.safetensors
            with one.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    packages = ["deep-motif-dashboard", "memelite", "pyjaspar"]
    packages += ["modisco-lite"] if given["patterns"] == "modisco" and find_spec("modiscolite") else []
    return {
        "the files read": digests,
        "the code of demo motifs": code,
        **options,
        **{f"version of {name}": metadata.version(name) for name in packages},
    }
