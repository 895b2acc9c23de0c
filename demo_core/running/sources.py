"""Sources of a run: rows of a dataset, which are read once, or patterns, which read no data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from demo_core.data.dataset import RowChoice, SequenceDataset, row_numbers
from demo_core.errors import UsageProblem
from demo_core.results.explanation import FIELDS
from demo_core.running.compute import Calculator, Part
from demo_core.running.job import Job
from demo_core.storage.limits import rows_of

Progress = Callable[[int, int], None]
#: Maximum number of rows digested at a time.
_BLOCK = 2048


class Source(Protocol):
    """Compute the batches of a run."""

    def check(self, job: Job) -> None:
        """Raise DemoError unless the job can run on this source."""

    def n_batches(self, batch_size: int) -> int:
        """Return the number of batches."""

    def n_rows(self, batch: int, batch_size: int) -> int:
        """Return the number of rows of a batch; 0 if it is known only after computing."""

    def compute(self, calculator: Calculator, batch: int, on_progress: Progress) -> Part:
        """Compute one batch. Batch k starts with row k * batch_size. ``on_progress(done, total)`` counts its rows."""

    def about(self, job: Job) -> dict[str, Any]:
        """Return alphabet, targets, chromosomes and source of the sequences, for the provenance."""

    def identity(self) -> dict[str, Any]:
        """Return the part of the fingerprint that needs no sequences."""

    def fingerprint(self) -> dict[str, Any]:
        """Return the fingerprint of the data; reads all sequences."""

    def digest(self) -> DataDigest | None:
        """Return a digest to which sequences are added as they are read; None without data."""

    def holds(self, part: Part) -> bool:
        """Return whether the source still has the sequences of a part; reads them."""

    def changed(self, fingerprint: Mapping[str, Any]) -> bool:
        """Return whether the data changed since the source was made."""


class Rows:
    """Rows of a dataset, in the given order, as for ``SequenceDataset.take``. Default: all rows.

    Examples
    --------
    >>> from demo_core.running import Rows
    >>> from demo_core.testing import tiny_dataset
    >>> Rows(tiny_dataset(8), [5, 2]).n_batches(batch_size=1)
    2
    """

    def __init__(self, dataset: SequenceDataset, rows: RowChoice | None = None) -> None:
        self.dataset, self._path = dataset, dataset.path
        self.rows = row_numbers(slice(None) if rows is None else rows, len(dataset))
        self._version = _version_of(self._path)
        #: Position in ``rows`` of the first row read ahead, and the rows read ahead
        self._ahead = 0, dataset.take([])

    def check(self, job: Job) -> None:
        """Raise unless the model accepts such data, and there is at least one sequence."""
        self._ahead = 0, self.dataset.take([])  # data in memory may have changed since an earlier run
        job.model.check_data(self.dataset, "the data")
        if job.spec.kind == "pattern":
            raise UsageProblem(f"'{job.spec.name}' reads no sequences; omit them")
        if not len(self.rows):
            raise UsageProblem("no sequences to explain; check --split, --limit and --ids")

    def n_batches(self, batch_size: int) -> int:
        """All batches except the last have ``batch_size`` rows."""
        return -(-len(self.rows) // batch_size)

    def n_rows(self, batch: int, batch_size: int) -> int:
        """The last batch may have fewer rows."""
        return len(self.rows[batch * batch_size :][:batch_size])

    def compute(self, calculator: Calculator, batch: int, on_progress: Progress) -> Part:
        """Read the rows of a batch and explain them."""
        start, size = batch * calculator.job.batch_size, calculator.job.batch_size
        index = self.rows[start : start + size]
        first, ahead = self._ahead
        if not first <= start <= start + len(index) <= first + len(ahead):  # one large read is faster than many
            first, ahead = start, self.dataset.take(self.rows[start : start + max(size, self.dataset.rows_at_once())])
            self._ahead = first, ahead
        block = ahead.take(slice(start - first, start - first + len(index)))
        return calculator.sequences(batch, block, index, lambda rows: on_progress(int(rows), len(index)))

    def about(self, job: Job) -> dict[str, Any]:
        """Return the metadata of the dataset."""
        of = self.dataset
        return {"alphabet": of.alphabet.name, "targets": [*of.targets], "chroms": [*of.chroms], "info": of.info}

    def identity(self) -> dict[str, Any]:
        """Return number and digest of the row numbers."""
        chosen = hashlib.sha256(np.ascontiguousarray(self.rows).tobytes()).hexdigest()
        return {"number of sequences": len(self.rows), "choice of sequences": chosen}

    def fingerprint(self) -> dict[str, Any]:
        """Return number and digest of the sequences."""
        digest = self.digest()
        for start in range(0, len(self.rows), digest.size):
            rows = self.rows[start : start + digest.size]
            digest.add({**_columns(self.dataset.take(rows)), "index": rows})
        return digest.fingerprint()

    def digest(self) -> DataDigest:
        """Start a digest of sequences of this dataset."""
        return DataDigest(self.dataset)

    def holds(self, part: Part) -> bool:
        """Compare the digests of a part and of the same rows."""
        there = dataset_of(_columns(self.dataset.take(part["index"])), self.dataset)
        return dataset_of(part, self.dataset).digest() == there.digest()

    def changed(self, fingerprint: Mapping[str, Any]) -> bool:
        """Read the data again only if its file has another modification time or size."""
        return self._version != _version_of(self._path) and self.fingerprint() != fingerprint


class Patterns:
    """One batch with all restarts of a pattern explainer.

    Examples
    --------
    >>> from demo_core.running import Patterns
    >>> Patterns().n_batches(batch_size=64)
    1
    """

    def check(self, job: Job) -> None:
        """Raise unless the explainer is of kind pattern."""
        if job.spec.kind != "pattern":
            raise UsageProblem(f"'{job.spec.name}' explains sequences; give a dataset")

    def n_batches(self, batch_size: int) -> int:
        """One."""
        return 1

    def n_rows(self, batch: int, batch_size: int) -> int:
        """Unknown before the run."""
        return 0

    def compute(self, calculator: Calculator, batch: int, on_progress: Progress) -> Part:
        """Run the explainer."""
        return calculator.patterns(on_progress)

    def about(self, job: Job) -> dict[str, Any]:
        """Return the metadata of the model."""
        targets = [o.name for o in job.model.outputs]
        return {"alphabet": job.model.alphabet.name, "targets": targets, "chroms": [], "info": {}}

    def identity(self) -> dict[str, Any]:
        """Empty: the job decides everything."""
        return {}

    def fingerprint(self) -> dict[str, Any]:
        """Empty: the job decides everything."""
        return {}

    def digest(self) -> None:
        """None: patterns have no data."""

    def holds(self, part: Part) -> bool:
        """Patterns depend on no data."""
        return True

    def changed(self, fingerprint: Mapping[str, Any]) -> bool:
        """Patterns depend on no data."""
        return False


class DataDigest:
    """SHA-256 of sequences, their labels and their row numbers, computed block by block.

    The digest does not depend on the sizes of the pieces that are added.
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
        """Finish: return the digest of all rows, and their number."""
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
    """Return columns as a dataset in memory, with targets, alphabet and chromosomes of another."""
    given = {name: columns.get(name) for name in _DATA}
    return SequenceDataset(**given, targets=like.targets, alphabet=like.alphabet, chroms=like.chroms, info=like.info)


def _version_of(path: Path | None) -> object:
    """Return modification time, size and inode of a file."""
    if path is None or not path.exists():
        return None
    about = path.stat()
    return about.st_mtime_ns, about.st_size, about.st_ino


def _columns(block: SequenceDataset) -> dict[str, Any]:
    return {name: column for name in _DATA if (column := getattr(block, name)) is not None}
