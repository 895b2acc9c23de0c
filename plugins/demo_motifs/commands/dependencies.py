"""``demo motifs dependencies MOTIFS MODEL DATA``: pairs of motifs in the data, and their interaction in a model."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import (
    ExistingPath,
    Sections,
    State,
    cell,
    device,
    echo,
    emit_json,
    progress,
    reader_option,
    say,
    seed,
    suggest_opening,
    table,
)
from demo_core.errors import DemoError, UsageProblem, printable, unknown_name
from demo_motifs.commands.common import (
    check_new,
    check_output,
    database_files,
    db_option,
    force_option,
    json_option,
    open_sequences,
    taxon_option,
    threshold_option,
)

if TYPE_CHECKING:
    from demo_core.data import SequenceDataset
    from demo_core.models import Target
    from demo_core.sequences import Motif
    from demo_motifs.interactions import Interaction
    from demo_motifs.pairs import Together

_WRITTEN = ("cooccurrence.tsv", "spacing.tsv", "interactions.tsv", "interactions.png")
TOGETHER_HEADS = (
    "motif_a",
    "motif_b",
    "sequences",
    "with_a",
    "with_b",
    "with_both",
    "non_overlapping",
    "expected",
    "p",
)
SPACING_HEADS = ("motif_a", "motif_b", "arrangement", "distance", "count")
EFFECT_HEADS = (
    "motif_a", "motif_b", "arrangement", "distance", "effect_a", "effect_b", "effect_both", "interaction",
    "ci_low", "ci_high",
)  # fmt: skip


@click.command(cls=Sections, rest="Method", example="demo motifs dependencies motifs models/cnn peaks.h5")
@click.argument("motifs", type=click.Path(path_type=Path))
@click.argument("model", type=ExistingPath(model=True))
@click.argument("data", type=ExistingPath())
@click.option(
    "-o",
    "--output",
    default="dependencies",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder for the results.",
)
@click.option(
    "--number",
    type=click.IntRange(1, 20),
    default=4,
    show_default=True,
    help="Number of motifs to test, those with most seqlets first.",
)
@click.option("--only", metavar="ID,...", help="Test only these motifs.")
@click.option("--target", metavar="TARGET", help="Target as in demo explain. [default: the only output]")
@click.option(
    "--farthest",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    help="Maximum gap between two motifs, in bases.",
)
@click.option(
    "--step", type=click.IntRange(1), default=2, show_default=True, help="Step between tested gaps, in bases."
)
@click.option(
    "--backgrounds",
    type=click.IntRange(2, 10_000),
    default=50,
    show_default=True,
    help="Number of background sequences: dinucleotide-preserving shuffles of positives.",
)
@db_option
@taxon_option
@threshold_option
@json_option
@force_option
@reader_option
@seed
@device
@click.pass_context
def dependencies(
    ctx: click.Context, /, motifs: Path, model: Path, data: Path, output: Path, as_json: bool, force: bool, **given: Any
) -> None:
    """Measure how pairs of motifs are placed in DATA and interact in MODEL.

    MOTIFS is a folder of demo motifs find, a MEME file, or names (CTCF,REST). DATA is a dataset or an
    explanation. Positions come from motif sites in positives. Effects come from motifs planted into shuffled positives.

    The interaction is effect(A and B) - effect(A) - effect(B), in the unit of the target. Lower case means the other
    strand: A b is A followed by reverse-complemented B.

    FOLDER receives cooccurrence.tsv, spacing.tsv, interactions.tsv, and interactions.png with a heat map per pair.
    """  # fmt: skip
    import numpy as np

    from demo_core.models import Model, choose_device
    from demo_core.sequences import dinucleotide_shuffle
    from demo_core.storage import whole_folder
    from demo_core.views import save_figure
    from demo_motifs.interaction_figure import interactions_figure
    from demo_motifs.interactions import Planter, best_site, interactions
    from demo_motifs.pairs import occurrences, spacing, together
    from demo_motifs.scanning import Scanner, composition_of

    check_output(output, _WRITTEN, motifs, model, data, *database_files(given["databases"]))
    check_new(output, force)
    state: State = ctx.obj
    chosen = _motifs(motifs, given)
    where = choose_device(given["device"])
    say(f"device: {where}")
    loaded = Model.load(model, registry=state.registry, device=where)
    target = loaded.target(given["target"])
    if target.form == "loss":
        raise UsageProblem("a loss needs labels, but planted sequences have none; choose another --target")
    with open_sequences(state.registry, data, given["reader"]) as sequences:
        loaded.check_data(sequences, data)
        rows = _positives(sequences, target)
        random = np.random.default_rng(given["seed"])
        some = np.sort(random.choice(rows, min(len(rows), 20_000), replace=False))
        background = composition_of(sequences.take(some).codes)
        scanners = [Scanner(m.pwm(background), background, given["threshold"], best_anyway=True) for m in chosen]
        there = occurrences(sequences, rows, scanners)
        drawn = random.choice(rows, given["backgrounds"], replace=len(rows) < given["backgrounds"])
        shuffled = dinucleotide_shuffle(
            np.concatenate([sequences.take(np.array([r])).codes for r in drawn]), random, sequences.alphabet.unknown
        )
    pairs = [(a, b) for a in range(len(chosen)) for b in range(a, len(chosen))]
    counted = {(a, b): together(there[a], there[b], len(rows), same=a == b) for a, b in pairs}
    spaced = {(a, b): spacing(there[a], there[b], same=a == b) for a, b in pairs}
    planter = Planter(loaded, target, shuffled)
    sites = [best_site(m.ppm) for m in chosen]
    with progress("planting") as (start, advance):
        start(0, len(pairs))
        found = interactions(planter, sites, loaded.length, range(0, given["farthest"] + 1, given["step"]), advance)
    names = [m.id for m in chosen]
    with whole_folder(output, replace=force) as folder:
        _write(folder, names, counted, spaced, found)
        figure = interactions_figure([_label(m) for m in chosen], found, f"{target.name}, {_unit(target)}")
        save_figure(figure, folder / "interactions.png", "png")
    summary = _summary(names, counted, found)
    if as_json:
        emit_json(summary)
        return
    _print(summary, len(rows), _unit(target))
    echo(f"{output}: {_of(len(pairs), 'pair')} of {_of(len(chosen), 'motif')}")
    suggest_opening(output / "interactions.png")


def _motifs(source: Path, given: dict[str, Any]) -> list[Motif]:
    from demo_motifs import databases
    from demo_motifs.result import MotifsFile

    folder = source / "motifs.h5" if source.is_dir() else source
    if folder.suffix == ".h5":
        if not folder.is_file():
            raise DemoError(f"{source}: has no motifs.h5; give a folder of demo motifs find")
        with MotifsFile(folder) as file:
            every = [file.motif(m["motif"]) for m in sorted(file.motifs, key=lambda m: -int(m["seqlets"]))]
        if not given["only"]:
            every = _unlike(every)
    elif source.is_file():
        every = [known.motif for known in databases.meme(source)]
    else:
        known = databases.load(given["databases"], given["taxon"])
        every = []
        for name in str(source).split(","):
            found = databases.named(known, name.strip())
            if len(found) > 1:
                say(f"{printable(name, 40)}: {len(found)} motifs; using {found[0].motif.id}, or give an id")
            every.append(found[0].motif)
        given = {**given, "number": len(every)}
    if given["only"]:
        by_id = {m.id: m for m in every}
        wanted = [name.strip() for name in given["only"].split(",")]
        for name in wanted:
            if name not in by_id:
                raise UsageProblem(unknown_name("motif", name, by_id))
        return [by_id[name] for name in wanted]
    if not every:
        raise DemoError(f"{source}: contains no motif, so there is no pair to test")
    return every[: given["number"]]


def _unlike(motifs: list[Motif]) -> list[Motif]:
    """Return one of each group of similar motifs, as from several explanations: the one with the most seqlets."""
    from demo_motifs.clustering import distinct

    kept = distinct([m.ppm * (m.sites or 1) for m in motifs])
    if left := [m.id for place, m in enumerate(motifs) if place not in kept]:
        say(f"skipped because they resemble other motifs (include them with --only): {printable(', '.join(left))}")
    return [motifs[place] for place in kept]


def _positives(sequences: SequenceDataset, target: Target) -> Any:
    import numpy as np

    name = target.outputs[0].name
    if not target.outputs[0].is_probability:
        return np.arange(len(sequences))
    positive = np.flatnonzero(np.nan_to_num(sequences.labels_of(name)) > 0.5)
    return positive if len(positive) else np.arange(len(sequences))


def _write(
    folder: Path,
    names: list[str],
    counted: dict[tuple[int, int], Together],
    spaced: dict[tuple[int, int], Counter[tuple[str, int]]],
    found: list[Interaction],
) -> None:
    _tsv(
        folder / "cooccurrence.tsv",
        TOGETHER_HEADS,
        [[names[a], names[b], t.n, t.a, t.b, t.both, t.apart, t.expected, t.p] for (a, b), t in counted.items()],
    )
    _tsv(
        folder / "spacing.tsv",
        SPACING_HEADS,
        [
            [names[a], names[b], arrangement, distance, count]
            for (a, b), counts in spaced.items()
            for (arrangement, distance), count in sorted(counts.items())
        ],
    )
    _tsv(
        folder / "interactions.tsv",
        EFFECT_HEADS,
        [
            [
                names[i.a],
                names[i.b],
                i.arrangement,
                i.distance,
                i.effect_a,
                i.effect_b,
                i.joint,
                i.interaction,
                i.low,
                i.high,
            ]
            for i in found
        ],
    )


def _tsv(path: Path, heads: tuple[str, ...], rows: list[list[Any]]) -> None:
    lines = ["\t".join(heads)]
    for row in rows:
        cells = [
            "" if isinstance(c, float) and math.isnan(c) else f"{c:.6g}" if isinstance(c, float) else c for c in row
        ]
        lines.append("\t".join(printable(c, 10_000) for c in cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _summary(
    names: list[str], counted: dict[tuple[int, int], Together], found: list[Interaction]
) -> list[dict[str, Any]]:
    rows = []
    for (a, b), count in counted.items():
        mine = [i for i in found if (i.a, i.b) == (a, b)]
        row: dict[str, Any] = {
            "motif_a": names[a], "motif_b": names[b], "sequences": count.n, "with_a": count.a, "with_b": count.b,
            "with_both": count.both, "non_overlapping": count.apart,
            "expected": _finite(count.expected), "p": _finite(count.p),
        }  # fmt: skip
        if mine:
            largest = max(mine, key=lambda i: abs(i.interaction))
            means = {
                field: sum(getattr(i, field) for i in mine) / len(mine)
                for field in ("effect_a", "effect_b", "joint", "interaction")
            }
            means["effect_both"] = means.pop("joint")
            row |= {
                **means, "largest": largest.interaction, "largest_ci_low": largest.low,
                "largest_ci_high": largest.high, "arrangement": largest.arrangement, "distance": largest.distance,
            }  # fmt: skip
        rows.append(row)
    return rows


def _print(summary: list[dict[str, Any]], n: int, unit: str) -> None:
    echo(f"{n:,} sequences searched; effects in {unit}, means over arrangements and distances")
    heads = (
        "A",
        "B",
        "with A",
        "with B",
        "both",
        "non-overlapping",
        "expected",
        "p",
        "A alone",
        "B alone",
        "together",
        "interaction",
        "largest",
    )
    rows = []
    for row in summary:
        largest = f"{row['largest']:+.2f} ({row['arrangement']}, {row['distance']} apart)" if "largest" in row else "-"
        rows.append(
            [
                *(row[head] for head in ("motif_a", "motif_b", "with_a", "with_b", "with_both", "non_overlapping")),
                cell(row["expected"], 1),
                "-" if row["p"] is None else f"{row['p']:.1e}",
                *(cell(row.get(field), 2) for field in ("effect_a", "effect_b", "effect_both", "interaction")),
                largest,
            ]
        )
    table(heads, rows)


def _unit(target: Target) -> str:
    if target.form == "probability":
        return "probability"
    return "logit" if target.outputs[0].activation == "sigmoid" else target.outputs[0].unit or "the target's unit"


def _of(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _label(motif: Motif) -> str:
    return f"{motif.name} ({motif.id})" if motif.name else motif.id


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
