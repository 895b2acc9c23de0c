"""Run an explainer over sequences: in memory, or to a file that survives being interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from demo_core.batch import Batch, BatchRandom, Result
from demo_core.dataset import SequenceDataset
from demo_core.errors import DemoError, MisfitError, PluginError, UsageProblem, one_line, printable
from demo_core.explanation import Explanation, expected_shape
from demo_core.model import Model, exact_arithmetic
from demo_core.options import as_json, build
from demo_core.registry import Registered, Registry
from demo_core.specs import Explainer
from demo_core.targets import Target

Part = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Job:
    """One model, one explainer with its options, one target.

    ``average_strands`` explains the reverse complement as well, flips its values back and averages.
    """

    registered: Registered[Explainer]
    options: Any
    model: Model
    target: Target
    seed: int = 0
    average_strands: bool = False
    batch_size: int = 0

    @property
    def spec(self) -> Explainer:
        """The explainer's spec."""
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
) -> Job:
    """A checked job. Raises UsageProblem on bad options or target, MisfitError if explainer and model do not fit."""
    spec = registered.spec
    resolved: Any = build(spec.options, options or {}, f"explainer '{spec.name}'")
    if why := misfit(spec, model):
        raise MisfitError(why)
    if average_strands and spec.kind in ("trace", "pattern"):
        raise MisfitError(f"--average-strands has no meaning for '{spec.name}', which gives a {spec.kind}")
    if average_strands and not model.alphabet.complement:
        raise MisfitError(f"--average-strands: the alphabet {model.alphabet.name} has no other strand")
    chosen = model.target(target)
    if average_strands and chosen.form == "loss":
        raise MisfitError("--average-strands averages outputs, and a loss is not an output")
    size = batch_size or automatic_batch_size(model)
    return Job(registered, resolved, model, chosen, seed, average_strands, size)


def misfit(spec: Explainer, model: Model) -> str:
    """Why an explainer cannot serve a model, in a sentence; '' if it can."""
    needs = frozenset(spec.needs)
    missing = needs - model.capabilities
    if missing:
        offered = ", ".join(sorted(model.capabilities)) or "nothing"
        return f"{spec.name} needs a model that offers {', '.join(sorted(missing))}; '{model.name}' offers {offered}"
    if spec.kind == "pattern":
        return f"{spec.name} is of kind pattern, which this version registers but cannot run yet"
    return ""


def automatic_batch_size(model: Model) -> int:
    """Sequences at a time: about 26,000 positions on a CPU and four times that on a GPU, between 1 and 1,024."""
    positions = 26_000 * (4 if model.device.type == "cuda" else 1)
    return max(1, min(1024, positions // model.length))


def explain(
    explainer: str,
    model: Model,
    sequences: SequenceDataset,
    *,
    target: str | None = None,
    seed: int = 0,
    average_strands: bool = False,
    batch_size: int | None = None,
    registry: Registry | None = None,
    **options: Any,
) -> Explanation:
    """Explain sequences and keep everything in memory.

    Parameters
    ----------
    explainer
        A registered name, as in ``demo explainers``.
    sequences
        All its rows are explained; choose with ``dataset.take(dataset.rows_of_split("test"))``.
    target
        As after ``--target``; may be left out if the model has one output.
    options
        The explainer's own.

    Returns
    -------
    An Explanation whose ``values`` is a numpy array, for attributions (N, A, L).

    Raises
    ------
    DemoError
        MisfitError if explainer, model and data do not fit; UsageProblem on unknown names.

    When not to use it: for more sequences than fit into memory; ``demo explain`` streams to a file.
    """
    for name, value, kind in (("model", model, Model), ("sequences", sequences, SequenceDataset)):
        if not isinstance(value, kind):
            opener = "load" if kind is Model else "open"
            raise UsageProblem(
                f"{name} must be a {kind.__name__}, as {kind.__name__}.{opener}(...) gives, not {value!r:.60}"
            )
    if registry is None:
        from demo_core.plugins import discover

        registry = discover().registry
    job = make_job(
        registry.find(Explainer, explainer),
        model,
        options=options,
        target=target,
        seed=seed,
        average_strands=average_strands,
        batch_size=batch_size,
    )
    return explain_rows(job, sequences, np.arange(len(sequences)))


def explain_rows(job: Job, sequences: SequenceDataset, rows: NDArray[np.int64]) -> Explanation:
    """Run a job over rows of a dataset, in the order given, and keep everything in memory."""
    job.model.check_data(sequences, "the data")
    if not len(rows):
        raise UsageProblem("there are no sequences to explain")
    whole = joined([part for _, part in compute_batches(job, sequences, rows, range(n_batches(job, len(rows))))])
    extras = extra_names(whole)
    return Explanation(
        sequences=sequences.take(rows),
        index=rows,
        values=whole["values"],
        outputs=whole["outputs"],
        target_values=whole["target_values"],
        baseline=whole.get("baseline"),
        extras=np.stack([whole[f"extra:{n}"] for n in extras], axis=1) if extras else None,
        metadata={**describe_job(job), "extras": extras},
    )


def n_batches(job: Job, n: int) -> int:
    """How many batches n sequences make."""
    return -(-n // job.batch_size)


def compute_batches(
    job: Job,
    sequences: SequenceDataset,
    rows: NDArray[np.int64],
    numbers: Iterable[int],
) -> Iterator[tuple[int, Part]]:
    """Compute the given batches of a run over ``rows``; each is a dict of arrays with one row a sequence.

    Batch k holds rows k * batch_size and on, whichever batches are asked for: where a run was interrupted changes
    nothing. Raises PluginError, naming the plugin, on anything the explainer raises or returns that the contract
    forbids.
    """
    explainer = _instance(job)
    names: set[str] = set()
    for number in numbers:
        started = time.perf_counter()
        index = rows[number * job.batch_size : (number + 1) * job.batch_size]
        part = _explain_batch(job, explainer, sequences.take(index), index)
        # per sequence, so that all arrays of a part have one row a sequence
        part["seconds"] = np.full(len(index), (time.perf_counter() - started) / len(index))
        names = names or set(part)
        check_same_names(job, names, set(part))
        yield number, part


def joined(parts: Sequence[Part]) -> Part:
    """Parts one after the other, as one."""
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def check_same_names(job: Job, first: set[str], other: set[str]) -> None:
    """Raise PluginError unless all batches of a run give the same numbers besides their values."""
    if strange := sorted(first ^ other):
        raise _broke(job, f"'{strange[0].removeprefix('extra:')}' comes with some sequences and not with others")


def describe_job(job: Job) -> dict[str, Any]:
    """What a run is about, for its file."""
    spec = job.spec
    return {
        "kind": spec.kind,
        "channels": list(spec.channels),
        "hypothetical": spec.hypothetical,
        "adds_up": spec.adds_up,
        "explainer": {"name": spec.name, **job.registered.owner.as_json()},
        "options": as_json(job.options),
        "target": job.target.as_json(),
        "seed": job.seed,
        "average_strands": job.average_strands,
        "batch_size": job.batch_size,
        "device": _device_name(job.model.device),
        "model": {
            "name": job.model.name,
            "digest": job.model.digest(),
            **job.model.metadata(),
            "architecture_running": job.model.running,
        },
    }


def extra_names(part: Mapping[str, Any]) -> list[str]:
    """The names of a part's extras."""
    return [n[len("extra:") :] for n in part if n.startswith("extra:")]


def labels_for(model: Model, sequences: SequenceDataset) -> NDArray[np.float32]:
    """Labels (N, T) in the order of the model's outputs, NaN for outputs that the data does not label."""
    labels = np.full((len(sequences), len(model.outputs)), np.nan, np.float32)
    for column, output in enumerate(model.outputs):
        if output.name in sequences.targets:
            labels[:, column] = sequences.labels[:, sequences.targets.index(output.name)]
    return labels


def _instance(job: Job) -> Any:
    cls = job.registered.load()
    try:
        return cls(job.options)
    except DemoError:
        raise
    except Exception as error:
        raise _failed(job, error) from error


def _explain_batch(job: Job, explainer: Any, rows: SequenceDataset, index: NDArray[np.int64]) -> Part:
    part = _one_strand(job, explainer, rows, rows.codes, index, stream=0)
    if not job.average_strands:
        return part
    other = _one_strand(job, explainer, rows, rows.alphabet.reverse_complement(rows.codes), index, stream=1)
    if job.spec.kind == "attribution":
        other["values"] = other["values"][:, rows.alphabet.complement_order, ::-1]
    else:
        other["values"] = other["values"][:, ::-1, ::-1]
    return {name: (part[name] + other[name]) / 2 for name in part}


def _one_strand(
    job: Job,
    explainer: Any,
    rows: SequenceDataset,
    codes: NDArray[np.uint8],
    index: NDArray[np.int64],
    stream: int,
) -> Part:
    model = job.model
    labels = torch.from_numpy(labels_for(model, rows)).to(model.device)
    x = model.one_hot(np.ascontiguousarray(codes))
    batch = Batch(
        x=x,
        codes=torch.from_numpy(np.ascontiguousarray(codes)).to(model.device),
        labels=labels,
        index=torch.from_numpy(index).to(model.device),
        random=BatchRandom(job.seed, index, model.device, stream),
    )
    target = job.target.bind(labels)
    try:
        with torch.no_grad(), exact_arithmetic(model):
            outputs = model.module(x)
            target_values = target(outputs)
        with exact_arithmetic(model, gradients=True), torch.enable_grad():
            result = explainer.explain(model, batch, target)
    except torch.OutOfMemoryError:
        raise DemoError(
            f"{job.spec.name}: out of memory on {model.device} with batches of {job.batch_size}: "
            f"try --batch-size {max(1, job.batch_size // 4)}"
        ) from None
    except DemoError:
        raise
    except Exception as error:
        raise _failed(job, error) from error
    if not isinstance(result, Result):
        result = Result(result)
    shape = expected_shape(job.spec.kind, len(x), x.shape[1], x.shape[2], len(job.spec.channels))
    part = {
        "values": _array(job, "values", result.values, shape),
        "outputs": outputs.float().cpu().numpy(),
        "target_values": target_values.float().cpu().numpy(),
    }
    if job.spec.kind == "attribution" and not job.spec.hypothetical and (part["values"] * (1 - x.cpu().numpy())).any():
        raise _broke(job, "it says hypothetical=False, and gave letters that are not there a value other than 0")
    if job.spec.adds_up and result.baseline is None:
        raise _broke(job, "it says its values add up, and gave no baseline to add up to")
    if result.baseline is not None:
        part["baseline"] = _array(job, "baseline", result.baseline, (len(x),))
    for name in sorted(result.per_sequence):
        part[f"extra:{name}"] = _array(job, f"per_sequence '{name}'", result.per_sequence[name], (len(x),))
    return part


def _array(job: Job, name: str, values: object, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if isinstance(values, Tensor):
        values = values.detach().float().cpu().numpy()
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise _broke(job, f"{name} must be a tensor of numbers, not {type(values).__name__}")
    if values.shape != shape:
        raise _broke(job, f"{name} must have shape {shape} for kind {job.spec.kind}, not {values.shape}")
    return values.astype(np.float32, copy=False)


def _failed(job: Job, error: Exception) -> PluginError:
    return PluginError(
        f"explainer '{job.spec.name}' of plugin {job.registered.owner.describe()} failed: {one_line(error)}"
    )


def _broke(job: Job, problem: str) -> PluginError:
    owner = job.registered.owner.describe()
    return PluginError(f"explainer '{job.spec.name}' of plugin {owner} broke the contract: {printable(problem)}")


def _device_name(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
