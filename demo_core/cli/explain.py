"""``demo explain EXPLAINER MODEL... [DATA] -o FOLDER``: one command for each explainer, with its own options."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli.group import State
from demo_core.cli.output import progress, say
from demo_core.cli.sources import device, open_data, reader_option, seed, split
from demo_core.errors import (
    DemoError,
    ExitCode,
    MisfitError,
    PluginError,
    UsageProblem,
    printable,
    unknown_name,
)
from demo_core.options import click_options, from_environment, options_of
from demo_core.registry import Registered, Registry
from demo_core.specs import Explainer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from demo_core.dataset import SequenceDataset
    from demo_core.model import Model
    from demo_core.runs import Selection

ALL = "all"


class ExplainGroup(click.Group):
    """The registered explainers as commands, and ``all``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the explainers."""
        state: State = ctx.obj
        return [*state.registry.names(Explainer), ALL]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of an explainer. Raises UsageProblem on an unknown one."""
        state: State = ctx.obj
        if cmd_name == ALL:
            return _command(None, ALL)
        return _command(state.registry.find(Explainer, cmd_name), cmd_name)


@click.group(cls=ExplainGroup, subcommand_metavar="EXPLAINER MODEL... [DATA] [OPTIONS]")
def explain() -> None:
    """Explain a model's predictions, one file for each model.

    Each explainer has its own options: see demo explain EXPLAINER --help
    """


@dataclass(frozen=True)
class Request:
    """What the options common to all explainers say."""

    output: Path
    target: str | None
    split: str | None
    limit: int | None
    ids: str | None
    only_positive: bool
    average_strands: bool
    batch_size: int | None
    name: str | None
    force: bool
    reader: str | None
    seed: int
    device: str


class BatchSize(click.ParamType[int | None]):
    """A number, or ``auto``, which is None."""

    name = "auto|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Read a whole number of at least 1."""
        if value is None or value == "auto":
            return None
        if isinstance(value, bool) or not str(value).isdecimal() or int(value) < 1:
            self.fail(f"expected auto or a number of at least 1, got '{printable(value, 20)}'", param, ctx)
        return int(value)


def _load_config(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Values from a TOML file as defaults: below flags and the environment, above the built-in defaults."""
    if path is None:
        return
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageProblem(f"{printable(path)}: there is no such config file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{printable(path)} is not TOML: {printable(error)}") from None
    known = {p.name for p in ctx.command.params if isinstance(p, click.Option)} - {"config", "help"}
    flat = {key: value for key, value in values.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    for table in tables:
        if not _state(ctx).registry.has(Explainer, table):
            names = _state(ctx).registry.names(Explainer)
            raise UsageProblem(f"{printable(path)}: " + unknown_name("table", table, names))
    ctx.meta["demo.tables"] = tables
    flat |= tables.get(str(ctx.command.name), {})
    flat = {key.replace("-", "_"): value for key, value in flat.items()}
    if isinstance(flat.get("ids"), list):
        flat["ids"] = ",".join(map(str, flat["ids"]))
    for key in flat:
        if key not in known:
            raise UsageProblem(f"{printable(path)}: " + unknown_name("setting", key, map(str, known)))
    ctx.default_map = {**(ctx.default_map or {}), **flat}


def _state(ctx: click.Context) -> State:
    assert isinstance(ctx.obj, State)
    return ctx.obj


def _command(registered: Registered[Explainer] | None, name: str) -> click.Command:
    summary = registered.spec.summary if registered else "Run every explainer that fits, and say of the rest why not."

    @click.command(
        name,
        short_help=summary,
        help=f"{summary}\n\nMODEL is a folder made by demo train. DATA is a dataset file, or any file that a reader "
        "knows, such as a FASTA file. An interrupted run goes on when the same command is run again.",
    )
    @click.argument("paths", nargs=-1, required=True, metavar="MODEL... [DATA]", type=click.Path(path_type=Path))
    @click.option(
        "-o",
        "--output",
        default="explanations",
        show_default=True,
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Where the files go.",
    )
    @click.option(
        "--config",
        is_eager=True,
        expose_value=False,
        callback=_load_config,
        type=click.Path(path_type=Path),
        metavar="FILE.toml",
        help="Options from a file: limit = 100, an explainer's own in a table of its name. Flags come first.",
    )
    @click.option(
        "--target",
        metavar="TARGET",
        help="An output of the model, or probability:OUTPUT, loss:OUTPUT, difference:OUTPUT:OUTPUT.",
    )
    @split
    @click.option("--limit", type=click.IntRange(1), help="At most this many sequences.")
    @click.option("--ids", metavar="ID,...|FILE", help="These sequences only, or those a file names, one a line.")
    @click.option("--only-positive", is_flag=True, help="Positives of the target only.")
    @click.option("--average-strands", is_flag=True, help="Explain both strands and average.")
    @click.option(
        "--batch-size",
        type=BatchSize(),
        default="auto",
        show_default=True,
        envvar="DEMO_BATCH_SIZE",
        help="Sequences at a time.",
    )
    @click.option("--name", metavar="NAME", help="Name of the file, without .h5 [default: MODEL.EXPLAINER]")
    @click.option("--force", is_flag=True, help="Compute again, and replace an existing file.")
    @reader_option
    @seed
    @device
    @click.pass_context
    def command(ctx: click.Context, /, paths: tuple[Path, ...], **values: Any) -> None:
        own = options_of(registered.spec.options) if registered else ()
        options = {o.name: values.pop(o.name) for o in own}
        _explain(ctx, registered, options, paths, Request(**values))

    if registered:
        command.params += click_options(registered.spec.options, registered.spec.name)
    return command


def _explain(
    ctx: click.Context,
    registered: Registered[Explainer] | None,
    options: dict[str, Any],
    paths: tuple[Path, ...],
    request: Request,
) -> None:
    from demo_core.model import METADATA, Model, choose_device

    state = _state(ctx)
    models = [p for p in paths if (p / METADATA).is_file()]
    others = [p for p in paths if p not in models]
    if not models:
        raise DemoError(f"{printable(paths[0])} is not a model folder: there is no {METADATA} in it")
    if len(others) > 1 or (others and others[0] != paths[-1]):
        raise DemoError(f"{printable(others[0])} is not a model folder (no {METADATA} in it), and data goes last, once")
    if not others:
        raise UsageProblem("name the data to explain after the models: a dataset file, or a FASTA file")
    if request.name and (len(models) > 1 or registered is None):
        raise UsageProblem("--name names one file; leave it out with several models or with 'all'")
    if registered and (why := registered.why_unavailable()):
        raise UsageProblem(f"explainer '{registered.spec.name}' {why}")
    where = choose_device(request.device)
    say(f"device: {where}")
    names = [p.resolve().name for p in models]
    if twice := [n for n, count in Counter(names).items() if count > 1]:
        raise UsageProblem(f"two models are called '{printable(twice[0])}': explain them into different folders")
    with open_data(state.registry, others[0], request.reader) as dataset:
        code = ExitCode.DONE
        for path in models:
            model = Model.load(path, registry=state.registry, device=where)
            model.check_data(dataset, others[0])
            # what is wrong for every explainer is an error of the whole command
            rows = _selection(request).rows(dataset, model.target(request.target).outputs[0].name)
            if registered:
                _run(state.registry, registered, options, model, dataset, rows, request)
            else:
                tables = ctx.meta.get("demo.tables", {})
                code = max(code, _run_all(state.registry, tables, model, dataset, rows, request))
    if code:
        ctx.exit(code)


def _run_all(
    registry: Registry,
    tables: dict[str, Any],
    model: Model,
    dataset: SequenceDataset,
    rows: NDArray[np.int64],
    request: Request,
) -> ExitCode:
    """Run what fits, with options from the environment and the config file; 4 if one failed."""
    code = ExitCode.DONE
    for registered in registry.all(Explainer):
        name = registry.qualified(registered)
        if why := registered.why_unavailable():
            say(f"skipped {name}: {why}")
            continue
        spec = registered.spec
        options = {**tables.get(name, {}), **from_environment(spec.options, spec.name, os.environ)}
        missing = [o.flag for o in options_of(spec.options) if o.required and o.name not in options]
        if missing:
            say(f"skipped {name}: needs {', '.join(missing)}; run demo explain {name}")
            continue
        try:
            _run(registry, registered, options, model, dataset, rows, request)
        except MisfitError as error:
            say(f"skipped {name}: {error}")
        except UsageProblem:
            raise
        except DemoError as error:  # one explainer's failure keeps no other from running
            say(f"demo: {error}")
            code = ExitCode.PLUGIN if isinstance(error, PluginError) else max(code, ExitCode.FAILED)
    return code


def _run(
    registry: Registry,
    registered: Registered[Explainer],
    options: dict[str, Any],
    model: Model,
    dataset: SequenceDataset,
    rows: NDArray[np.int64],
    request: Request,
) -> None:
    from demo_core.explaining import make_job
    from demo_core.runs import explain_to_file, run_name

    job = make_job(
        registered,
        model,
        options=options,
        target=request.target,
        seed=request.seed,
        average_strands=request.average_strands,
        batch_size=request.batch_size,
    )
    if request.output.exists() and not request.output.is_dir():
        raise DemoError(f"{printable(request.output)} is a file: -o names a folder for explanations")
    request.output.mkdir(parents=True, exist_ok=True)
    output = (
        request.output
        / f"{(request.name or '').removesuffix('.h5') or run_name(job, registry.qualified(registered))}.h5"
    )
    with progress(f"{model.name} {job.spec.name}") as (start, advance):
        outcome = explain_to_file(job, dataset, rows, output, force=request.force, on_start=start, on_batch=advance)
    for warning in outcome.warnings:
        say(f"warning: {warning}")
    said = {
        "written": "",
        "continued": ", continued from where it stopped",
        "skipped": ", skipped: it is finished already",
    }
    click.echo(f"{outcome.path}: {outcome.sequences} sequences{said[outcome.state]}")


def _selection(request: Request) -> Selection:
    from demo_core.runs import Selection

    return Selection(request.split, request.limit, _ids(request.ids), request.only_positive)


def _ids(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    path = Path(text)
    is_file = "," not in text and path.is_file()
    found = path.read_text(encoding="utf-8").splitlines() if is_file else text.split(",")
    found = [word.strip() for word in found if word.strip()]
    if not found:
        raise UsageProblem("--ids names no sequence")
    return tuple(dict.fromkeys(found))
