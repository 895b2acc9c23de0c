"""``demo train ARCHITECTURE DATA -o MODEL``: one command for each architecture, with its own options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from demo_core.cli.group import State
from demo_core.cli.output import cell, say
from demo_core.cli.sources import device, seed
from demo_core.errors import DemoError, ExitCode, Interrupted, UsageProblem, printable
from demo_core.options import click_options, options_of
from demo_core.registry import Registered
from demo_core.specs import Architecture


class TrainGroup(click.Group):
    """The registered architectures as commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the architectures."""
        state: State = ctx.obj
        return state.registry.names(Architecture)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of an architecture. Raises UsageProblem on an unknown one."""
        state: State = ctx.obj
        return _command(state.registry.find(Architecture, cmd_name), cmd_name)


@click.group(cls=TrainGroup, subcommand_metavar="ARCHITECTURE DATA -o MODEL [OPTIONS]")
def train() -> None:
    """Train a network on the training split of a dataset and keep its best validation epoch.

    Each architecture has its own options: see demo train ARCHITECTURE --help
    """


def _command(registered: Registered[Architecture], name: str) -> click.Command:
    spec = registered.spec

    @click.command(
        name,
        help=f"{spec.summary}\n\nDATA is a dataset file made by demo data import. The epoch of the highest validation "
        "AUROC is kept; of equal ones, that of the lowest loss.",
        short_help=spec.summary,
    )
    @click.argument("data", type=click.Path(path_type=Path))
    @click.option(
        "-o",
        "--output",
        required=True,
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="The model to write.",
    )
    @click.option(
        "--epochs",
        type=click.IntRange(1),
        help="Passes over the data [default: about 2,600 steps, in 20 to 100 passes]",
    )
    @click.option("--batch-size", type=click.IntRange(1), default=128, show_default=True, help="Sequences in a step.")
    @click.option(
        "--learning-rate",
        type=click.FloatRange(0, min_open=True),
        default=0.003,
        show_default=True,
        help="The peak of the one-cycle schedule.",
    )
    @click.option(
        "--weight-decay",
        type=click.FloatRange(0),
        default=0.01,
        show_default=True,
        help="AdamW's weight decay.",
    )
    @click.option(
        "--clip-norm",
        type=click.FloatRange(0, min_open=True),
        default=1.0,
        show_default=True,
        help="The gradient is clipped to this norm.",
    )
    @click.option(
        "--reverse-complement/--no-reverse-complement",
        default=True,
        show_default=True,
        help="Show each sequence on a random strand each time.",
    )
    @click.option(
        "--class-weights",
        type=click.Choice(["none", "balanced"]),
        default="none",
        show_default=True,
        help="Weigh positives by negatives / positives.",
    )
    @click.option("--force", is_flag=True, help="Replace an existing model.")
    @seed
    @device
    @click.pass_context
    def command(ctx: click.Context, /, data: Path, output: Path, force: bool, device: str, **values: Any) -> None:
        options = {o.name: values.pop(o.name) for o in options_of(spec.options)}
        _train(ctx, registered, options, data, output, force, device, values)

    command.params += click_options(spec.options, spec.name)
    return command


def _train(
    ctx: click.Context,
    registered: Registered[Architecture],
    options: dict[str, Any],
    data: Path,
    output: Path,
    force: bool,
    device: str,
    values: dict[str, Any],
) -> None:
    if output.exists() and not force:
        raise DemoError(f"{printable(output)} exists already: choose another name, or --force to replace it")
    if output.exists() and not (output / "model.json").is_file():
        raise DemoError(f"{printable(output)} is not a model folder, so --force does not replace it")
    if not output.parent.is_dir():
        output.parent.mkdir(parents=True)
    import torch

    from demo_core.dataset import SequenceDataset
    from demo_core.drawing import learning_curve_figure
    from demo_core.model import build_model, choose_device
    from demo_core.training import Epoch, History, TrainingSettings
    from demo_core.training import train as fit

    settings = TrainingSettings(**values)
    with SequenceDataset.open(data) as dataset:
        outputs = [_output(dataset, i) for i in range(len(dataset.targets))]
        where = choose_device(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)  # the initial weights, too, follow from the seed
            model = build_model(registered, options, alphabet=dataset.alphabet, length=dataset.length, outputs=outputs)
        model.to(where)
        sizes = {s: len(dataset.rows_of_split(s)) for s in ("train", "validation")}
        say(f"device: {where}; {sizes['train']} training and {sizes['validation']} validation sequences")
        if not sizes["validation"]:
            say("nothing is held out for validation, so the last epoch is kept")

        def report(epoch: Epoch, history: History) -> None:
            mark = "  (best)" if history.best_epoch == epoch.epoch else ""
            say(
                f"epoch {epoch.epoch:3d}/{history.planned}  loss {epoch.train_loss:.4f}  validation loss "
                f"{cell(epoch.validation_loss)}  {history.score_name} {cell(epoch.validation_score)}  "
                f"{epoch.seconds:.1f} s{mark}"
            )

        try:
            history = fit(model, dataset, settings, report)
        except KeyboardInterrupt:
            raise Interrupted("interrupted before the first epoch was over: nothing was kept") from None
        from dataclasses import asdict

        record = history.as_json()
        model.training = {
            "data": printable(data.name),
            "data_digest": dataset.digest(),
            "device": str(where),
            "settings": asdict(settings),
            **record,
        }
    best = record["epochs"][history.best_epoch - 1]
    model.metrics = {"validation": {history.score_name: best["validation_score"], "loss": best["validation_loss"]}}
    curve = learning_curve_figure(record["epochs"], history.best_epoch, history.score_name)
    model.save(output, replace=force, pictures={"learning_curve.png": curve})
    score = f"validation {history.score_name} {cell(best['validation_score'])}"
    click.echo(f"{output}: epoch {history.best_epoch} of {history.planned}, {score}")
    if history.interrupted:
        say("interrupted: the best epoch so far was kept; --force trains anew")
        ctx.exit(ExitCode.INTERRUPTED)


def _output(dataset: Any, column: int) -> Any:
    """What an output predicts: a probability where all its labels are 0 or 1, else a number of the data's own unit."""
    import numpy as np

    from demo_core.targets import Output

    labels = dataset.labels[:, column]
    known = labels[~np.isnan(labels)]
    name = dataset.targets[column]
    if not len(known):
        raise UsageProblem(f"target '{printable(name)}' has no labels to train on: see 'demo data info'")
    if np.isin(known, (0, 1)).all():
        if len(set(known.tolist())) == 1:
            kind = "positives" if known[0] else "negatives"
            raise UsageProblem(f"target '{printable(name)}' has {kind} only, so there is nothing to tell apart")
        return Output(name)
    return Output(name, "identity", "label units")
