"""Data arguments of commands: a dataset file, or a file that a reader can read."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from demo_core.cli.completing import names_of, words
from demo_core.cli.output import say
from demo_core.errors import DemoError, printable
from demo_core.models.files import check_model_folder
from demo_core.plugins.registry import Registry
from demo_core.plugins.specs import DatasetReader

if TYPE_CHECKING:
    from demo_core.data.dataset import SequenceDataset


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


def open_data(registry: Registry, source: Path, reader: str | None = None) -> AbstractContextManager[SequenceDataset]:
    r"""Open a dataset file, or read any file that a reader knows, and print the decisions of the reader to stderr.

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
    from demo_core.data.opening import opened

    return opened(registry, source, reader, say)
