"""Let an explainer compute, batch by batch or all at once, and hold what comes back against the contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from demo_core.data.dataset import SequenceDataset
from demo_core.data.record import SPLITS
from demo_core.errors import DemoError, PluginError, printable
from demo_core.models.device import exact_arithmetic, out_of_memory
from demo_core.models.model import Model, blaming_network
from demo_core.plugins.interrupts import passes
from demo_core.results.explanation import Explanation, expected_shape
from demo_core.running.batch import Batch, BatchRandom, Result, RunRandom
from demo_core.running.guard import Guard, guarded
from demo_core.running.job import Job, describe_job, new_explainer

Part = dict[str, NDArray[Any]]


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
    with guarded(job.model) as guard:
        explainer = new_explainer(job)
        names: set[str] = set()
        for number in numbers:
            started = time.perf_counter()
            index = rows[number * job.batch_size : (number + 1) * job.batch_size]
            block = sequences.take(index)
            with _naming_batch(number, block):
                part = _explain_batch(job, explainer, block, index, guard)
                _check_unchanged(job, guard)
            # per sequence, so that all arrays of a part have one row a sequence
            part["seconds"] = np.full(len(index), (time.perf_counter() - started) / len(index))
            names = names or set(part)
            check_same_names(job, names, set(part))
            yield number, part


def compute_pattern(job: Job, on_progress: Callable[[int, int], None] = lambda done, total: None) -> Explanation:
    """Run a job of kind pattern, which reads no data.

    Returns
    -------
    An Explanation of the R inputs that were made: ``values`` (R, A, L) as the explainer left them, ``outputs`` and
    ``target_values`` what the model says of those. Its sequences are the best letters at each position, one for each
    restart, named ``restart-1`` and on; what the model says of these is the extra ``one-hot``.

    Raises PluginError, naming the plugin, on anything that the contract forbids.
    """
    model, started = job.model, time.perf_counter()
    with guarded(model) as guard, _blaming(job, "all restarts at once; use fewer restarts"):
        explainer = new_explainer(job)
        with torch.no_grad():
            model.outputs_of(model.one_hot(np.zeros((1, model.length), np.uint8)))
        guard.note_own_changes()
        with exact_arithmetic(model.device, without_cudnn=_refused_by_cudnn(job)), torch.enable_grad():
            found = explainer.explain(model, job.target, RunRandom(job.seed, model.device, on_progress))
        result = found if isinstance(found, Result) else Result(found)
        _check_unchanged(job, guard)
    n = len(result.values) if isinstance(result.values, Tensor) and result.values.ndim else 0
    if not n:
        raise job.registered.broke_contract("it made no pattern")
    values = _array(job, "values", result.values, (n, len(model.alphabet.letters), model.length))
    codes = values.argmax(axis=1).astype(np.uint8)
    with _blaming(job, "all restarts at once; use fewer restarts"), torch.no_grad(), exact_arithmetic(model.device):
        outputs = model.outputs_of(torch.from_numpy(values).to(model.device, model.dtype))
        one_hot = job.target(model.outputs_of(model.one_hot(codes)))
    whole = _extras(job, result, n) | {"extra:one-hot": one_hot.float().cpu().numpy()}
    names = extra_names(whole)
    return Explanation(
        sequences=SequenceDataset(
            codes=codes,
            labels=np.full((n, len(model.outputs)), np.nan, np.float32),
            targets=tuple(o.name for o in model.outputs),
            ids=np.array([f"restart-{r + 1}" for r in range(n)], dtype=object),
            group=np.arange(n),
            split=np.full(n, SPLITS.index("test"), np.uint8),
            alphabet=model.alphabet,
        ),
        index=np.arange(n),
        values=values,
        outputs=outputs.float().cpu().numpy(),
        target_values=job.target(outputs).float().cpu().numpy(),
        baseline=None,
        extras=np.stack([whole[f"extra:{name}"] for name in names], axis=1),
        metadata={**describe_job(job), "extras": names, "wall_seconds": time.perf_counter() - started},
    )


def joined(parts: Sequence[Part]) -> Part:
    """Parts one after the other, as one."""
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def check_same_names(job: Job, first: set[str], other: set[str]) -> None:
    """Raise PluginError unless all batches of a run give the same numbers besides their values."""
    if strange := sorted(first ^ other):
        name = strange[0].removeprefix("extra:")
        raise job.registered.broke_contract(f"'{name}' comes with some sequences and not with others")


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


def _explain_batch(job: Job, explainer: Any, rows: SequenceDataset, index: NDArray[np.int64], guard: Guard) -> Part:
    part = _one_strand(job, explainer, rows, rows.codes, index, guard, stream=0)
    if not job.average_strands:
        return part
    other = _one_strand(job, explainer, rows, rows.alphabet.reverse_complement(rows.codes), index, guard, stream=1)
    check_same_names(job, set(part), set(other))
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
    guard: Guard,
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
    version = x._version
    smaller = f"batches of {job.batch_size}: try --batch-size {max(1, job.batch_size // 4)}"
    with _blaming(job, smaller):
        with torch.no_grad(), exact_arithmetic(model.device), blaming_network(model):
            outputs = model.outputs_of(x)
            target_values = target(outputs)
        guard.note_own_changes()
        with exact_arithmetic(model.device, without_cudnn=_refused_by_cudnn(job)), torch.enable_grad():
            found = explainer.explain(model, batch, target)
    if x._version != version:
        raise job.registered.broke_contract("it modified batch.x in place; work on a copy (batch.x.clone())")
    result = found if isinstance(found, Result) else Result(found)
    shape = expected_shape(job.spec.kind, len(x), x.shape[1], x.shape[2], len(job.spec.channels))
    part = {
        "values": _array(job, "values", result.values, shape),
        "outputs": outputs.float().cpu().numpy(),
        "target_values": target_values.float().cpu().numpy(),
    }
    if (
        job.spec.kind == "attribution"
        and not job.spec.hypothetical
        and np.nan_to_num(part["values"] * (1 - x.cpu().numpy())).any()
    ):
        problem = "it says hypothetical=False, and gave letters that are not there a value other than 0"
        raise job.registered.broke_contract(problem)
    if job.spec.adds_up and result.baseline is None:
        raise job.registered.broke_contract("it says its values add up, and gave no baseline to add up to")
    if result.baseline is not None:
        part["baseline"] = _array(job, "baseline", result.baseline, (len(x),))
    return part | _extras(job, result, len(x))


def _refused_by_cudnn(job: Job) -> bool:
    return "gradients" in job.spec.needs and "recurrent" in job.model.capabilities


def _check_unchanged(job: Job, guard: Guard) -> None:
    """Raise PluginError if an explainer left anything changed that the next one would meet."""
    if changes := guard.changes():
        raise job.registered.broke_contract(
            f"it changed {' and '.join(changes[:3])} without restoring; restore the state after each batch"
        )


@contextmanager
def _naming_batch(number: int, block: SequenceDataset) -> Iterator[None]:
    """Say in which batch a plugin failed, and with which sequences."""
    try:
        yield
    except PluginError as error:
        first, last = (printable(block.ids[row], 40) for row in (0, -1))
        which = f"sequence '{first}'" if len(block) == 1 else f"sequences '{first}' to '{last}'"
        raise error.within(f"in batch {number + 1}, {which}") from (error.__cause__ or error)


def _extras(job: Job, result: Result, n: int) -> Part:
    return {
        f"extra:{name}": _array(job, f"per_sequence '{name}'", result.per_sequence[name], (n,))
        for name in sorted(result.per_sequence)
    }


@contextmanager
def _blaming(job: Job, asked: str) -> Iterator[None]:
    """What a plugin's code raises, other than errors for the user, is its failure."""
    try:
        yield
    except DemoError:
        raise
    except BaseException as error:
        if passes(error):
            raise
        if out_of_memory(error):
            raise DemoError(f"{job.spec.name}: out of memory on {job.model.device} with {asked}") from None
        raise job.registered.failed(error) from error


def _array(job: Job, name: str, values: object, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if isinstance(values, Tensor):
        values = values.detach().float().cpu().numpy()
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise job.registered.broke_contract(f"{name} must be a tensor of numbers, not {type(values).__name__}")
    if values.shape != shape:
        problem = f"{name} must have shape {shape} for kind {job.spec.kind}, not {values.shape}"
        raise job.registered.broke_contract(problem)
    return values.astype(np.float32, copy=False)
