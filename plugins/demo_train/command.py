"""``demo train ARCHITECTURE DATA -o MODEL``: one command for each architecture, with its own options."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import (
    ExistingPath,
    Sections,
    State,
    cell,
    click_options,
    device,
    echo,
    progress,
    say,
    seed,
    suggest,
    take_options,
)
from demo_core.errors import DemoError, ExitCode, Interrupted, UsageProblem, counted, printable
from demo_core.plugins import Architecture, Registered, build, options_of
from demo_core.storage import make_folder, read_json
from demo_train.checkpoint import Checkpoint, only_process, state_file
from demo_train.settings import TrainingSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from demo_core.data import SequenceDataset
    from demo_core.models import Model
    from demo_train.training import Epoch, History


class TrainGroup(click.Group):
    """The registered architectures as commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the architectures."""
        state: State = ctx.obj
        return state.registry.names(Architecture)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of an architecture. Raises UsageProblem on an unknown name."""
        state: State = ctx.obj
        return _command(state.registry.find(Architecture, cmd_name), cmd_name)


@click.group(cls=TrainGroup, subcommand_metavar="ARCHITECTURE DATA -o MODEL [OPTIONS]")
def train() -> None:
    """Train a network on a dataset and keep its best validation epoch.

    For the options of an architecture, see demo train ARCHITECTURE --help
    """


def _command(registered: Registered[Architecture], name: str) -> click.Command:
    spec = registered.spec
    try:
        build(TrainingSettings, spec.training, "training")
    except UsageProblem as error:
        raise registered.broke_contract(str(error)) from None

    needed = any(option.required for option in options_of(spec.options))

    @click.command(
        name,
        help=f"{spec.summary}\n\nDATA is a dataset file of demo data import. The epoch with the highest validation "
        "AUROC (regression: Pearson r) is kept.",
        short_help=spec.summary,
        cls=Sections,
        rest="Network",
        example="" if needed else f"demo train {name} peaks.h5 -o models/{name}",
    )
    @click.argument("data", type=ExistingPath())
    @click.option(
        "-o",
        "--output",
        required=True,
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Model folder to write.",
    )
    @click.option("--resume", is_flag=True, help="Resume an interrupted training. Without one, start a new training.")
    @click.option("--force", is_flag=True, help="Start again and replace an existing model.")
    @seed
    @device
    @click.pass_context
    def command(
        ctx: click.Context, /, data: Path, output: Path, resume: bool, force: bool, device: str, **values: Any
    ) -> None:
        from demo_core.data import SequenceDataset

        options = take_options(spec.options, spec.name, values)
        settings = take_options(TrainingSettings, "train", {"train__seed": values.pop("seed"), **values})
        if resume and force:
            raise UsageProblem("--resume continues and --force restarts a training; choose one")
        if not output.name:
            raise UsageProblem(f"-o {output} does not name a model folder; use, for example, -o models/{name}")
        with SequenceDataset.open(data) as dataset:
            make_folder(output.parent)
            with only_process(output):
                _check_output(output, resume, force)
                _train(ctx, registered, options, dataset, data.name, output, force, device, settings)
        suggest("demo", "evaluate", output, data)

    shared = click_options(TrainingSettings, "train", defaults=spec.training)
    for option in shared:
        option.section = "Training"
    command.params[2:2] = [option for option in shared if option.field != "seed"]
    command.params += click_options(spec.options, spec.name, command.params)
    return command


def _check_output(output: Path, resume: bool, force: bool) -> None:
    """Refuse to replace files of another training, unless allowed."""
    shown, unfinished = printable(output), state_file(output)
    if output.exists() and not (output / "model.json").is_file():
        raise DemoError(f"{shown} exists and is not a model folder; choose another name")
    if unfinished.exists() and not resume and not force:
        raise DemoError(f"{shown}: a training was interrupted; use --resume to continue it, or --force to restart")
    if output.exists() and not resume and not force:
        raise DemoError(f"{shown} already exists; choose another name, or use --force to replace it")


def _train(
    ctx: click.Context,
    registered: Registered[Architecture],
    options: dict[str, Any],
    dataset: SequenceDataset,
    data: str,
    output: Path,
    force: bool,
    device: str,
    values: dict[str, Any],
) -> None:
    import torch

    from demo_core.models import build_model, choose_device, foreign_content, out_of_memory
    from demo_core.plugins import editable_source
    from demo_train.distributed import device_of_rank, joined
    from demo_train.training import train as fit

    settings = TrainingSettings(**values)
    where = choose_device(device_of_rank(device))
    with joined(where) as ranks:
        labels = dataset.labels[:]  # reading one column reads all
        outputs = [_output(name, labels[:, i]) for i, name in enumerate(dataset.targets)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)  # the initial weights depend on the seed as well
            model = build_model(registered, options, alphabet=dataset.alphabet, length=dataset.length, outputs=outputs)
        model.to(where)
        about = {
            "architecture": model.architecture,
            "code of the architecture": editable_source(registered),
            "options": model.options,
            "settings": asdict(settings),
            "data": dataset.digest(),
            "processes": ranks.size,
            "kind of device": where.type,
            "version of torch": torch.__version__,
        }
        checkpoint = Checkpoint(output, about)
        if output.exists() and not force and not checkpoint.path.exists():
            _check_finished(output, checkpoint)
            say(f"{output}: skipped: already finished")
            return
        if output.exists() and (strange := foreign_content(output)):
            raise DemoError(f"{output} holds {printable(strange, 60)}, which is not part of a model; move it away")
        if force and ranks.rank == 0:
            checkpoint.remove()
        # decided by the first process: another one may still see a checkpoint that it has just removed
        if ranks.from_first([float(checkpoint.path.exists())], where)[0]:
            checkpoint.load()  # a checkpoint of another training is refused before anything is printed
        if ranks.rank == 0:
            _announce(dataset, where, ranks.size, checkpoint)

        try:
            with progress("training") as (show, _):
                history = fit(
                    model,
                    dataset,
                    settings,
                    _report,
                    on_step=show,
                    on_cores=_say_cores,
                    ranks=ranks,
                    checkpoint=checkpoint,
                )
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            smaller = f"--batch-size {max(1, settings.batch_size // 4)}"
            raise DemoError(f"out of memory on {where} in batches of {settings.batch_size}; try {smaller}") from None
        except KeyboardInterrupt:
            raise Interrupted("interrupted before the end of the first epoch; nothing was kept") from None
        record = history.as_json()
        model.training = {
            "data": printable(data),
            "data_digest": about["data"],
            "device": str(where),
            "processes": ranks.size,
            "settings": asdict(settings),
            "about": about,
            **record,
        }
        if ranks.rank:  # the first process writes
            ctx.exit(ExitCode.INTERRUPTED if history.interrupted else ExitCode.DONE)
    _keep(ctx, model, history, record, output, checkpoint)


def _keep(
    ctx: click.Context, model: Model, history: History, record: dict[str, Any], output: Path, checkpoint: Checkpoint
) -> None:
    """Write the trained model, and print its validation score."""
    from demo_core.views import learning_curve_figure

    best = record["epochs"][history.best_epoch - 1]
    model.metrics = {"validation": {history.score_name: best["validation_score"], "loss": best["validation_loss"]}}
    curve = learning_curve_figure(record["epochs"], history.best_epoch, history.score_name)
    model.save(output, replace=output.exists(), pictures={"learning_curve.png": curve})
    score = f"validation {history.score_name} {cell(best['validation_score'])}"
    echo(f"{output}: epoch {history.best_epoch} of {history.planned}, {score}")
    if history.interrupted:
        resume, again = "run the same command with --resume to continue", "use --force to train again"
        say(f"interrupted: the best epoch so far was kept; {resume if checkpoint.path.exists() else again}")
        ctx.exit(ExitCode.INTERRUPTED)
    checkpoint.remove()


def _say_cores(cores: int, most: int, resumed: bool) -> None:
    if cores < most:
        say(f"training on {cores} of {most} cores, {'as before' if resumed else 'which measured faster'}")


def _report(epoch: Epoch, history: History) -> None:
    mark = "  (best)" if history.best_epoch == epoch.epoch else ""
    if epoch.epoch == 1 and history.planned > 1:
        say(f"about {_duration(epoch.seconds * history.planned)} for {counted(history.planned, 'epoch')}")
    say(
        f"epoch {epoch.epoch:3d}/{history.planned}  loss {epoch.train_loss:.4f}  validation loss "
        f"{cell(epoch.validation_loss)}  {history.score_name} {cell(epoch.validation_score)}  "
        f"{epoch.seconds:.1f} s{mark}"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _check_finished(output: Path, checkpoint: Checkpoint) -> None:
    """Raise unless a model folder is the finished result of the same training."""
    description = read_json(output / "model.json", "model description")
    record = description.get("training") if isinstance(description, dict) else None
    if not isinstance(record, dict) or not isinstance(record.get("about", {}), dict):
        raise DemoError(f"{output}/model.json is not a model description; use --force to train again")
    if record.get("interrupted"):
        raise DemoError(f"{output} was interrupted and its checkpoint is missing; use --force to train again")
    checkpoint.check_same(output, record.get("about", {}))


def _announce(dataset: SequenceDataset, where: object, processes: int, checkpoint: Checkpoint) -> None:
    sizes = {s: len(dataset.rows_of_split(s)) for s in ("train", "validation")}
    shared = f", {processes} processes" if processes > 1 else ""
    say(f"device: {where}{shared}; {sizes['train']:,} training and {sizes['validation']:,} validation sequences")
    if not sizes["validation"]:
        say("no validation split, so the last epoch is kept")
    if checkpoint.path.exists():
        say("resuming an interrupted training")


def _output(name: str, labels: NDArray[np.float32]) -> Any:
    """Return the output for a target: a probability if all its labels are 0 or 1, otherwise a value in the label's
    unit.
    """
    import numpy as np

    from demo_core.models import Output

    known = labels[~np.isnan(labels)]
    if not len(known):
        raise UsageProblem(f"target '{name}' has no labels to train on; see 'demo data info'")
    if np.isin(known, (0, 1)).all():
        if len(set(known.tolist())) == 1:
            kind = "positives" if known[0] else "negatives"
            raise UsageProblem(f"target '{name}' has {kind} only; a classifier needs both")
        return Output(name)
    return Output(name, "identity", "label units")
