"""One explanation run to one file: resumable, never half-written, never mixed up with another run."""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError, UsageProblem, printable, unknown_name
from demo_core.plugins.options import changed
from demo_core.results.explanation import FIELDS, FORMAT, VERSION, Explanation
from demo_core.running.compute import check_same_names, compute_batches, compute_pattern, extra_names, joined, n_batches
from demo_core.running.fingerprint import check_same, fingerprint_of_data, fingerprint_of_run, is_finished
from demo_core.running.job import Job, describe_job
from demo_core.storage import hdf5
from demo_core.storage.atomic_files import check_file_can_be, whole_file
from demo_core.storage.part_files import Parts

# A part file is written once it has this much, or was begun this long ago
_PART_BYTES = 4 << 20
_PART_SECONDS = 5.0
# Characters of changed options in a file name
_LONGEST = 60
_LIBRARIES = ("deep-motif-dashboard", "torch", "numpy", "h5py")


@dataclass(frozen=True)
class Outcome:
    """What became of a run: ``written``, ``continued`` (written, from an earlier start) or ``skipped``."""

    path: Path
    state: str
    sequences: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Which sequences of a dataset are explained.

    ``split`` None means the test split, or all where there is none.
    """

    split: str | None = None
    limit: int | None = None
    ids: tuple[str, ...] | None = None
    only_positive: bool = False

    def rows(self, dataset: SequenceDataset, output: str) -> NDArray[np.int64]:
        """The rows in the dataset's order; for ``ids``, in the order given.

        ``output`` names the target whose label makes a positive. Raises UsageProblem if nothing is left.
        """
        if self.ids is not None:
            rows = _rows_of(dataset, self.ids)
            if self.split and (elsewhere := set(rows.tolist()) - set(dataset.rows_of_split(self.split).tolist())):
                name = printable(dataset.ids[min(elsewhere)], 60)
                raise UsageProblem(f"'{name}' is not in the split {self.split}: leave --split out, ids say it all")
        else:
            rows = dataset.rows_of_split(self.split or "test")
            if self.split is None and not len(rows):
                rows = dataset.rows_of_split("all")
        if self.only_positive:
            if output not in dataset.targets:
                raise UsageProblem(f"--only-positive: the data has no labels for '{printable(output)}'")
            labels = dataset.labels[:, dataset.targets.index(output)]
            if not np.isin(labels[~np.isnan(labels)], (0, 1)).all():
                raise UsageProblem(
                    f"--only-positive: target '{printable(output)}' has regression labels, so no sequence is positive; "
                    "select sequences with --ids"
                )
            rows = rows[np.nan_to_num(labels[rows]) > 0.5]
        if self.limit is not None:
            rows = rows[: self.limit]
        if not len(rows):
            raise UsageProblem("no sequence is left to explain: see 'demo data info' for splits and labels")
        return rows


def run_name(job: Job, explainer: str) -> str:
    """``MODEL.EXPLAINER``, with changed options and ``.TARGET`` where needed to keep runs apart.

    ``explainer`` is its name as the registry tells it apart. Options follow it: ``cnn.saliency-simplex``,
    ``cnn.class-optimization-steps-20``; several that make too long a name become a digest.
    """
    words = [job.model.name, *explainer.split(":")]
    if len(job.model.outputs) > 1 or job.target.form != "output":
        words.append(job.target.name)
    named = [_file_word(w) for w in words]
    place = len(explainer.split(":"))
    if options := changed(job.options):
        said = "-".join(_option_word(key, value) for key, value in options.items())
        plain = all(c.isalnum() or c in "-_." for c in said) and len(said) <= _LONGEST
        named[place] += f"-{said}" if plain else f"-{_short_digest(options)}"
    return ".".join(named)


def explain_to_file(
    job: Job,
    dataset: SequenceDataset,
    rows: NDArray[np.int64],
    output: Path,
    *,
    force: bool = False,
    on_start: Callable[[int, int], None] = lambda done, n: None,
    on_batch: Callable[[int], None] = lambda n: None,
) -> Outcome:
    """Explain rows of a dataset into a file.

    A finished file of the same run is left as it is; an unfinished run is continued, within the batch boundaries it
    began with; a file of another run is refused, unless ``force``.

    Raises
    ------
    DemoError
        If the output belongs to another run, naming what differs, or another process is at work on it.
    """
    check_file_can_be(output)
    fingerprint = {**fingerprint_of_run(job), **fingerprint_of_data(dataset, rows)}
    folder = output.with_name(output.name.removesuffix(".h5") + ".partial")
    if is_finished(output, fingerprint, force):
        if folder.is_dir():  # a process was killed between the last two steps
            with Parts.open(folder) as parts:
                begun = parts.run()
                if begun is None or begun.get("fingerprint") == fingerprint:
                    parts.remove()
        return Outcome(output, "skipped", len(rows))
    with Parts.open(folder) as parts:
        # Another process may have finished it while this one came to the lock
        if is_finished(output, fingerprint, force):
            parts.remove()
            return Outcome(output, "skipped", len(rows))
        begun = parts.run()
        if begun is not None and force and not (begun.get("force") and begun.get("fingerprint") == fingerprint):
            begun = None
        if begun is None:
            parts.begin({"fingerprint": fingerprint, "batch_size": job.batch_size, "force": force})
        else:
            check_same(folder, begun["fingerprint"], fingerprint)
            job = replace(job, batch_size=int(begun["batch_size"]))
        try:
            _compute(job, dataset, rows, parts, on_start, on_batch)
            warnings = _assemble(job, dataset, rows, parts, output, fingerprint, force)
        except BaseException as error:
            # nothing to go on from, or of other data: it must not stand in the way of another run
            if not parts.finished() or isinstance(error, _DataChanged):
                parts.remove()
            raise
        parts.remove()
    return Outcome(output, "continued" if begun is not None else "written", len(rows), warnings)


def _compute(
    job: Job,
    dataset: SequenceDataset,
    rows: NDArray[np.int64],
    parts: Parts,
    on_start: Callable[[int, int], None],
    on_batch: Callable[[int], None],
) -> None:
    """Compute the batches that are not there yet."""
    done, names = set[int](), set[str]()
    for first in parts.finished():
        part = parts.read(first)
        if part is not None:
            names = names or set(part)
            done |= set(range(first, first + n_batches(job, len(part["values"]))))
    missing = [n for n in range(n_batches(job, len(rows))) if n not in done]
    on_start(len(rows) - sum(len(rows[n * job.batch_size :][: job.batch_size]) for n in missing), len(rows))
    pending = _Pending(parts)
    try:
        for number, part in compute_batches(job, dataset, rows, missing):
            names = names or set(part)
            check_same_names(job, names, set(part))
            pending.add(number, part)
            on_batch(len(part["values"]))
    finally:
        pending.write()  # whatever ended it, what is computed is kept


class _DataChanged(DemoError):
    """The data is not what it was when the run began."""


class _Pending:
    """Batches that are computed and not yet written: a few go into one file, but none waits for long."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.batches: list[dict[str, NDArray[Any]]] = []
        self.first, self.size, self.since = 0, 0, 0.0

    def add(self, number: int, part: Mapping[str, NDArray[Any]]) -> None:
        if self.batches and number != self.first + len(self.batches):
            self.write()
        if not self.batches:
            self.first, self.since = number, time.monotonic()
        self.batches.append(dict(part))
        self.size += part["values"].nbytes
        if self.size >= _PART_BYTES or time.monotonic() - self.since >= _PART_SECONDS:
            self.write()

    def write(self) -> None:
        if self.batches:
            self.parts.write(self.first, joined(self.batches))
        self.batches, self.size = [], 0


def _stored(
    job: Job, dataset: SequenceDataset, rows: NDArray[np.int64], parts: Parts
) -> Iterator[tuple[NDArray[np.int64], Mapping[str, NDArray[Any]]]]:
    """All parts in order, each with its rows; one that a disk lost since it was written is computed again."""
    batch, total = 0, n_batches(job, len(rows))
    while batch < total:
        part = parts.read(batch)
        if part is None:
            ((_, part),) = compute_batches(job, dataset, rows, [batch])
        start = batch * job.batch_size
        yield rows[start : start + len(part["values"])], part
        batch += n_batches(job, len(part["values"]))


def _assemble(
    job: Job,
    dataset: SequenceDataset,
    rows: NDArray[np.int64],
    parts: Parts,
    output: Path,
    fingerprint: Mapping[str, Any],
    force: bool,
) -> tuple[str, ...]:
    seconds, bad, lost, sums = 0.0, 0, 0, _Sums()
    extras: list[str] = []
    with whole_file(output, within=parts.folder, replace=force) as temporary, hdf5.create(temporary) as file:
        for mine, part in _stored(job, dataset, rows, parts):
            block = dataset.take(mine)
            extras = extra_names(part)
            columns = {name: getattr(block, name) for name in FIELDS if hasattr(block, name)}
            columns |= {name: part[name] for name in FIELDS if name in part}
            columns["index"] = mine
            if extras:
                columns["extras"] = np.stack([part[f"extra:{n}"] for n in extras], axis=1)
            _append(file, columns)
            seconds += float(part["seconds"].sum())
            bad += int((~np.isfinite(part["values"])).any(axis=(1, 2)).sum())
            lost += int((~np.isfinite(part["outputs"])).any(axis=1).sum())
            if job.spec.adds_up:
                sums.add(block, part)
        warnings = []
        if bad and job.spec.kind != "trace":
            warnings.append(f"{bad} of {len(rows)} sequences have values that are not finite numbers")
        if lost:
            warnings.append(f"outputs of {lost} of {len(rows)} sequences are NaN or infinite")
        additivity = sums.as_json() if job.spec.adds_up else None
        _describe(file, job, dataset, extras, seconds, fingerprint, warnings, additivity)
        stored = SequenceDataset.from_open_file(file)
        if fingerprint_of_data(stored, np.arange(len(rows)), rows)["sequences"] != fingerprint["sequences"]:
            raise _DataChanged("the data changed during the run, so no result was kept; run the same command again")
    return tuple(warnings)


def pattern_to_file(
    job: Job,
    output: Path,
    *,
    force: bool = False,
    on_start: Callable[[], None] = lambda: None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Run a job of kind pattern into a file. A finished file of the same run is left as it is, another's is refused."""
    check_file_can_be(output)  # before a minute's work
    fingerprint = fingerprint_of_run(job)
    if is_finished(output, fingerprint, force):
        with Explanation.open(output) as there:
            return Outcome(output, "skipped", len(there))
    on_start()
    found = compute_pattern(job, on_progress)
    n_bad = int((~np.isfinite(found.values)).any(axis=(1, 2)).sum())
    warnings = [f"{n_bad} of {len(found)} patterns have values that are not finite numbers"] if n_bad else []
    columns = {name: getattr(found, name, getattr(found.sequences, name, None)) for name in FIELDS}
    with whole_file(output, replace=force) as temporary, hdf5.create(temporary) as file:
        _append(file, columns)
        names, seconds = found.metadata["extras"], found.metadata["wall_seconds"]
        _describe(file, job, found.sequences, names, seconds, fingerprint, warnings, None)
    return Outcome(output, "written", len(found), tuple(warnings))


def _append(file: h5py.File, columns: Mapping[str, Any]) -> None:
    for name, column in columns.items():
        if column is None:
            continue
        if name not in file:
            hdf5.add_column(file, name, FIELDS[name], tuple(column.shape[1:]))
        hdf5.append(file[name], column)


def _describe(
    file: h5py.File,
    job: Job,
    dataset: SequenceDataset,
    extras: list[str],
    seconds: float,
    fingerprint: Mapping[str, Any],
    warnings: list[str],
    additivity: dict[str, float | None] | None,
) -> None:
    hdf5.describe(
        file,
        {
            "format": FORMAT,
            "version": VERSION,
            **describe_job(job),
            "alphabet": dataset.alphabet.name,
            "targets": list(dataset.targets),
            "chroms": list(dataset.chroms),
            "info": dataset.info,
            "extras": extras,
            "additivity": additivity,
            "fingerprint": fingerprint,
            "data_digest": fingerprint.get("sequences"),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "wall_seconds": round(seconds, 3),
            "libraries": {name: metadata.version(name) for name in _LIBRARIES} | _versions(job.spec.requires),
            "warnings": warnings,
        },
    )


def _versions(modules: tuple[str, ...]) -> dict[str, str]:
    """Versions of the distributions that bring what a plugin requires."""
    if not modules:
        return {}
    bring = metadata.packages_distributions()
    names = {name for module in modules for name in bring.get(module.partition(".")[0], ())}
    return {name: metadata.version(name) for name in sorted(names)}


class _Sums:
    """How far values are from adding up to target minus baseline."""

    def __init__(self) -> None:
        self.gaps: list[NDArray[np.float64]] = []

    def add(self, block: SequenceDataset, part: Mapping[str, NDArray[Any]]) -> None:
        x = block.alphabet.one_hot(block.codes)
        total = (part["values"].astype(np.float64) * x).sum(axis=(1, 2))
        self.gaps.append(np.abs(total - (part["target_values"].astype(np.float64) - part["baseline"])))

    def as_json(self) -> dict[str, float | None]:
        gaps = np.concatenate(self.gaps)
        largest, median = float(gaps.max()), float(np.median(gaps))
        return {
            "largest_gap": largest if np.isfinite(largest) else None,
            "median_gap": median if np.isfinite(median) else None,
        }


def _rows_of(dataset: SequenceDataset, ids: tuple[str, ...]) -> NDArray[np.int64]:
    wanted = {name: place for place, name in enumerate(ids)}
    found: dict[str, int] = {}
    for start in range(0, len(dataset), 8192):
        for row, name in enumerate(dataset.ids[start : start + 8192], start=start):
            if name in wanted:
                found[name] = row
    missing = [name for name in ids if name not in found]
    if missing:
        known = [str(n) for n in dataset.ids[:10]]
        raise UsageProblem(
            f"{len(missing)} of {len(ids)} ids are not in the data: {unknown_name('id', missing[0], known)}"
        )
    return np.array([found[name] for name in wanted], np.int64)


def _option_word(name: str, value: Any) -> str:
    """An option as a part of a file name: "simplex", "no-simplex", "steps-20", "widths-9_5_3"."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return flag if value else f"no-{flag}"
    return f"{flag}-{'_'.join(map(str, value)) if isinstance(value, list) else value}"


def _file_word(text: str) -> str:
    """A part of a file name from a name that may hold anything; different names stay different."""
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in text)[:60].strip("_")
    return safe if safe == text else f"{safe or 'x'}-{_short_digest(text)}"


def _short_digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
