"""Jobs: one model, one explainer with its options, one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo_core.data.opening import opened
from demo_core.errors import DemoError, MisfitError, printable
from demo_core.models.device import device_name
from demo_core.models.model import Model
from demo_core.models.targets import Target
from demo_core.plugins.dataset_option import DatasetFile
from demo_core.plugins.discovery import installed
from demo_core.plugins.failures import pass_on_refusal
from demo_core.plugins.interrupts import passes
from demo_core.plugins.options import as_json, build, changed, options_of
from demo_core.plugins.owner import Owner
from demo_core.plugins.registry import Registered, Registry
from demo_core.plugins.specs import Explainer
from demo_core.running.guard import guarded


@dataclass(frozen=True)
class Job:
    """One model, one explainer with its options, one target.

    ``average_strands`` explains the reverse complement as well, flips its values back and averages.

    Examples
    --------
    >>> from demo_core.plugins import Explainer, installed
    >>> from demo_core.running import make_job
    >>> from demo_core.testing import tiny_model
    >>> make_job(installed().find(Explainer, "saliency"), tiny_model()).target.name
    'bound'
    """

    registered: Registered[Explainer]
    options: Any
    model: Model
    target: Target
    seed: int = 0
    average_strands: bool = False
    #: Sequences per batch; 0: measured or derived from the length when a run starts
    batch_size: int = 0
    #: Owners of all active third-party plugins, for the record
    third_party: tuple[Owner, ...] = ()

    @property
    def spec(self) -> Explainer:
        """Spec of the explainer."""
        return self.registered.spec


def make_job(
    registered: Registered[Explainer],
    model: Model,
    *,
    options: Mapping[str, Any] | None = None,
    target: str | None = None,
    seed: int = 0,
    average_strands: bool = False,
    batch_size: int | None = None,
    third_party: tuple[Owner, ...] = (),
    registry: Registry | None = None,
) -> Job:
    """Make a checked job.

    Parameters
    ----------
    registered
        A registered explainer.
    model
        The model.
    options
        Options of the explainer that differ from the defaults.
    target
        Target as after ``--target``. Default: the only output.
    seed
        Random seed.
    average_strands
        Whether to average over both strands.
    batch_size
        Sequences per batch. Default: measured for large data, otherwise derived from the length.
    third_party
        Owners of active third-party plugins, for the record.
    registry
        Registry, whose readers open the files of dataset options. Default: installed plugins.

    Returns
    -------
    Job
        The job.

    Raises
    ------
    UsageProblem
        On invalid options or target.
    MisfitError
        If explainer and model do not fit.

    Examples
    --------
    >>> from demo_core.plugins import Explainer, installed
    >>> from demo_core.running import make_job
    >>> from demo_core.testing import tiny_model
    >>> job = make_job(installed().find(Explainer, "saliency"), tiny_model(), options={"simplex": True})
    >>> job.options.simplex
    True
    """
    spec = registered.spec
    resolved: Any = build(spec.options, options or {}, f"explainer '{spec.name}'")
    if why := misfit(spec, model):
        raise MisfitError(why)
    if average_strands and spec.kind in ("trace", "pattern"):
        raise MisfitError(f"--average-strands does not apply to '{spec.name}', which gives a {spec.kind}; omit it")
    if average_strands and not model.alphabet.complement:
        raise MisfitError(f"--average-strands: the alphabet {model.alphabet.name} has no reverse complement; omit it")
    chosen = model.target(target)
    if spec.kind == "pattern" and chosen.form == "loss":
        raise MisfitError(f"target '{chosen.name}' needs labels, but {spec.name} reads no data; choose another target")
    if average_strands and chosen.form == "loss":
        raise MisfitError("--average-strands does not apply to a loss; omit it or choose another target")
    _open_datasets(resolved, model, registry)
    return Job(registered, resolved, model, chosen, seed, average_strands, batch_size or 0, third_party)


def _open_datasets(options: Any, model: Model, registry: Registry | None) -> None:
    """Open the files of dataset options. Raises MisfitError on another alphabet or length than the model's."""
    for option in options_of(type(options)):
        given = getattr(options, option.name)
        if not isinstance(given, DatasetFile):
            continue
        if not given.is_open and given.path is not None:
            context = opened(registry or installed(), given.path)
            try:
                given.hold(context.__enter__(), context)  # closed when the option is deleted
            except DemoError as error:
                error.args = (f"{option.flag}: {error}",)
                raise
        found, problem = given.sequences, ""
        if found.alphabet != model.alphabet:
            said = f"{option.flag} {given} is {found.alphabet.name}, but model '{model.name}' reads"
            problem = f"{said} {model.alphabet.name}; give sequences of that alphabet"
        elif found.length != model.length:
            said = f"{option.flag} {given} has sequences of {found.length} bases, but model '{model.name}' takes"
            problem = f"{said} {model.length}; give sequences of that length"
        if problem:
            del found
            given.close()
            raise MisfitError(problem)


def misfit(spec: Explainer, model: Model) -> str:
    """Return the reason why an explainer cannot run on a model; '' if it can."""
    missing = frozenset(spec.needs) - model.capabilities
    if missing:
        offered = ", ".join(sorted(model.capabilities)) or "nothing"
        return f"{spec.name} needs a model that offers {', '.join(sorted(missing))}; '{model.name}' offers {offered}"
    return ""


def describe_job(job: Job) -> dict[str, Any]:
    """Return the provenance that is known before a run; computes the digest of the weights."""
    spec = job.spec
    return {
        "kind": spec.kind,
        "channels": list(channels_of(job)),
        "hypothetical": spec.hypothetical,
        "adds_up": spec.adds_up,
        "explainer": {"name": spec.name, **job.registered.owner.as_json()},
        "options": as_json(job.options),
        "options_changed": changed(job.options),
        "third_party_plugins": [owner.as_json() for owner in job.third_party],
        "target": job.target.as_json(),
        "unit": "",
        "seed": job.seed,
        "average_strands": job.average_strands,
        "batch_size": job.batch_size,
        "device": device_name(job.model.device),
        "model": {
            "name": job.model.name,
            "digest": job.model.digest(),
            **job.model.metadata(),
            "architecture_running": job.model.running,
        },
    }


def new_explainer(job: Job) -> Any:
    """Make the explainer of a job. Raises PluginError, naming the plugin, or MisfitError if it refuses."""
    cls = job.registered.load()
    try:
        return cls(job.options)
    except BaseException as error:
        pass_on_refusal(error, getattr(cls, "__module__", ""), f"explainer '{job.spec.name}'")
        if isinstance(error, DemoError) or passes(error):
            raise
        raise job.registered.failed(error) from error


def expansion_of(job: Job) -> int:
    """Return how many copies of each sequence the explainer computes at once: its ``expansion(model)``, or 1."""
    if not callable(getattr(job.registered.load(), "expansion", None)):
        return 1
    try:
        copies = new_explainer(job).expansion(job.model)
    except BaseException as error:
        if isinstance(error, DemoError) or passes(error):
            raise
        raise job.registered.failed(error) from error
    if not isinstance(copies, int) or isinstance(copies, bool) or copies < 1:
        raise job.registered.broke_contract(
            f"expansion(model) must return a whole number of at least 1, not {copies!r}"
        )
    return copies


def channels_of(job: Job) -> tuple[str, ...]:
    """Return the names of a trace's channels: those of the spec, or of the explainer's method ``channels(model)``."""
    if job.spec.channels or job.spec.kind != "trace":
        return job.spec.channels
    explainer = new_explainer(job)
    if not callable(getattr(explainer, "channels", None)):
        raise job.registered.broke_contract("a trace needs channels in its spec, or a method channels(model)")
    with guarded(job.model) as guard:
        try:
            names = explainer.channels(job.model)
        except BaseException as error:
            if isinstance(error, DemoError) or passes(error):
                raise
            raise job.registered.failed(error) from error
        if changes := guard.changes():
            raise job.registered.broke_contract(f"its channels changed {' and '.join(changes[:3])}")
    words = isinstance(names, tuple) and all(isinstance(n, str) and n.isprintable() and n for n in names)
    if not words or not names or len(set(names)) < len(names):
        raise job.registered.broke_contract(
            f"channels(model) must return a tuple of different names, not {names!r:.80}"
        )
    return tuple(names)


def unit_of(job: Job, explainer: Any) -> str:
    """Return the unit of the values, if the explainer has ``unit(target)``; otherwise ''."""
    unit = getattr(explainer, "unit", None)
    try:
        return printable(unit(job.target), 40) if callable(unit) else ""
    except BaseException as error:
        if passes(error):
            raise
        raise job.registered.failed(error) from error
