"""``demo explain EXPLAINER MODEL... [DATA] -o FOLDER``: one command for each explainer, with its own options."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import (
    Sections,
    State,
    batch_size_option,
    click_options,
    device,
    names_of,
    open_data,
    reader_option,
    say,
    seed,
    split,
    suggest,
    take_options,
)
from demo_core.errors import (
    DemoError,
    ExitCode,
    Interrupted,
    UsageProblem,
    counted,
    printable,
)
from demo_core.models import is_model_folder
from demo_core.plugins import Explainer, Registered, Registry, build, options_of
from demo_core.sequences import text_lines
from demo_explain.requests import Request, load_config, state_of
from demo_explain.runs import chosen_explainers, run_all, run_one

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from demo_core.data import SequenceDataset
    from demo_core.models import Model
    from demo_explain.selection import Selection

ALL = "all"


class ExplainGroup(click.Group):
    """The registered explainers as commands, and ``all``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. An interrupted run keeps its finished batches."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted; run the same command again to resume") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the explainers."""
        state: State = ctx.obj
        return [*state.registry.names(Explainer), ALL]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of an explainer. Raises UsageProblem on an unknown name."""
        state: State = ctx.obj
        if cmd_name == ALL:
            return _command(None, ALL)
        return _command(state.registry.find(Explainer, cmd_name), cmd_name)


@click.group(cls=ExplainGroup, subcommand_metavar="EXPLAINER MODEL... [DATA] [OPTIONS]")
def explain() -> None:
    """Explain a model's predictions. Each model gives one explanation file.

    For the options of an explainer, see demo explain EXPLAINER --help
    """


def _command(registered: Registered[Explainer] | None, name: str) -> click.Command:
    summary = registered.spec.summary if registered else "Run all explainers that the model supports."
    reads_data = registered is None or registered.spec.kind != "pattern"
    places = "MODEL... DATA" if reads_data else "MODEL..."
    about = (
        "DATA is a dataset file or a sequence file such as FASTA. The same command resumes an interrupted run."
        if reads_data
        else "This explainer reads no data."
    )

    @click.command(
        name,
        short_help=summary,
        help=f"{summary}\n\nMODEL is a folder of demo train or demo model import. {about}",
        cls=Sections,
        example=f"demo explain {name} models/cnn{' peaks.h5' * reads_data} -o explanations",
    )
    @click.argument("paths", nargs=-1, required=True, metavar=places, type=click.Path(path_type=Path))
    @click.option(
        "-o",
        "--output",
        default="explanations",
        show_default=True,
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Folder for explanation files.",
    )
    @click.option(
        "--config",
        is_eager=True,
        expose_value=False,
        callback=load_config,
        type=click.Path(path_type=Path),
        metavar="FILE.toml",
        help="Read options from a file, such as limit = 100. Flags take precedence.",
    )
    @click.option(
        "--target",
        metavar="TARGET",
        help="Output to explain; all explains each. Also probability:OUTPUT (after the sigmoid), "
        f"{'loss:OUTPUT, ' if reads_data else ''}difference:A:B (A minus B). [default: the only output]",
    )
    @_about_data(reads_data)
    @click.option(
        "--name",
        metavar="NAME",
        help="File name without .h5, for a single run. [default: MODEL.EXPLAINER and changed options]",
    )
    @_about_all(registered is None)
    @click.option("--force", is_flag=True, help="Compute again and replace an existing file.")
    @seed
    @device
    @click.pass_context
    def command(ctx: click.Context, /, paths: tuple[Path, ...], **values: Any) -> None:
        spec = registered.spec if registered else None
        options = take_options(spec.options, spec.name, values) if spec else {}
        _explain(ctx, registered, options, paths, Request(**values))

    if registered:
        command.params += click_options(registered.spec.options, registered.spec.name, command.params)
    return command


def _about_all(wanted: bool) -> Callable[[Any], Any]:
    """Return the options of ``all``."""
    names = names_of(Explainer)
    options = (
        click.option("--except", "without", multiple=True, metavar="NAME", shell_complete=names,
                     help="Omit this explainer. Repeatable."),
        click.option("--also", multiple=True, metavar="NAME", shell_complete=names,
                     help="Include this expensive explainer, which is omitted otherwise. Repeatable."),
    )  # fmt: skip
    return lambda command: functools.reduce(lambda made, add: add(made), reversed(options if wanted else ()), command)


def _about_data(wanted: bool) -> Callable[[Any], Any]:
    """Return the options about sequences, for explainers that read sequences."""
    options = (
        split,
        click.option("--limit", type=click.IntRange(1), help="Explain only the first N sequences.", metavar="N"),
        click.option("--ids", metavar="ID,...|FILE", help="Only these sequences: ids, or a file with one id per line."),
        click.option("--only-positive", is_flag=True, help="Only sequences labelled positive for the target."),
        click.option(
            "--average-strands",
            is_flag=True,
            help="Average the values of both strands, aligned to the forward strand.",
        ),
        batch_size_option,
        reader_option,
    )
    return lambda command: functools.reduce(lambda made, add: add(made), reversed(options if wanted else ()), command)


def _explain(
    ctx: click.Context,
    registered: Registered[Explainer] | None,
    options: dict[str, Any],
    paths: tuple[Path, ...],
    request: Request,
) -> None:
    registry = state_of(ctx).registry
    models = [p for p in paths if is_model_folder(p)]
    others = [p for p in paths if p not in models]
    _check_paths(registered, models, others, paths)
    _check_names(registered, models, request)
    source = others[0] if others else None
    from demo_core.models import Model, choose_device  # torch, once the paths are known to exist

    where = choose_device(request.device)
    say(f"device: {where}")
    with open_data(registry, source, request.reader) if source else nullcontext() as dataset:
        code = ExitCode.DONE
        opened = [Model.load(path, registry=registry, device=where) for path in models]
        for model in opened:  # misfits are reported before anything is computed
            if dataset is not None:
                model.check_data(dataset, others[0])
        if registered is None:
            _check_tables(ctx, registry)
            chosen = chosen_explainers(registry, request)
        for model in opened:
            for target in _targets(request, model):
                one = replace(request, target=target)
                rows = None
                if dataset is not None:  # an obstacle to every explainer is an error of the whole command
                    rows = _selection(one).rows(dataset, model.target(target).outputs[0].name)
                    _say_selected(one, dataset, rows)
                if registered:
                    run_one(registry, registered, options, model, dataset, rows, one, source)
                else:
                    tables = ctx.meta.get("demo.tables", {})
                    code = max(code, run_all(registry, chosen, tables, model, dataset, rows, one, source))
    if code:
        ctx.exit(code)
    if request.made and registered and registered.spec.kind in ("attribution", "trace"):
        suggest("demo", "motifs", "find", *request.made, "-o", "motifs")
    elif request.made:
        suggest("demo", "dashboard", *request.made, "-o", "report.html")


def _say_selected(request: Request, dataset: SequenceDataset, rows: NDArray[np.int64]) -> None:
    """Print the number of explained sequences, of all sequences, and the split."""
    if request.ids is not None:
        what = "chosen by --ids"
    elif request.split is None and not len(dataset.rows_of_split("test")):
        what = "no test split, so all splits"
    else:
        what = "all splits" if request.split == "all" else f"{request.split or 'test'} split"
    positive = ", positives only" if request.only_positive else ""
    say(f"explaining {len(rows):,} of {counted(len(dataset), 'sequence')} ({what}{positive})")


def _check_tables(ctx: click.Context, registry: Registry) -> None:
    """Raise UsageProblem on an invalid option in the config file, before any explainer runs."""
    for name, values in ctx.meta.get("demo.tables", {}).items():
        found = registry.find(Explainer, name)
        given = {key.replace("-", "_") for key in values}
        # the environment may add required options
        if all(o.name in given for o in options_of(found.spec.options) if o.required):
            build(found.spec.options, values, f"config file, table '{printable(name, 40)}'")


def _check_paths(
    registered: Registered[Explainer] | None, models: list[Path], others: list[Path], paths: tuple[Path, ...]
) -> None:
    """Raise unless the paths are models and, last, data if the explainer reads any."""
    if not models and not paths[0].exists():
        raise DemoError(f"{paths[0]}: no such model folder")
    if not models:
        raise DemoError(f"{paths[0]} is not a model folder (no model.json); give a folder made by demo train")
    if registered and registered.spec.kind == "pattern":
        if others:
            raise UsageProblem(
                f"{registered.spec.name} reads no data, but {others[0]} is not a model folder; remove it"
            )
        return
    if len(others) > 1 or (others and others[0] != paths[-1]):
        raise DemoError(f"{others[0]} is not a model folder (no model.json); give models first, then one data file")
    if others and not others[0].exists():
        raise DemoError(f"{others[0]}: no such file")
    if not others:
        raise UsageProblem("no data to explain; give a dataset or FASTA file after the models")


def _check_names(registered: Registered[Explainer] | None, models: list[Path], request: Request) -> None:
    """Raise unless each run has its own file, and the explainer can run here."""
    if request.name and "/" in request.name:
        raise UsageProblem("--name must not contain a folder; use -o for the folder")
    if request.name and (len(models) > 1 or registered is None):
        raise UsageProblem("--name names one file; omit it with several models or with 'all'")
    if registered and (why := registered.why_unavailable()):
        raise UsageProblem(f"explainer '{registered.spec.name}' {why}")
    names = [p.resolve().name for p in models]
    if twice := [n for n, count in Counter(names).items() if count > 1]:
        raise UsageProblem(f"two models are named '{twice[0]}'; explain them into different folders")


def _targets(request: Request, model: Model) -> list[str | None]:
    names = [o.name for o in model.outputs]
    if request.target != "all" or "all" in names:
        return [request.target]
    if request.name and len(names) > 1:
        raise UsageProblem("--name names one file; omit it with --target all")
    return list(names)


def _selection(request: Request) -> Selection:
    from demo_explain.selection import Selection

    return Selection(request.split, request.limit, _ids(request.ids), request.only_positive)


def _ids(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    found = [line for _, line in text_lines(Path(text))] if _names_a_file(text) else text.split(",")
    found = [word.strip() for word in found if word.strip()]
    if not found:
        raise UsageProblem("--ids is empty; give at least one id")
    return tuple(dict.fromkeys(found))


def _names_a_file(text: str) -> bool:
    try:
        return "," not in text and Path(text).exists() and not Path(text).is_dir()
    except OSError:  # longer than a path can be
        return False
