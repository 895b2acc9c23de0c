"""``demo bench MODEL``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from demo_core.cli import (
    ExistingPath,
    Sections,
    State,
    device,
    echo,
    emit_json,
    names_of,
    say,
    table,
)
from demo_core.errors import ExitCode, counted
from demo_core.plugins import Explainer


@click.command(cls=Sections, rest="Method", example="demo bench models/cnn --explainer saliency")
@click.argument("model", type=ExistingPath(model=True))
@click.option(
    "--explainer", "explainers", multiple=True, metavar="NAME", shell_complete=names_of(Explainer),
    help="Measure this explainer; may be repeated. [default: all except expensive ones]",
)  # fmt: skip
@click.option(
    "--batch-size", "sizes", type=click.IntRange(1, 10**6), multiple=True,
    help="Measure this batch size; may be repeated. [default: 16 to 4,096, and the automatic size]",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(0.1, 3600), default=5.0, show_default=True,
    help="Approximate seconds for predictions and for each explainer.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the rates of all batch sizes.")
@device
@click.pass_context
def bench(
    ctx: click.Context, model: Path, explainers: tuple[str, ...], sizes: tuple[int, ...], seconds: float,
    as_json: bool, device: str,
) -> None:  # fmt: skip
    """Measure sequences per second of predictions and explainers for MODEL.

    Uses random sequences of the model's length, held in memory. Explainers use default options; set others with
    environment variables. Pattern explainers run once and ignore --seconds.

    The best batch size is the smallest with at least 98% of the highest rate.
    """
    import torch

    from demo_bench.measuring import measure
    from demo_core.models import Model, choose_device

    state: State = ctx.obj
    where = choose_device(device)
    say(f"device: {where}")
    loaded = Model.load(model, registry=state.registry, device=where)
    threads = torch.get_num_threads() if where.type == "cpu" else None
    rows: list[list[object]] = []
    found: list[dict[str, Any]] = []
    code = ExitCode.DONE
    for rates in measure(loaded, state.registry, explainers, sizes, seconds):
        if rates.skipped:
            say(f"{'demo:' if rates.failed else 'skipped'} {rates.name}: {rates.skipped}")
            code = ExitCode.PLUGIN if rates.failed else code
            continue
        best = rates.rates[rates.best]
        say(f"measured {rates.name}")
        unit = "patterns" if rates.patterns else "sequences"
        found.append({"name": rates.name, "unit": f"{unit}/s", "best": best, "batch_size": rates.best or None,
                      "rates": {str(size): rate for size, rate in rates.rates.items() if size}})  # fmt: skip
        size, time = ("-", "-") if rates.patterns else (f"{rates.best:,}", f"{10_000 / best:,.1f}")
        rows.append([rates.name, f"{best:,.0f}" if best >= 10 else f"{best:.2g}", f"{unit}/s", size, time])
    if as_json:
        about = {"length": loaded.length, "device": str(where), "threads": threads}
        emit_json({"model": str(model), **about, "torch": torch.__version__, "results": found})
    else:
        on = f"{where}, {counted(threads, 'thread')}" if threads else str(where)
        echo(f"sequences of {counted(loaded.length, 'letter')}, {on}")
        table(("computation", "rate", "unit", "best batch size", "seconds for 10,000 sequences"), rows)
    if code:
        ctx.exit(code)
