"""Arguments and inputs that both commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import say
from demo_core.errors import DemoError, UsageProblem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from demo_dashboard.alignment import Aligned
    from demo_dashboard.runs import Run

explanations_argument = click.argument(
    "explanations", nargs=-1, required=True, metavar="EXPLANATION...", type=click.Path(path_type=Path)
)
motifs_option = click.option(
    "--motifs", "folders", multiple=True, type=click.Path(path_type=Path), metavar="FOLDER",
    help="Folder written by demo motifs find or scan for the same data. Repeatable.",
)  # fmt: skip
id_option = click.option("--id", "names", multiple=True, metavar="ID", help="Id of a sequence. Repeatable.")


def check_output(output: Path, force: bool, inputs: Sequence[Path], folders: Sequence[Path]) -> None:
    """Raise DemoError unless ``output`` may be written: it is no input, and new or to be replaced."""
    from demo_core.storage import check_file_can_be, check_not_an_input

    check_file_can_be(output)
    check_not_an_input(output, *inputs, *folders)
    if output.exists() and not force:
        raise DemoError(f"{output} already exists; choose another name, or use --force to replace it")


def one_of(**ways: Any) -> None:
    """Raise UsageProblem if more than one of these options was given."""
    given = [f"--{name}" for name, value in ways.items() if value]
    if len(given) > 1:
        raise UsageProblem(f"{' and '.join(given)} are alternatives; give one of them")


def say_strange_patterns(runs: Sequence[Run]) -> None:
    """Warn if the model of an optimised input explains none of the sequences: it may belong to other data."""
    from demo_dashboard.runs import digest_of

    models = {digest_of(run.explanation) for run in runs if not run.is_pattern}
    for run in runs:
        if models and run.is_pattern and digest_of(run.explanation) not in models:
            say(f"{run.path} matches no model of the other explanations; check that all are of the same data")


def explained_most(aligned: Aligned) -> NDArray[np.int64]:
    """Return the sequences that the largest number of runs explain."""
    import numpy as np

    count = (aligned.rows >= 0).sum(axis=0)
    return np.flatnonzero(count == count.max())
