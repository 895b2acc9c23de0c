"""What a run is of: rows of a dataset, read once and in order, or patterns, which are of no data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import UsageProblem
from demo_core.results.explanation import FIELDS
from demo_core.running.compute import Calculator, Part
from demo_core.running.job import Job
from demo_core.storage.limits import rows_of

Progress = Callable[[int, int], None]
#: Rows that are digested at a time, at most.
_BLOCK = 2048


class Source(Protocol):
    """What a run is of."""

    def check(self, job: Job) -> None:
        """Raise DemoError unless the job can run on it."""

    def n_batches(self, batch_size: int) -> int:
        """How many batches it makes."""

    def n_rows(self, batch: int, batch_size: int) -> int:
        """How many rows a batch has; 0 where that is not known before it is computed."""

    def compute(self, calculator: Calculator, batch: int, on_progress: Progress) -> Part:
        """One batch. Batch k holds rows k * batch_size and on, whichever batches were computed before."""

    def about(self, job: Job) -> dict[str, Any]:
        """Alphabet, targets, chromosomes and account of the sequences, for the record."""

    def identity(self) -> dict[str, Any]:
        """What tells it from another source, as far as no sequence has to be read for it."""

    def fingerprint(self) -> dict[str, Any]:
        """What tells it from another source; reads all sequences."""

    def digest(self) -> DataDigest | None:
        """For the same, from the sequences as they pass; None where there is no data."""

    def holds(self, part: Part) -> bool:
        """Whether the sequences of a part are still those of the source; reads them."""

    def changed(self, fingerprint: Mapping[str, Any]) -> bool:
        """Whether the data was edited since the source was made, so that it no longer has a fingerprint."""


class Rows:
    """Rows of a dataset, in the order given; left out, all of them."""

    def __init__(self, dataset: SequenceDataset, rows: NDArray[np.int64] | None = None) -> None:
        self.dataset, self._path = dataset, dataset.path
        self.rows = np.arange(len(dataset)) if rows is None else np.asarray(rows, np.int64)
        self._version = _version_of(self._path)

    def check(self, job: Job) -> None:
        """The model must be able to read the data, and there must be some."""
        job.model.check_data(self.dataset, "the data")
        if job.spec.kind == "pattern":
            raise UsageProblem(f"'{job.spec.name}' reads no sequences: leave them out")
        if not len(self.rows):
            raise UsageProblem("there are no sequences to explain")

    def n_batches(self, batch_size: int) -> int:
        """All but the last have ``batch_size`` rows."""
        return -(-len(self.rows) // batch_size)

    def n_rows(self, batch: int, batch_size: int) -> int:
        """Fewer in the last one."""
        return len(self.rows[batch * batch_size :][:batch_size])

    def compute(self, calculator: Calculator, batch: int, on_progress: Progress) -> Part:
        """Read the rows of a batch and explain them."""
        index = self.rows[batch * calculator.job.batch_size :][: calculator.job.batch_size]
        return calculator.sequences(batch, self.dataset.take(index), index)

    def about(self, job: Job) -> dict[str, Any]:
        """As the dataset says."""
        of = self.dataset
        return {"alphabet": of.alphabet.name, "targets": [*of.targets], "chroms": [*of.chroms], "info": of.info}

    def identity(self) -> dict[str, Any]:
        """Which rows, and how many."""
        chosen = hashlib.sha256(np.ascontiguousarray(self.rows).tobytes()).hexdigest()
        return {"number of sequences": len(self.rows), "choice of sequences": chosen}

    def fingerprint(self) -> dict[str, Any]:
        """The digest of all of them, and how many."""
        digest = self.digest()
        for start in range(0, len(self.rows), digest.size):
            rows = self.rows[start : start + digest.size]
            digest.add({**_columns(self.dataset.take(rows)), "index": rows})
        return digest.fingerprint()

    def digest(self) -> DataDigest:
        """Of as many sequences as are added."""
        return DataDigest(self.dataset)

    def holds(self, part: Part) -> bool:
        """Compare content."""
        there = dataset_of(_columns(self.dataset.take(part["index"])), self.dataset)
        return dataset_of(part, self.dataset).digest() == there.digest()

    def changed(self, fingerprint: Mapping[str, Any]) -> bool:
        """Read again only where its file has another time or size."""
        return self._version != _version_of(self._path) and self.fingerprint() != fingerprint


class Patterns:
    """Patterns: one batch of as many restarts as the explainer makes."""

    def check(self, job: Job) -> None:
        """Only explainers of kind pattern read no data."""
        if job.spec.kind != "pattern":
            raise UsageProblem(f"'{job.spec.name}' explains sequences: name a dataset")

    def n_batches(self, batch_size: int) -> int:
        """One."""
        return 1

    def n_rows(self, batch: int, batch_size: int) -> int:
        """Known once they are made."""
        return 0

    def compute(self, calculator: Calculator, batch: int, on_progress: Progress) -> Part:
        """Make them."""
        return calculator.patterns(on_progress)

    def about(self, job: Job) -> dict[str, Any]:
        """As the model has it."""
        targets = [o.name for o in job.model.outputs]
        return {"alphabet": job.model.alphabet.name, "targets": targets, "chroms": [], "info": {}}

    def identity(self) -> dict[str, Any]:
        """Nothing: the job says it all."""
        return {}

    def fingerprint(self) -> dict[str, Any]:
        """Nothing: the job says it all."""
        return {}

    def digest(self) -> None:
        """There is no data."""

    def holds(self, part: Part) -> bool:
        """They depend on no data."""
        return True

    def changed(self, fingerprint: Mapping[str, Any]) -> bool:
        """They depend on no data."""
        return False


class DataDigest:
    """SHA-256 of sequences with all that is known of them, and of their places in the data, block by block.

    Source: ``SequenceDataset.digest`` of each block of ``size`` rows, whatever pieces the rows come in.
    """

    def __init__(self, like: SequenceDataset) -> None:
        self.size = rows_of(2 * like.length, _BLOCK)  # of the length alone, since it is part of the digest
        self._like, self._content = like, hashlib.sha256()
        self._waiting: list[Mapping[str, Any]] = []
        self._held, self._places, self._n = 0, bytearray(), 0

    def add(self, columns: Mapping[str, Any]) -> None:
        """Add some rows."""
        self._places += np.ascontiguousarray(columns["index"], np.int64).tobytes()
        self._waiting.append({name: columns[name] for name in _DATA if columns.get(name) is not None})
        self._held += len(columns["index"])
        self._n += len(columns["index"])
        if self._held >= self.size:
            self._digest(self._held - self._held % self.size)

    def fingerprint(self) -> dict[str, Any]:
        """The digest of all rows, and their number; nothing can be added afterwards."""
        self._digest(self._held)
        self._content.update(self._places)
        return {"sequences": self._content.hexdigest(), "number of sequences": self._n}

    def _digest(self, rows: int) -> None:
        if not rows:
            return
        whole = {name: np.concatenate([block[name] for block in self._waiting]) for name in self._waiting[0]}
        for start in range(0, rows, self.size):
            some = {name: column[start : min(start + self.size, rows)] for name, column in whole.items()}
            self._content.update(dataset_of(some, self._like).digest().encode())
        self._waiting, self._held = [{name: column[rows:] for name, column in whole.items()}], self._held - rows


_DATA = tuple(name for name in FIELDS if name in SequenceDataset.__dataclass_fields__)


def dataset_of(columns: Mapping[str, Any], like: SequenceDataset) -> SequenceDataset:
    """Columns as a dataset in memory, with targets, alphabet and chromosomes of another."""
    given = {name: columns.get(name) for name in _DATA}
    return SequenceDataset(**given, targets=like.targets, alphabet=like.alphabet, chroms=like.chroms, info=like.info)


def _version_of(path: Path | None) -> object:
    """What changes when a file is written to."""
    if path is None or not path.exists():
        return None
    about = path.stat()
    return about.st_mtime_ns, about.st_size, about.st_ino


def _columns(block: SequenceDataset) -> dict[str, Any]:
    return {name: column for name in _DATA if (column := getattr(block, name)) is not None}
