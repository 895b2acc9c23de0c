"""``demo predict MODEL DATA -o table.tsv``."""

from __future__ import annotations

import math
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import click

from demo_core.cli import (
    ExistingPath,
    Sections,
    State,
    batch_size_option,
    device,
    echo,
    open_data,
    progress,
    reader_option,
    say,
    suggest,
)
from demo_core.errors import DemoError, counted, printable


@click.command(cls=Sections, rest="Method", example="demo predict models/cnn peaks.h5 -o predictions.tsv")
@click.argument("model", type=ExistingPath(model=True))
@click.argument("data", type=ExistingPath())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default="-",
    metavar="FILE.tsv",
    help="Table to write. [default: standard output]",
)
@click.option(
    "--split", default="all", show_default=True, metavar="SPLIT", help="Use this split: train, validation, test or all."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@batch_size_option
@reader_option
@device
@click.pass_context
def predict(
    ctx: click.Context,
    model: Path,
    data: Path,
    output: Path,
    split: str,
    force: bool,
    batch_size: int | None,
    reader: str | None,
    device: str,
) -> None:
    """Write a model's predictions to a table.

    Columns are id, interval and split. Each target has its label, its output (such as a logit) and its prediction
    (such as a probability). Intervals are 0-based.
    """
    from demo_core.models import Model, choose_device, measured_batch_size
    from demo_core.storage import check_not_an_input, whole_file

    state: State = ctx.obj
    if str(output) != "-" and output.exists() and not force:
        raise DemoError(f"{output} already exists; choose another name, or use --force to replace it")
    check_not_an_input(output, data, model)
    where = choose_device(device)
    say(f"device: {where}")
    loaded = Model.load(model, registry=state.registry, device=where)
    with open_data(state.registry, data, reader) as dataset:
        loaded.check_data(dataset, data)
        rows = dataset.rows_of_split(split)
        if not len(rows):
            say(f"warning: no sequence is in the split {split}")
        batch_size = batch_size or measured_batch_size(loaded, len(rows), gradients=False)
        if str(output) == "-":
            _write(sys.stdout, loaded, dataset, rows, batch_size)
            return
        with whole_file(output, replace=force) as temporary, temporary.open("w", encoding="utf-8") as file:
            _write(file, loaded, dataset, rows, batch_size)
    echo(f"{output}: {counted(len(rows), 'sequence')}")
    suggest("demo", "explain", "saliency", model, data, "-o", "explanations")


def _write(file: TextIO, model: Any, dataset: Any, rows: Any, batch_size: int | None) -> None:
    import numpy as np

    from demo_core.cli import reader_gone
    from demo_core.data import SPLITS
    from demo_core.running import labels_for

    names = [" ".join(printable(o.name).split()) for o in model.outputs]
    columns = [f"{part}:{name}" for name in names for part in ("label", "output", "prediction")]
    file.write("\t".join(["id", "interval", "split", *columns]) + "\n")
    with progress("predicting") as (start, advance):
        start(0, len(rows))
        size, lost = min(4096, dataset.rows_at_once()), 0
        for first in range(0, len(rows), size):
            if reader_gone():  # stdout was closed, for example by head
                return
            block = dataset.take(rows[first : first + size])
            with redirect_stdout(sys.stderr):  # output of a network is no result
                outputs = model.predict(block.codes, batch_size)
            lost += int((~np.isfinite(outputs)).any(axis=1).sum())
            predictions, labels = model.activate(outputs), labels_for(model, block)
            splits = dict(enumerate(SPLITS))
            cells = [
                [printable(name, 10_000) for name in block.ids],
                [printable(block.interval(i) or "", 200) for i in range(len(block))],
                [splits.get(code, "") for code in block.split.tolist()],
            ]
            for j in range(len(names)):  # Python's numbers are formatted faster than numpy's
                cells.append(["" if math.isnan(v) else f"{v:g}" for v in labels[:, j].tolist()])
                cells += [[f"{v:.6g}" for v in values[:, j].tolist()] for values in (outputs, predictions)]
            file.writelines("\t".join(row) + "\n" for row in zip(*cells, strict=True))
            advance(len(block))
        if lost:
            say(f"warning: outputs of {lost:,} of {counted(len(rows), 'sequence')} are NaN or infinite")
