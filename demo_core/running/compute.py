"""Compute one batch with an explainer and check the result against the contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from demo_core.data.dataset import SequenceDataset
from demo_core.data.record import SPLITS
from demo_core.errors import DemoError, PluginError, counted, printable
from demo_core.models.device import exact_arithmetic, out_of_memory
from demo_core.models.model import Model, blaming_network
from demo_core.plugins.interrupts import passes
from demo_core.results.completeness import COMPLETENESS, completeness_error
from demo_core.results.explanation import FIELDS, expected_shape
from demo_core.running.batch import Batch, BatchRandom, Result, RunRandom
from demo_core.running.guard import Guard, guarded
from demo_core.running.job import Job, channels_of, new_explainer, unit_of

#: Arrays with one row per sequence: the columns of a file, ``seconds``, and ``extra:NAME``.
Part = dict[str, NDArray[Any]]


class Calculator:
    """Computes batches with one explainer. Raises PluginError if the explainer breaks the contract."""

    def __init__(self, job: Job, guard: Guard) -> None:
        self.job, self._guard = job, guard
        self._spec, self._device = job.spec, job.model.device
        self._explainer = new_explainer(job)
        self._channels = len(channels_of(job))
        self._without_cudnn = "gradients" in self._spec.needs and "recurrent" in job.model.capabilities
        #: Number of sequences given to the explainer at a time: halved when memory runs out
        self._chunk = job.batch_size
        #: Whether outputs of the explainer were compared with the model's
        self._compared = False
        self._on_progress: Callable[[float], None] = lambda rows: None
        self._done, self._share = 0.0, 0.0
        self._forward(np.zeros((1, job.model.length), np.uint8))
        guard.note_own_changes()

    @property
    def unit(self) -> str:
        """Unit of the values; '' if the explainer names none."""
        return unit_of(self.job, self._explainer)

    @property
    def shortage(self) -> str:
        """A warning with the size that worked, if memory ran out; otherwise ''."""
        if self._chunk == self.job.batch_size:
            return ""
        return (
            f"out of memory in batches of {self.job.batch_size}; computed {counted(self._chunk, 'sequence')} at a time"
        )

    def sequences(
        self, number: int, block: SequenceDataset, index: NDArray[np.int64],
        on_progress: Callable[[float], None] = lambda rows: None,
    ) -> Part:  # fmt: skip
        """Explain one batch; ``index`` holds the row numbers of its sequences in the dataset.

        ``on_progress`` is called with the number of rows that are done.
        """
        started = time.perf_counter()
        self._on_progress = on_progress
        with _naming_batch(number, block):
            part = self._in_chunks(block, index)
            self._check_unchanged()
        columns = {name: getattr(block, name) for name in FIELDS if getattr(block, name, None) is not None}
        seconds = np.full(len(index), (time.perf_counter() - started) / len(index))
        return {**columns, "index": index, **part, "seconds": seconds}

    def patterns(self, on_progress: Callable[[int, int], None]) -> Part:
        """Make patterns. Their sequences are the best letters at each position, named ``restart-1``, ``restart-2``, ...

        The extra ``one-hot`` is the target of these sequences.
        """
        job, model, started = self.job, self.job.model, time.perf_counter()
        with self._blaming("all restarts at once; use fewer restarts"):
            with exact_arithmetic(self._device, without_cudnn=self._without_cudnn), torch.enable_grad():
                found = self._explainer.explain(model, job.target, RunRandom(job.seed, model.device, on_progress))
            result = found if isinstance(found, Result) else Result(found)
            self._check_unchanged()
            n = len(result.values) if isinstance(result.values, Tensor) and result.values.ndim else 0
            if not n:
                raise job.registered.broke_contract("it returned no pattern")
            values = self._array("values", result.values, (n, len(model.alphabet.letters), model.length))
            codes = values.argmax(axis=1).astype(np.uint8)
            with torch.no_grad(), exact_arithmetic(self._device), blaming_network(model):
                outputs = model.outputs_of(torch.from_numpy(values).to(model.device, model.dtype))
                one_hot = job.target(model.outputs_of(model.one_hot(codes)))
        return {
            "codes": codes,
            "labels": np.full((n, len(model.outputs)), np.nan, np.float32),
            "ids": np.array([f"restart-{r + 1}" for r in range(n)], dtype=object),
            "group": np.arange(n),
            "split": np.full(n, SPLITS.index("test"), np.uint8),
            "index": np.arange(n),
            "values": values,
            "outputs": outputs.float().cpu().numpy(),
            "target_values": job.target(outputs).float().cpu().numpy(),
            **self._extras(result, n),
            "extra:one-hot": one_hot.float().cpu().numpy(),
            "seconds": np.full(n, (time.perf_counter() - started) / n),
        }

    def _in_chunks(self, block: SequenceDataset, index: NDArray[np.int64]) -> Part:
        """Explain a batch; if memory runs out, halve the number of sequences at a time. Random draws do not change."""
        while True:
            slices = [slice(start, start + self._chunk) for start in range(0, len(index), self._chunk)]
            try:
                if len(slices) == 1:
                    return self._both_strands(block, index)
                found = [self._both_strands(block.take(some), index[some], some.start) for some in slices]
                for one in found[1:]:
                    check_same_names(self.job, set(found[0]), set(one))
                return joined(found)
            except BaseException as error:
                if not out_of_memory(error):
                    raise
                size = min(self._chunk, len(index))
                if size == 1:
                    said = f"{self._spec.name}: out of memory on {self._device} with a single sequence"
                    raise DemoError(f"{said}; use a machine with more memory, or --device cpu") from None
            # outside the except block, whose exception keeps the tensors of the failed attempt alive
            self._chunk = size // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._guard.restore()

    def _both_strands(self, block: SequenceDataset, index: NDArray[np.int64], first: int = 0) -> Part:
        self._done, self._share = float(first), len(index) / (2 if self.job.average_strands else 1)
        part = self._one_strand(block, block.codes, index, stream=0)
        if not self.job.average_strands:
            return self._with_completeness(part, block)
        self._done += self._share
        other = self._one_strand(block, block.alphabet.reverse_complement(block.codes), index, stream=1)
        check_same_names(self.job, set(part), set(other))
        letters = block.alphabet.complement_order if self._spec.kind == "attribution" else slice(None, None, -1)
        other["values"] = other["values"][:, letters, ::-1]
        return self._with_completeness({name: (part[name] + other[name]) / 2 for name in part}, block)

    def _with_completeness(self, part: Part, block: SequenceDataset) -> Part:
        if not self._spec.adds_up:
            return part
        present = part["values"].astype(np.float64) * block.alphabet.one_hot(block.codes)
        error = completeness_error(present, part["target_values"], part["baseline"])
        return {**part, f"extra:{COMPLETENESS}": error}

    def _one_strand(
        self, block: SequenceDataset, codes: NDArray[np.uint8], index: NDArray[np.int64], stream: int
    ) -> Part:
        job, model = self.job, self.job.model
        labels = torch.from_numpy(labels_for(model, block)).to(self._device)
        target = job.target.bind(labels)
        codes = np.ascontiguousarray(codes)
        x = model.one_hot(codes)
        batch = Batch(
            x=x,
            codes=torch.tensor(codes, device=self._device),
            labels=labels,
            index=torch.tensor(index, device=self._device),
            random=BatchRandom(job.seed, index, self._device, stream),
            strand="-" if stream else "+",
            progress=lambda done, total: self._on_progress(self._done + self._share * min(1, done / max(1, total))),
        )
        version = x._version
        with self._blaming(f"{counted(len(index), 'sequence')} at a time", codes):
            with exact_arithmetic(self._device, without_cudnn=self._without_cudnn), torch.enable_grad():
                found = self._explainer.explain(model, batch, target)
            if x._version != version:
                raise job.registered.broke_contract("it modified batch.x in place; work on a copy (batch.x.clone())")
            result = found if isinstance(found, Result) else Result(found)
            outputs = self._outputs(codes, result)
            with torch.no_grad():
                target_values = target(outputs)
        shape = expected_shape(self._spec.kind, len(x), x.shape[1], x.shape[2], self._channels)
        part = {
            "values": self._array("values", result.values, shape),
            "outputs": outputs.float().cpu().numpy().copy(),
            "target_values": target_values.float().cpu().numpy().copy(),
        }
        self._check_values(part["values"], x)
        if self._spec.adds_up and result.baseline is None:
            raise job.registered.broke_contract("declares adds_up=True but returned no baseline")
        if result.baseline is not None:
            part["baseline"] = self._array("baseline", result.baseline, (len(x),))
        return part | self._extras(result, len(x))

    def _outputs(self, codes: NDArray[np.uint8], result: Result) -> Tensor:
        """Return the outputs of the explainer, or those of a forward pass on inputs that it cannot have changed."""
        if result.outputs is None:
            return self._forward(codes)
        given = self._array("outputs", result.outputs, (len(codes), len(self.job.model.outputs)))
        if not self._compared:  # one sequence of each run: a second forward pass of all would cost too much
            true = self._array("outputs", self._forward(codes[:1]), (1, given.shape[1]))
            if not np.allclose(given[:1], true, rtol=1e-3, atol=1e-4, equal_nan=True):
                problem = f"its outputs are not the model's: {given[0, 0]:.6g} and {true[0, 0]:.6g}"
                raise self.job.registered.broke_contract(problem)
            self._compared = True
        return torch.from_numpy(given).to(self._device)

    def _forward(self, codes: NDArray[np.uint8]) -> Tensor:
        model = self.job.model
        x = torch.from_numpy(model.alphabet.one_hot(codes)).to(self._device, model.dtype)
        try:
            with blaming_network(model):
                return model.outputs_without_gradients(x)
        except PluginError:
            self._check_unchanged()  # the network may fail only because the explainer changed it
            raise

    def _check_values(self, values: NDArray[np.float32], x: Tensor) -> None:
        own_letters = self._spec.kind == "attribution" and not self._spec.hypothetical
        if own_letters and np.nan_to_num(values * (1 - x.float().cpu().numpy())).any():
            problem = "declares hypothetical=False but gave non-zero values to letters that are not in the sequence"
            raise self.job.registered.broke_contract(problem)

    def _check_unchanged(self) -> None:
        """Raise PluginError if the explainer changed the model or torch's settings and did not restore them."""
        if changes := self._guard.changes():
            raise self.job.registered.broke_contract(
                f"it changed {' and '.join(changes[:3])} without restoring; restore the state after each batch"
            )

    def _extras(self, result: Result, n: int) -> Part:
        return {
            f"extra:{name}": self._array(f"per_sequence '{name}'", result.per_sequence[name], (n,))
            for name in sorted(result.per_sequence)
        }

    @contextmanager
    def _blaming(self, asked: str, codes: NDArray[np.uint8] | None = None) -> Iterator[None]:
        """Report an exception as the explainer's, unless the network alone also raises on ``codes``."""
        try:
            yield
        except DemoError:
            raise
        except BaseException as error:
            if passes(error):
                raise
            if out_of_memory(error) and codes is not None:
                raise
            if out_of_memory(error):
                raise DemoError(f"{self._spec.name}: out of memory on {self._device} with {asked}") from None
            if codes is not None:
                self._guard.restore()
                self._forward(codes)
            raise self.job.registered.failed(error) from error

    def _array(self, name: str, values: object, shape: tuple[int, ...]) -> NDArray[np.float32]:
        if isinstance(values, Tensor):
            values = values.detach().float().cpu().numpy()
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
            problem = f"{name} must be a tensor of numbers, not {type(values).__name__}"
            raise self.job.registered.broke_contract(problem)
        if values.shape != shape:
            problem = f"{name} must have shape {shape} for kind {self._spec.kind}, not {values.shape}"
            raise self.job.registered.broke_contract(problem)
        return values.astype(np.float32)  # a copy: an explainer may use its tensors again


@contextmanager
def calculating(job: Job) -> Iterator[Calculator]:
    """Make a calculator for a run. Restore the model and torch's settings when the block ends."""
    with guarded(job.model) as guard:
        yield Calculator(job, guard)


def joined(parts: Sequence[Part]) -> Part:
    """Join parts."""
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]} if len(parts) > 1 else parts[0]


def check_same_names(job: Job, first: set[str], other: set[str]) -> None:
    """Raise PluginError unless all batches of a run have the same further numbers."""
    if strange := sorted(first ^ other):
        name = strange[0].removeprefix("extra:")
        raise job.registered.broke_contract(f"'{name}' is missing for some sequences; return it for every batch")


def labels_for(model: Model, sequences: SequenceDataset) -> NDArray[np.float32]:
    """Return labels (N, T) in the order of the model's outputs; NaN for outputs that the data do not label.

    Parameters
    ----------
    model
        The model.
    sequences
        The dataset.

    Returns
    -------
    ndarray
        (N, T) float32 in the order of the model's outputs; NaN for outputs that the data do not label.

    Examples
    --------
    >>> from demo_core.running import labels_for
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> labels_for(tiny_model(), tiny_dataset(4)).shape
    (4, 1)
    """
    return np.stack([sequences.labels_of(o.name) for o in model.outputs], axis=1).astype(np.float32)


@contextmanager
def _naming_batch(number: int, block: SequenceDataset) -> Iterator[None]:
    """Add the batch and its sequences to the error of a plugin."""
    try:
        yield
    except PluginError as error:
        first, last = (printable(block.ids[row], 40) for row in (0, -1))
        which = f"sequence '{first}'" if len(block) == 1 else f"sequences '{first}' to '{last}'"
        raise error.within(f"in batch {number + 1}, {which}") from (error.__cause__ or error)
