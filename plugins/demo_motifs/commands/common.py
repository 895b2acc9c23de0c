"""Options and steps that several commands of ``demo motifs`` share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import open_data
from demo_core.errors import DemoError, UsageProblem, printable

if TYPE_CHECKING:
    from demo_core.data import SequenceDataset
    from demo_core.plugins import Registry
    from demo_core.results import Explanation

db_option = click.option(
    "--db", "databases", multiple=True, default=("jaspar",), show_default=True, metavar="jaspar|jaspar2020|FILE.meme",
    help="Motif database: a JASPAR release (jaspar is 2024) or a MEME file. Repeatable.",
)  # fmt: skip
taxon_option = click.option(
    "--taxon", default="vertebrates", show_default=True, metavar="GROUP",
    help="JASPAR taxonomic group: vertebrates, plants, insects, nematodes, fungi, "
         "urochordates or all.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
force_option = click.option("--force", is_flag=True, help="Replace existing output.")


class Background(click.ParamType[tuple[float, ...] | None]):
    """Four fractions, ``uniform``, or ``sequences``, which becomes None."""

    name = "uniform|sequences|A,C,G,T"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...] | None:
        """Parse it."""
        if value is None or isinstance(value, tuple) or value == "sequences":
            return value if isinstance(value, tuple) else None
        if value == "uniform":
            return (0.25, 0.25, 0.25, 0.25)
        from demo_motifs.scanning import check_background

        try:
            return tuple(check_background([float(word) for word in str(value).split(",")]).tolist())
        except (ValueError, UsageProblem):
            self.fail(f"expected uniform, sequences, or four shares like 0.3,0.2,0.2,0.3, got '{printable(value, 40)}'")


background_option = click.option(
    "--background", type=Background(), default="sequences", show_default=True,
    help="Background frequencies of A, C, G, T for p-values. sequences uses both strands of "
         "the data.",
)  # fmt: skip
threshold_option = click.option(
    "--threshold", type=click.FloatRange(0, 1, min_open=True), default=1e-4, show_default=True, metavar="P",
    help="Maximum p-value of a site, from a scan with the matrix.",
)  # fmt: skip


def check_output(output: Path, written: Collection[str], *inputs: Path | None) -> None:
    """Raise DemoError unless a folder may replace ``output``: inputs and other people's files must not be lost.

    ``written`` are the names of the files that the command writes.
    """
    from demo_core.storage import check_folder_of, check_not_an_input

    check_folder_of(output)
    check_not_an_input(output, *inputs)
    for source in inputs:
        if source is not None and source.exists() and output.resolve() in source.resolve().parents:
            raise DemoError(f"{source} is an input and lies in {output}; choose another -o")
    if output.exists() and not output.is_dir():
        raise DemoError(f"{output} is a file; -o names a folder")
    strange = sorted(p.name for p in output.iterdir() if p.name not in written) if output.exists() else []
    if strange:
        raise DemoError(
            f"{output} has {printable(strange[0], 60)} in it, which is not a result of this command; choose another -o"
        )


def check_new(output: Path, force: bool) -> None:
    """Raise DemoError if an output exists that may not be replaced."""
    if output.exists() and not force:
        raise DemoError(f"{output} already exists; choose another -o, or use --force to replace it")


def database_files(databases: Sequence[str]) -> list[Path]:
    """Return the databases that are files."""
    return [Path(name) for name in databases if Path(name).is_file()]


def names_of(paths: Sequence[Path]) -> list[str]:
    """Name each explanation after its file, with the folder if two have the same name. Raises UsageProblem."""
    resolved = [p.resolve() for p in paths]
    if again := [p for p in resolved if resolved.count(p) > 1]:
        raise UsageProblem(f"{again[0]} is given twice; give it once")
    stems = [p.name.removesuffix(".h5") for p in paths]
    count = Counter(stems)
    names = [
        stem if count[stem] == 1 else f"{path.resolve().parent.name}.{stem}"
        for stem, path in zip(stems, paths, strict=True)
    ]
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        # .../CTCFL/explanations/cnn.saliency.h5: the folder above is more informative
        names = [
            name if Counter(names)[name] == 1 else f"{path.resolve().parent.parent.name}.{name}"
            for name, path in zip(names, paths, strict=True)
        ]
        if len(set(names)) < len(names):
            raise UsageProblem(f"two explanations are named '{twice[0]}'; rename one, or run the command for each")
    return [re.sub(r"\s", "_", printable(name, 150)) for name in names]


@contextmanager
def open_either(registry: Registry, source: Path, reader: str | None) -> Iterator[SequenceDataset | Explanation]:
    """Open an explanation, or a dataset from any file that a reader knows."""
    import h5py

    from demo_core.results import Explanation

    if not reader and source.is_file() and h5py.is_hdf5(source):
        with h5py.File(source, "r") as file:
            said = file.attrs.get("demo", "")
        if isinstance(said, str) and '"demo-explanation"' in said:
            with Explanation.open(source) as explanation:
                yield explanation
            return
    with open_data(registry, source, reader) as dataset:
        yield dataset


@contextmanager
def open_sequences(registry: Registry, source: Path, reader: str | None) -> Iterator[SequenceDataset]:
    """Return the sequences of a dataset, an explanation, or another readable file. Raises UsageProblem on patterns."""
    from demo_core.results import Explanation

    with open_either(registry, source, reader) as found:
        if isinstance(found, Explanation) and found.kind == "pattern":
            raise UsageProblem(f"{source} holds optimised inputs, not sequences")
        yield found.sequences if isinstance(found, Explanation) else found


@contextmanager
def opened(paths: Sequence[Path]) -> Iterator[list[Explanation]]:
    """Open explanations."""
    from demo_core.results import Explanation

    with ExitStack() as stack:
        yield [stack.enter_context(Explanation.open(path)) for path in paths]
