"""``demo evaluate MODEL DATA``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from demo_core.cli import (
    ExistingPath,
    Sections,
    State,
    batch_size_option,
    cell,
    device,
    echo,
    emit_json,
    open_data,
    reader_option,
    say,
    split,
    suggest,
    table,
)
from demo_core.errors import UsageProblem, counted, printable


@click.command(cls=Sections, rest="Method", example="demo evaluate models/cnn peaks.h5 --split test")
@click.argument("model", type=ExistingPath(model=True))
@click.argument("data", type=ExistingPath())
@split
@click.option(
    "--motif",
    type=click.Path(path_type=Path),
    metavar="FILE.meme",
    help="Also report the AUROC of the best single PWM of this file, as a baseline.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@batch_size_option
@reader_option
@device
@click.pass_context
def evaluate(
    ctx: click.Context, model: Path, data: Path, split: str | None, motif: Path | None, as_json: bool,
    batch_size: int | None, reader: str | None, device: str,
) -> None:  # fmt: skip
    """Measure how well MODEL predicts labelled sequences.

    Reports AUROC, AUPRC, accuracy and calibration error of each target. Regression targets have Pearson's correlation
    and mean squared error.
    """
    from demo_core.models import Model, choose_device
    from demo_evaluate.measures import best_matrix, chosen_split, scores

    state: State = ctx.obj
    where = choose_device(device)
    say(f"device: {where}")
    loaded = Model.load(model, registry=state.registry, device=where)
    with open_data(state.registry, data, reader) as dataset:
        loaded.check_data(dataset, data)
        name, rows = chosen_split(dataset, split)
        found: dict[str, Any] = {
            "model": str(model),
            "data": str(data),
            "split": name,
            "sequences": len(rows),
        }
        found["targets"] = scores(loaded, dataset, rows, batch_size)
        if not any(t["labelled"] for t in found["targets"].values()):
            raise UsageProblem(f"split {name} has no labels for the model's targets; see 'demo data info'")
        if motif is not None:
            found["best_motif"] = best_matrix(motif, dataset, rows, found["targets"])
    if as_json:
        emit_json(found)
        return
    echo(f"{'all splits' if name == 'all' else name + ' split'}, {counted(len(rows), 'sequence')}")
    _print(found)
    suggest("demo", "explain", "saliency", model, data, "-o", "explanations")


def _print(found: dict[str, Any]) -> None:
    measures = {
        "auroc": "AUROC",
        "auprc": "AUPRC",
        "accuracy": "accuracy",
        "calibration_error": "calibration error",
    }
    if any("pearson" in t for t in found["targets"].values()):
        measures |= {"pearson": "Pearson r", "mean_squared_error": "mean squared error"}
    used = [m for m in measures if any(m in t for t in found["targets"].values())]
    counts = {"positives": "positive", "negatives": "negative"}
    if not all("positives" in t for t in found["targets"].values()):
        counts = (
            {"labelled": "labelled", **counts}
            if any("positives" in t for t in found["targets"].values())
            else {"labelled": "labelled"}
        )
    rows = [
        [name, *(t.get(c, "-") for c in counts), *(cell(t.get(m)) for m in used)]
        for name, t in found["targets"].items()
    ]
    table(("target", *counts.values(), *(measures[m] for m in used)), rows)
    for name, best in found.get("best_motif", {}).items():
        matrix = printable(f"{best['id']} {best['name']}".strip(), 90)
        echo(
            f"best single matrix for {printable(name, 60)}: {matrix}, AUROC {cell(best['auroc'])} "
            f"(best of {best['of']}, chosen on the same sequences, so it is optimistic)"
        )
