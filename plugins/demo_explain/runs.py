"""Run one explainer, or all of them, into files."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo_core.cli import echo, progress, say
from demo_core.errors import DemoError, ExitCode, Interrupted, MisfitError, PluginError, UsageProblem, counted
from demo_core.plugins import Explainer, Registered, Registry, from_environment, options_of
from demo_explain.pattern_report import report_patterns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from demo_core.data import SequenceDataset
    from demo_core.models import Model
    from demo_core.running import Job, Outcome
    from demo_explain.requests import Request


def chosen_explainers(registry: Registry, request: Request) -> list[Registered[Explainer]]:
    """Return the explainers of ``all``, and print the omitted expensive ones."""
    named = {option: {registry.qualified(registry.find(Explainer, n)) for n in names}
             for option, names in (("except", request.without), ("also", request.also))}  # fmt: skip
    if both := sorted(named["except"] & named["also"]):
        raise UsageProblem(f"'{both[0]}' is given to --except and to --also; give it once")
    found = []
    for registered in registry.all(Explainer):
        name = registry.qualified(registered)
        if name in named["except"]:
            continue
        if registered.spec.expensive and name not in named["also"]:
            say(f"skipped {name}: it needs many passes of each sequence; add --also {name} to run it")
            continue
        found.append(registered)
    if not found:
        raise UsageProblem("no explainer is left to run; omit --except for at least one")
    return found


def run_all(
    registry: Registry,
    chosen: list[Registered[Explainer]],
    tables: dict[str, Any],
    model: Model,
    dataset: SequenceDataset | None,
    rows: NDArray[np.int64] | None,
    request: Request,
    source: Path | None,
) -> ExitCode:
    """Run every explainer that fits, with options from the environment and the config file; return 4 if one failed."""
    code, first = ExitCode.DONE, len(request.made)
    for registered in chosen:
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
            run_one(registry, registered, options, model, dataset, rows, request, source)
        except MisfitError as error:
            say(f"skipped {name}: {error}")
        except UsageProblem:
            raise
        except DemoError as error:  # the failure of one explainer does not stop the others
            say(f"demo: {error}")
            code = ExitCode.PLUGIN if isinstance(error, PluginError) else max(code, ExitCode.FAILED)
    if made := request.made[first:]:
        from demo_explain.comparison import print_comparison

        print_comparison(made)
    return code


def run_one(
    registry: Registry,
    registered: Registered[Explainer],
    options: dict[str, Any],
    model: Model,
    dataset: SequenceDataset | None,
    rows: NDArray[np.int64] | None,
    request: Request,
    source: Path | None,
) -> None:
    """Run one explainer on one model into a file. Raises DemoError if it fails or does not fit."""
    from demo_core.running import make_job
    from demo_core.storage import check_not_an_input, make_folder
    from demo_explain.run_names import run_name

    pattern = registered.spec.kind == "pattern"
    job = make_job(
        registered,
        model,
        options=options,
        target=request.target,
        seed=request.seed,
        average_strands=request.average_strands and not pattern,
        batch_size=request.batch_size,
        third_party=registry.third_party(),
        registry=registry,
    )
    if request.output.suffix == ".h5" and not request.output.exists():
        raise UsageProblem(f"-o {request.output}: expected a folder; use --name for the file name")
    if request.output.exists() and not request.output.is_dir():
        raise DemoError(f"{request.output} is a file; -o names a folder for explanations")
    make_folder(request.output)
    output = (
        request.output
        / f"{(request.name or '').removesuffix('.h5') or run_name(job, registry.qualified(registered))}.h5"
    )
    check_not_an_input(output, source)
    outcome = _run_into(output, job, dataset, rows, request.force)
    for warning in outcome.warnings:
        say(f"warning: {model.name} {registered.spec.name}: {warning}")
    said = {
        "written": "",
        "continued": ", resumed",
        "skipped": ", skipped: already finished",
    }
    what = counted(outcome.sequences, "pattern" if pattern else "sequence")
    echo(f"{outcome.path}: {what}{said[outcome.state]}")
    _say_completeness(outcome.path)
    if pattern:
        report_patterns(outcome.path)
    request.made.append(outcome.path)


def _say_completeness(path: Path) -> None:
    from demo_core.results import Explanation, completeness_sentence

    with Explanation.open(path) as found:
        if sentence := completeness_sentence(found):
            say(f"{path.name}: {sentence}")


def _run_into(
    output: Path, job: Job, dataset: SequenceDataset | None, rows: NDArray[np.int64] | None, force: bool
) -> Outcome:
    """Run a job into a file, with a progress bar. Output of the plugin goes to stderr."""
    from demo_core.running import File, Patterns, Rows, run

    spec = job.spec
    title, sink = f"{job.model.name} {spec.name}", File(output, force=force)
    with progress(title) as (start, advance), redirect_stdout(sys.stderr):
        if dataset is not None and spec.kind != "pattern":
            return run(job, Rows(dataset, rows), sink, on_start=start, on_batch=advance)
        begun = False

        def on_start(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                say(f"{title}: optimising inputs for {job.target.name}")
            begun = True
            start(done, total)

        try:
            return run(job, Patterns(), sink, on_start=on_start)
        except KeyboardInterrupt:
            raise Interrupted("interrupted; patterns are computed in one batch, so nothing was kept") from None
