"""Open a dataset file, or any file that a reader can read."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo_core.data.dataset import SequenceDataset
from demo_core.data.importing import AS_IS, import_records
from demo_core.data.reader_choice import find_reader
from demo_core.data.record import Record, RecordBlock
from demo_core.data.splits import ImportSettings
from demo_core.errors import DemoError, UsageProblem, one_line, printable
from demo_core.plugins.failures import pass_on_refusal
from demo_core.plugins.options import as_json, build
from demo_core.plugins.registry import Registered, Registry
from demo_core.plugins.specs import DatasetReader

_log = logging.getLogger(__name__)


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
    >>> from demo_core.data import ImportSettings, find_reader, import_source
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
def opened(
    registry: Registry, source: Path, reader: str | None = None, note: Callable[[str], None] = _log.warning
) -> Iterator[SequenceDataset]:
    r"""Open a dataset file, or read any file that a reader knows.

    Parameters
    ----------
    registry
        The registry.
    source
        A dataset file, or a file that a reader knows.
    reader
        Name of a reader. Default: chosen by the suffix of ``source``.
    note
        Called with each decision of a reader, one line. Default: log it as a warning.

    Raises
    ------
    DemoError
        If the source cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.data import opened
    >>> from demo_core.plugins import installed
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder) / "peaks.fa"
    ...     _ = source.write_text(">1\nACGTAC\n>0\nTTGACA\n")
    ...     with opened(installed(), source) as data:
    ...         len(data)
    2
    """
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
        for line in import_source(registered, options, source, output, AS_IS):
            note(line)
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
