"""Data arguments of commands: a dataset file, or a file that a reader can read."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from demo_core.cli.completing import names_of, words
from demo_core.cli.output import say
from demo_core.data.record import Record, RecordBlock
from demo_core.errors import DemoError, UsageProblem, one_line, printable
from demo_core.models.files import check_model_folder
from demo_core.plugins.failures import pass_on_refusal
from demo_core.plugins.options import as_json, build
from demo_core.plugins.registry import Registered, Registry
from demo_core.plugins.specs import DatasetReader

if TYPE_CHECKING:
    from demo_core.data.dataset import SequenceDataset
    from demo_core.data.splits import ImportSettings


def _check_seed(ctx: click.Context, param: click.Parameter, value: int) -> int:
    if not 0 <= value < 2**63:
        raise click.BadParameter(f"expected a whole number from 0 to {2**63 - 1}, got {value}", ctx, param)
    return value


#: Decorator: adds ``--seed`` to a command.
seed = click.option(
    "--seed", type=int, callback=_check_seed, default=0, show_default=True, envvar="DEMO_SEED", metavar="N",
    help="Random seed. The same seed gives the same result.",
)  # fmt: skip
#: Decorator: adds ``--device`` to a command.
device = click.option(
    "--device", default="auto", show_default=True, envvar="DEMO_DEVICE", metavar="auto|cpu|cuda[:n]",
    shell_complete=words("auto", "cpu", "cuda"), help="Device to compute on. auto uses a GPU if there is one.",
)  # fmt: skip
#: Decorator: adds ``--split`` to a command.
split = click.option("--split", metavar="SPLIT", shell_complete=words("train", "validation", "test", "all"),
                     help="Use this split: train, validation, test or all. [default: test, or all without a "
         "test split]")  # fmt: skip
#: Decorator: adds ``--reader`` to a command.
reader_option = click.option("--reader", metavar="NAME", shell_complete=names_of(DatasetReader),
                             help="Reader for the input file. [default: chosen by file suffix]")  # fmt: skip


class ExistingPath(click.Path):
    """Path of a model folder or of data. A missing path is reported before torch is imported.

    Examples
    --------
    >>> import click
    >>> from demo_core.cli import ExistingPath
    >>> argument = click.Argument(["data"], type=ExistingPath())
    >>> argument.type.name
    'path'
    """

    def __init__(self, *, model: bool = False) -> None:
        super().__init__(path_type=Path)
        self.model = model

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raises DemoError if it does not exist."""
        path = Path(str(super().convert(value, param, ctx)))
        if self.model:
            check_model_folder(path)
        elif not path.exists():
            raise DemoError(f"{path}: no such file")
        return path


class BatchSize(click.ParamType[int | None]):
    """A number, or ``auto``, which becomes None."""

    name = "auto|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Parse an integer of at least 1."""
        if value is None or value == "auto":
            return None
        if isinstance(value, bool) or not str(value).isdecimal() or int(value) < 1:
            self.fail(f"expected auto or a number of at least 1, got '{printable(value, 20)}'", param, ctx)
        return int(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """``auto``, or a random word that cannot be guessed."""
        return words("auto")(ctx, param, incomplete)


#: Decorator: adds ``--batch-size`` to a command.
batch_size_option = click.option(
    "--batch-size", type=BatchSize(), default="auto", show_default=True, envvar="DEMO_BATCH_SIZE",
    help="Sequences per batch. auto times several sizes on large data. Lower it if memory runs out.",
)  # fmt: skip


def find_reader(registry: Registry, source: Path, name: str | None) -> Registered[DatasetReader]:
    """Return the reader of that name, or the one with the longest matching suffix.

    Parameters
    ----------
    registry
        The registry.
    source
        File to read.
    name
        Name of a reader. Default: chosen by the suffix of ``source``.

    Returns
    -------
    Registered
        The reader.

    Raises
    ------
    UsageProblem
        If there is no such reader, or no suffix matches.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core.cli import find_reader
    >>> from demo_core.plugins import installed
    >>> find_reader(installed(), Path("peaks.fa.gz"), None).spec.name
    'fasta'
    """
    if name:
        return registry.find(DatasetReader, name)
    text = source.name.lower()
    fitting = [
        (len(suffix), r) for r in registry.all(DatasetReader) for suffix in r.spec.suffixes if text.endswith(suffix)
    ]
    if not fitting and source.is_dir():
        raise DemoError(f"{source}: this is a folder; give a file")
    if not fitting and not source.exists() and source.suffix:
        raise DemoError(f"{source}: no such file")
    if not fitting:
        known = ", ".join(f"{r.spec.name} ({' '.join(r.spec.suffixes)})" for r in registry.all(DatasetReader))
        raise UsageProblem(f"{source}: no reader knows this suffix; name one with --reader: {known or 'none'}")
    longest = max(length for length, _ in fitting)
    best = [r for length, r in fitting if length == longest]
    if len(best) > 1:
        names = " or ".join(registry.qualified(r) for r in best)
        raise UsageProblem(f"{source}: several readers know this suffix; choose with --reader {names}")
    return best[0]


def import_source(
    registered: Registered[DatasetReader],
    options: Any,
    source: Path,
    output: Path,
    settings: ImportSettings,
    *,
    replace: bool = True,
) -> list[str]:
    r"""Run a reader and write a dataset file. Returns the decisions made, one line each.

    Parameters
    ----------
    registered
        A registered reader.
    options
        Options of the reader.
    source
        File to read.
    output
        Dataset file to write.
    settings
        Settings of the import.
    replace
        Whether an existing file may be replaced.

    Returns
    -------
    list
        The decisions made, one line each.

    Raises
    ------
    DemoError
        If the source is invalid, or the output cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.cli import find_reader, import_source
    >>> from demo_core.data import ImportSettings
    >>> from demo_core.plugins import build, installed
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder) / "peaks.fa"
    ...     _ = source.write_text(">1\nACGTAC\n>0\nTTGACA\n")
    ...     reader = find_reader(installed(), source, None)
    ...     options = build(reader.spec.options, {}, "reader 'fasta'")
    ...     settings = ImportSettings(validation=0, test=0)
    ...     notes = import_source(reader, options, source, Path(folder) / "peaks.h5", settings)
    ...     Path(folder, "peaks.h5").exists()
    True
    """
    from demo_core.data.importing import import_records

    notes = _Notes()
    logging.getLogger().addHandler(notes)
    try:
        reader = _blamed(registered, source, lambda: _made(registered, options))
        records = _records(registered, reader, source)
        targets = lambda: tuple(getattr(reader, "targets", ("bound",)))  # noqa: E731
        # only file names: folders of this machine are private
        plain = {k: Path(v).name if isinstance(getattr(options, k), Path) else v for k, v in as_json(options).items()}
        about = {"name": registered.spec.name, "options": plain}
        info = lambda: dict(getattr(reader, "info", {}))  # noqa: E731
        made = import_records(records, output, targets, settings, source.name, about, info, replace)
        return made + notes.lines
    finally:
        logging.getLogger().removeHandler(notes)


def _made(registered: Registered[DatasetReader], options: Any) -> Any:
    cls = registered.load()
    try:
        return cls(options)
    except ValueError as error:
        pass_on_refusal(error, getattr(cls, "__module__", ""), f"reader '{registered.spec.name}'")
        raise


def _records(registered: Registered[DatasetReader], reader: Any, source: Path) -> Iterator[Any]:
    records = iter(_blamed(registered, source, lambda: reader.read(source)))
    end = object()
    while (record := _blamed(registered, source, lambda: next(records, end))) is not end:
        if not isinstance(record, Record | RecordBlock):
            raise registered.broke_contract(f"it must yield Record or RecordBlock, not {type(record).__name__}")
        if isinstance(record, Record) and not isinstance(record.sequence, str):
            raise registered.broke_contract(f"a record's sequence must be text, not {type(record.sequence).__name__}")
        yield record


def _blamed(registered: Registered[DatasetReader], source: Path, call: Callable[[], Any]) -> Any:
    """Report exceptions of a reader's own code, except errors for the user, as a failure of its plugin."""
    try:
        return call()
    except (DemoError, OSError):
        raise
    except Exception as error:
        if registered.owner.origin == "built-in":  # unexpected errors name the file
            what = f"{printable(source)} cannot be read as {registered.spec.name}"
            raise DemoError(f"{what} ({one_line(error)}); use --debug to see where") from error
        raise registered.failed(error) from error


@contextmanager
def open_data(registry: Registry, source: Path, reader: str | None = None) -> Iterator[SequenceDataset]:
    r"""Open a dataset file, or read any file that a reader knows.

    Parameters
    ----------
    registry
        The registry.
    source
        A dataset file, or a file that a reader knows.
    reader
        Name of a reader. Default: chosen by the suffix of ``source``.

    Raises
    ------
    DemoError
        If the source cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.cli import open_data
    >>> from demo_core.plugins import installed
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder) / "peaks.fa"
    ...     _ = source.write_text(">1\nACGTAC\n>0\nTTGACA\n")
    ...     with open_data(installed(), source) as data:
    ...         len(data)
    2
    """
    from demo_core.data.dataset import SequenceDataset
    from demo_core.data.importing import AS_IS

    if not source.exists():
        raise DemoError(f"{source}: no such file")
    if not reader and _is_hdf5(source):
        with SequenceDataset.open(source) as dataset:
            yield dataset
        return
    registered = find_reader(registry, source, reader)
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        output = Path(folder) / "data.h5"
        try:
            options: Any = build(registered.spec.options, {}, f"reader '{registered.spec.name}'")
        except UsageProblem as error:
            raise UsageProblem(f"{error}: make a dataset file first with demo data import") from None
        for note in import_source(registered, options, source, output, AS_IS):
            say(note)
        with SequenceDataset.open(output) as dataset:
            yield dataset


def _is_hdf5(source: Path) -> bool:
    if source.suffix in (".h5", ".hdf5"):
        return True
    if not source.is_file():
        return False
    with source.open("rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


class _Notes(logging.Handler):
    """Collect warnings that a reader logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(printable(record.getMessage(), 400))
