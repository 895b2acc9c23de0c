"""``demo data import`` and ``demo data info``."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import (
    Sections,
    State,
    cell,
    click_options,
    echo,
    emit_json,
    reader_option,
    say,
    seed,
    suggest,
    table,
    take_options,
    words,
)
from demo_core.data import find_reader
from demo_core.errors import DemoError, UsageProblem, counted, printable
from demo_core.plugins import DatasetReader, Registered, Registry, build, options_of
from demo_core.storage import check_not_an_input

if TYPE_CHECKING:
    from demo_core.data import SequenceDataset


#: Rows of labels to read at a time.
_ROWS = 1 << 16


@click.group()
def data() -> None:
    """Import sequences and summarise datasets."""


class ImportCommand(Sections):
    """Command with the options of the reader that the suffix of the source or ``--reader`` chooses."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the reader first, since its options are part of the command line."""
        takes_value = {f for p in self.params if isinstance(p, click.Option) and not p.is_flag for f in p.opts}
        try:
            ctx.meta["demo.reader"] = _reader_meant(ctx.obj.registry, args, takes_value)
        except DemoError:
            if not ctx.resilient_parsing:  # an incomplete line may name a missing file
                raise
            ctx.meta["demo.reader"] = None
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if ctx.meta["demo.reader"] is None:  # then it may be an option of a reader
                message = f"{error.format_message()} No reader was found for the source: name one with --reader"
                raise click.UsageError(message, ctx) from None
            raise

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters and the reader's."""
        registered = ctx.meta.get("demo.reader")
        return super().get_params(ctx) + (
            click_options(registered.spec.options, registered.spec.name, self.params) if registered else []
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those of each reader."""
        chosen = ctx.meta.pop("demo.reader", None)
        super().format_options(ctx, formatter)
        state: State = ctx.obj
        for registered in [chosen] if chosen else state.registry.all(DatasetReader):
            rows = [
                r
                for o in click_options(registered.spec.options, registered.spec.name, self.params)
                if (r := o.get_help_record(ctx))
            ]
            if rows:
                with formatter.section(f"Options of reader {registered.spec.name}"):
                    formatter.write_dl(rows)


def _reader_meant(registry: Registry, args: list[str], takes_value: set[str]) -> Registered[DatasetReader] | None:
    """Return the reader of a command line, before its options can be parsed."""
    if any(word in ("-h", "--help") for word in args):
        return None
    for place, word in enumerate(args):
        if word == "--reader" and place + 1 < len(args):
            return registry.find(DatasetReader, args[place + 1])
        if word.startswith("--reader="):
            return registry.find(DatasetReader, word.partition("=")[2])
    words = [(before, word) for before, word in pairwise(["", *args]) if not word.startswith("-")]
    if plain := [word for before, word in words if not before.startswith("-")]:
        return find_reader(registry, Path(plain[0]), None)
    for before, word in words:
        if before not in takes_value:
            try:
                return find_reader(registry, Path(word), None)
            except UsageProblem:
                continue  # possibly the value of a reader's option; the command itself reports a bad source
    return None


@data.command(
    "import", cls=ImportCommand, rest="Data", example="demo data import peaks.bed --genome hg38.fa -o peaks.h5"
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.h5",
    help="Dataset file to write.",
)
@reader_option
@click.option(
    "--negatives", type=click.Choice(["dinucleotide", "shuffle", "none"]), default="dinucleotide", show_default=True,
    help="Shuffles of positives to add to splits without negatives. dinucleotide keeps dinucleotide counts, shuffle "
         "only base counts. none adds no negatives.",
)  # fmt: skip
@click.option(
    "--validation",
    type=float,
    default=0.1,
    show_default=True,
    help="Fraction of the remaining training sequences for validation, if SOURCE has no such split.",
)
@click.option(
    "--test",
    type=float,
    default=0.1,
    show_default=True,
    help="Fraction of training sequences for the test split, if SOURCE has no such split.",
)
@click.option(
    "--split",
    metavar="SPLIT",
    shell_complete=words("train", "validation", "test"),
    help="Put all sequences into this split.",
)
@click.option(
    "--length", type=click.IntRange(1, 10**8), help="Crop or pad sequences around their centre to this length in bases."
)
@click.option("--alphabet", default="dna", show_default=True, help="Alphabet of the sequences. Only dna is available.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@seed
@click.pass_context
def import_(
    ctx: click.Context, /, source: Path, output: Path, reader: str | None, force: bool, **settings: Any
) -> None:
    """Import sequences from SOURCE into a dataset file.

    A positive and its shuffle stay in the same split. So do identical sequences and reverse complements.
    """
    from demo_core.data import ImportSettings, import_source
    from demo_core.sequences import alphabet_named

    state: State = ctx.obj
    if output.is_dir():
        raise DemoError(f"{output} is a folder; give the name of a file, such as {output.name}.h5")
    if output.exists() and not force:
        raise DemoError(f"{output} already exists; choose another name, or use --force to replace it")
    registered = find_reader(state.registry, source, reader)
    mine = take_options(registered.spec.options, registered.spec.name, settings)
    options: Any = build(registered.spec.options, mine, f"reader '{registered.spec.name}'")
    check_not_an_input(output, source, *(v for v in mine.values() if isinstance(v, Path)))
    settings["alphabet"] = alphabet_named(settings["alphabet"])
    for note in import_source(registered, options, source, output, ImportSettings(**settings), replace=force):
        say(note)
    from demo_core.data import SequenceDataset

    with SequenceDataset.open(output) as dataset:
        labelled = _has_labels(dataset)
        if not labelled:
            _say_how_to_label(registered)
        n, length = counted(len(dataset), "sequence"), counted(dataset.length, "base")
        what = "targets" if len(dataset.targets) > 1 else "target"
        echo(f"{output}: {n} of {length}, {what} {_listed(dataset.targets)}")
    _suggest(output, labelled=labelled)


def _has_labels(dataset: SequenceDataset) -> bool:
    import numpy as np

    starts = range(0, len(dataset), _ROWS)
    return any(not np.isnan(dataset.labels[start : start + _ROWS]).all() for start in starts)


def _say_how_to_label(registered: Registered[DatasetReader]) -> None:
    flags = ", ".join(o.flag for o in options_of(registered.spec.options))
    say(
        "no sequence has a label; the dataset can be predicted and explained, but not used for training or evaluation"
        + (f" (options of reader {registered.spec.name}: {flags}; --force replaces the file)" if flags else "")
    )


@data.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(dataset: Path, as_json: bool) -> None:
    """Summarise a dataset: counts per split and label, length, composition and duplicates.

    Sequences that occur in two splits are reported as leakage.
    """
    from demo_core.data import SequenceDataset
    from demo_data.summary import summarise

    with SequenceDataset.open(dataset) as opened:
        found = summarise(opened)
    if as_json:
        emit_json(found)
        return
    echo(
        f"{printable(dataset)}: {counted(found['sequences'], 'sequence')} of {counted(found['length'], 'base')} "
        f"({found['alphabet']}), {'with' if found['intervals'] else 'no'} intervals, "
        f"{'with' if found['sites'] else 'no'} known sites"
    )
    reader = found["made"].get("reader")
    if isinstance(reader, dict) and isinstance(reader.get("options"), dict):  # the file may come from others
        options = [f"{printable(k, 40)} = {printable(v, 80)}" for k, v in reader["options"].items() if v]
        read = f"read from {printable(found['made'].get('source', '?'), 80)} by {printable(reader.get('name'), 40)}"
        echo(read + (f" ({', '.join(options)})" if options else ""))
    genome = found["made"].get("genome")
    if isinstance(genome, dict):
        echo(f"genome: {printable(genome.get('file'), 80)}, sha256 {printable(genome.get('sha256'), 64)}")
    tallies = [(split, target, c) for split, targets in found["counts"].items() for target, c in targets.items()]
    if rows := [[s, t, c["positive"], c["negative"], c["unknown"]] for s, t, c in tallies if "positive" in c]:
        table(("split", "target", "positive", "negative", "unlabelled"), rows)
    if rows := [
        [s, t, c["labelled"], cell(c["minimum"]), cell(c["maximum"]), c["unknown"]]
        for s, t, c in tallies
        if "labelled" in c
    ]:
        table(("split", "target", "labelled", "minimum", "maximum", "unlabelled"), rows)
    shares = ", ".join(f"{letter} {cell(share, 3)}" for letter, share in found["composition"].items())
    echo(f"composition: {shares}")
    echo(f"duplicates (either strand): {found['duplicates_within']} within splits")
    across = found["duplicates_across"]
    for pair, count in across.items():
        echo(f"LEAKAGE: {counted(count, 'sequence')} of {pair.split(' and ')[1]} also in {pair.split(' and ')[0]}")
    if not across:
        echo("no sequence is in two splits")
    _suggest(
        dataset, labelled=any(c.get("labelled", c.get("positive", 0) + c.get("negative", 0)) for _, _, c in tallies)
    )


def _suggest(dataset: Path, *, labelled: bool) -> None:
    suggest("demo", *(("train", "cnn", dataset, "-o", "models/cnn") if labelled else ("predict", "MODEL", dataset)))


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(printable(n, 40) for n in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
