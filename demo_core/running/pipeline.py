"""Run an explainer: a job, a source of sequences or patterns, and a sink."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from demo_core.models.batch_size import measured_batch_size
from demo_core.results.completeness import COMPLETENESS, SMALL_OUTPUT, extras_of, summary_of
from demo_core.running.compute import Calculator, Part, calculating, check_same_names
from demo_core.running.fingerprint import distributions_of, fingerprint_of_run
from demo_core.running.guard import guarded
from demo_core.running.job import Job, describe_job, expansion_of
from demo_core.running.sinks import Begun, DataChanged, Sink, extra_names
from demo_core.running.sources import Source

R = TypeVar("R")
_log = logging.getLogger(__name__)
_LIBRARIES = ("deep-motif-dashboard", "torch", "numpy", "h5py")


def run(
    job: Job,
    source: Source,
    sink: Sink[R],
    *,
    on_start: Callable[[int, int], None] = lambda done, total: None,
    on_batch: Callable[[int], None] = lambda n: None,
) -> R:
    """Run an explainer over a source, a batch at a time.

    Parameters
    ----------
    job
        Model, explainer and target, from ``make_job``.
    source
        ``Rows`` of a dataset, or ``Patterns``.
    sink
        ``Memory``, whose result is an Explanation, or a ``File``, whose result is an Outcome.
    on_start, on_batch
        Called with the numbers of finished and of all rows, and with the number of rows of each batch.

    Raises
    ------
    DemoError
        PluginError, naming the plugin, if the explainer raises an exception or breaks the contract.

    Examples
    --------
    >>> from demo_core.plugins import Explainer, installed
    >>> from demo_core.running import Memory, Rows, make_job, run
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> job = make_job(installed().find(Explainer, "saliency"), tiny_model())
    >>> len(run(job, Rows(tiny_dataset(8)), Memory()))
    8
    """
    source.check(job)
    described = describe_job(job)
    fingerprint = fingerprint_of_run(job, described)

    def batch_size() -> int:
        gradients, about = "gradients" in job.spec.needs, {key: described[key] for key in ("explainer", "options")}
        ours = gradients and job.registered.owner.origin == "built-in"  # computes in pieces
        with guarded(job.model) as guard:
            copies = expansion_of(job)
            if changes := guard.changes():
                raise job.registered.broke_contract(f"its expansion changed {' and '.join(changes[:3])}")
            if copies > 1:
                return max(1, job.model.automatic_batch_size() // copies)
            return measured_batch_size(job.model, source.n_batches(1), gradients=gradients, in_pieces=ours, about=about)

    with sink.opened(source, fingerprint, lambda: job.batch_size or batch_size()) as begun:
        if begun.finished is not None:
            return begun.finished
        if job.batch_size and job.batch_size != begun.batch_size:  # 0: the size is chosen
            _log.warning("resuming with the batch size of the unfinished run, %d", begun.batch_size)
        job = replace(job, batch_size=begun.batch_size)
        described |= {"batch_size": job.batch_size, **source.about(job)}
        with calculating(job) as calculator:
            _compute(calculator, source, sink, begun, on_start, on_batch)
            summary = _Summary(calculator, source, described, fingerprint)
            return sink.finish(summary.of(_in_order(calculator, source, sink)), summary.record)


def _compute(
    calculator: Calculator,
    source: Source,
    sink: Sink[Any],
    begun: Begun[Any],
    on_start: Callable[[int, int], None],
    on_batch: Callable[[int], None],
) -> None:
    """Compute the batches that are not finished."""
    size = calculator.job.batch_size
    sizes = [source.n_rows(batch, size) for batch in range(source.n_batches(size))]
    done, names, inside = begun.done, begun.names, False
    rows, total = sum(n for batch, n in enumerate(sizes) if batch in done), sum(sizes)

    def on_progress(some: int, of: int) -> None:
        nonlocal inside
        inside = True
        on_start(rows + some, total or of)

    on_start(rows, total)
    for batch in range(len(sizes)):
        if batch in done:
            continue
        part = source.compute(calculator, batch, on_progress)
        names = names or set(part)
        check_same_names(calculator.job, names, set(part))
        sink.add(batch, part)
        if inside and total:  # on_batch counts all rows of the batch
            on_start(rows, total)
        rows, inside = rows + len(part["values"]), False
        on_batch(len(part["values"]))


def _in_order(calculator: Calculator, source: Source, sink: Sink[Any]) -> Iterator[Part]:
    """Yield all parts in order; a part that cannot be read is computed again."""
    size, batch, names = calculator.job.batch_size, 0, set[str]()
    total = source.n_batches(size)
    while batch < total:
        part = sink.read(batch)
        if part is None:
            part = source.compute(calculator, batch, lambda done, total: None)
        names = names or set(part)
        check_same_names(calculator.job, names, set(part))
        yield part
        batch += -(-len(part["values"]) // size)


class _Summary:
    """Collect warnings, the completeness error, the time and the digest of the data from all parts."""

    def __init__(
        self, calculator: Calculator, source: Source, described: dict[str, Any], fingerprint: Mapping[str, Any]
    ) -> None:
        self._calculator, self._described, self._fingerprint = calculator, described, dict(fingerprint)
        self._spec = calculator.job.spec
        self._source, self._digest = source, source.digest()
        self._seconds, self._rows, self._bad, self._lost = 0.0, 0, 0, 0
        self._errors: list[NDArray[np.float32]] = []
        self._unchanged = 0
        self._extras: list[str] = []

    def of(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Yield the parts unchanged and collect their numbers."""
        for part in parts:
            self._rows += len(part["values"])
            self._seconds += float(part["seconds"].sum())
            self._bad += int((~np.isfinite(part["values"])).any(axis=(1, 2)).sum())
            self._lost += int((~np.isfinite(part["outputs"])).any(axis=1).sum())
            self._extras = extra_names(part)
            if self._digest is not None:
                self._digest.add(part)
            if self._spec.adds_up:
                self._errors.append(part[f"extra:{COMPLETENESS}"])
                target, baseline = part["target_values"], part["baseline"]
                size = np.maximum(np.abs(target), np.abs(baseline))
                self._unchanged += int((np.abs(target - baseline) <= 0.1 * SMALL_OUTPUT * size).sum())
            yield part

    def record(self) -> dict[str, Any]:
        """Return the provenance."""
        if self._digest is not None:
            of_data = self._digest.fingerprint()
            if self._source.changed(of_data):
                raise DataChanged("the data changed during the run, so no result was kept; run the same command again")
            self._fingerprint |= of_data
        bring = distributions_of(self._spec.requires)
        return {
            **self._described,
            "unit": self._calculator.unit,
            "extras": self._extras,
            "extras_about": {e.name: {"help": e.help, "unit": e.unit} for e in extras_of(self._spec)},
            "additivity": self._additivity(),
            "fingerprint": self._fingerprint,
            "data_digest": self._fingerprint.get("sequences"),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "wall_seconds": round(self._seconds, 3),
            "libraries": {name: metadata.version(name) for name in (*_LIBRARIES, *bring)},
            "warnings": self._warnings(),
        }

    def _warnings(self) -> list[str]:
        what = "patterns" if self._spec.kind == "pattern" else "sequences"
        found = []
        if self._bad and self._spec.kind != "trace":
            found.append(f"{self._bad} of {self._rows} {what} have NaN or infinite values")
        if self._lost:
            found.append(f"outputs of {self._lost} of {self._rows} {what} are NaN or infinite")
        if self._unchanged:
            said = f"{self._unchanged} of {self._rows} sequences have the same output as their reference, so"
            next_step = "; choose another background" if self._unchanged == self._rows else ""
            found.append(f"{said} there is no difference to explain{next_step}")
        return found + [text for text in (self._calculator.shortage,) if text]

    def _additivity(self) -> dict[str, float | None] | None:
        """Return largest and median completeness error, and how many sequences exceed the tolerance."""
        return summary_of(np.concatenate(self._errors), self._spec.tolerance) if self._spec.adds_up else None
