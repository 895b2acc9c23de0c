"""Sinks of a run: memory, or part files that become one explanation file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError
from demo_core.results.explanation import FIELDS, Explanation
from demo_core.results.provenance import Provenance
from demo_core.results.writer import write_explanation
from demo_core.running.compute import Part, joined
from demo_core.running.fingerprint import check_same, fingerprint_in, other_run
from demo_core.running.sources import Source, dataset_of
from demo_core.sequences.alphabets import alphabet_named
from demo_core.storage.atomic_files import check_file_can_be
from demo_core.storage.part_files import Parts

R = TypeVar("R")
Record = Callable[[], dict[str, Any]]
#: Size of a part file.
_PART_BYTES = 16 << 20
#: Parts are written once they hold this much memory, or this long after the first was computed.
_HELD_BYTES = 512 << 20
_HELD_SECONDS = 30.0


class DataChanged(DemoError):
    """The data changed during the run."""


@dataclass
class Begun(Generic[R]):
    """The state of a run when a sink opens.

    Parameters
    ----------
    batch_size
        Batch size; a resumed run keeps its first one.
    finished
        Result, if the run is already finished.
    done, names
        Numbers of finished batches, and names of their arrays.
    """

    batch_size: int
    finished: R | None = None
    done: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


class Sink(Protocol[R]):
    """Receive the batches of a run and make the result."""

    def opened(
        self, source: Source, fingerprint: Mapping[str, Any], batch_size: Callable[[], int]
    ) -> AbstractContextManager[Begun[R]]:
        """Start or resume a run. ``fingerprint`` is that of the job. ``batch_size()`` is called for a new run."""

    def add(self, batch: int, part: Part) -> None:
        """Keep a batch."""

    def read(self, batch: int) -> Part | None:
        """Return the part that begins with a batch; None if it is lost and must be computed again."""

    def finish(self, parts: Iterable[Part], record: Record) -> R:
        """Return the result of all parts, in order; ``record`` returns the provenance after the last one."""


class Memory:
    """Keep a run in memory; its result is an Explanation.

    Examples
    --------
    >>> from demo_core.plugins import Explainer, installed
    >>> from demo_core.running import Memory, Rows, make_job, run
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> job = make_job(installed().find(Explainer, "saliency"), tiny_model())
    >>> run(job, Rows(tiny_dataset(8)), Memory()).kind
    'attribution'
    """

    def __init__(self) -> None:
        self._parts: dict[int, Part] = {}

    def opened(
        self, source: Source, fingerprint: Mapping[str, Any], batch_size: Callable[[], int]
    ) -> AbstractContextManager[Begun[Explanation]]:
        """Start without batches."""
        return nullcontext(Begun(batch_size()))

    def add(self, batch: int, part: Part) -> None:
        """Keep a batch."""
        self._parts[batch] = part

    def read(self, batch: int) -> Part | None:
        """Each batch is a part."""
        return self._parts[batch]

    def finish(self, parts: Iterable[Part], record: Record) -> Explanation:
        """Join all parts into one explanation."""
        whole = joined([_as_columns(part) for part in parts])
        about = record()
        head = SequenceDataset(
            codes=None, labels=None, targets=tuple(about["targets"]), ids=None, group=None, split=None,
            alphabet=alphabet_named(about["alphabet"]), chroms=tuple(about["chroms"]), info=about["info"],
        )  # fmt: skip
        numbers = {
            name: whole.get(name) for name in ("index", "values", "outputs", "target_values", "baseline", "extras")
        }
        return Explanation(sequences=dataset_of(whole, head), **numbers, provenance=Provenance.parse(about))


@dataclass(frozen=True)
class Outcome:
    """Result of a run to a file; ``state`` is ``written``, ``continued`` (resumed) or ``skipped``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core.running import Outcome
    >>> Outcome(Path("cnn.saliency.h5"), "written", 8).sequences
    8
    """

    path: Path
    state: str
    sequences: int
    warnings: tuple[str, ...] = ()


class File:
    """Write a run to an explanation file.

    A finished file of the same run is skipped. An unfinished run is resumed within its batch boundaries. A file of
    another run raises a DemoError that names the difference, unless ``force``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.plugins import Explainer, installed
    >>> from demo_core.running import File, Rows, make_job, run
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> job = make_job(installed().find(Explainer, "saliency"), tiny_model())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run(job, Rows(tiny_dataset(8)), File(Path(folder) / "cnn.saliency.h5")).state
    'written'
    """

    def __init__(self, path: Path, *, force: bool = False) -> None:
        self.path, self.force = (path := Path(path)), force
        self._folder = path.with_name(path.name.removesuffix(".h5") + ".partial")
        self._state = "written"

    @contextmanager
    def opened(
        self, source: Source, fingerprint: Mapping[str, Any], batch_size: Callable[[], int]
    ) -> Iterator[Begun[Outcome]]:
        """Lock the part files and read the state. Raises DemoError if another process holds the lock."""
        check_file_can_be(self.path)
        here = {**fingerprint, **source.identity()}
        if (skipped := self._finished(source, fingerprint)) is not None:
            if self._folder.is_dir():  # a process was killed between the last two steps
                with suppress(DemoError), Parts.open(self._folder) as parts:  # unless another process does so
                    begun = parts.run()
                    if begun is None or begun.get("fingerprint") == here:
                        parts.remove()
            yield Begun(0, skipped)
            return
        with Parts.open(self._folder) as self._parts:
            # Another process may have finished it while this one waited for the lock
            if (skipped := self._finished(source, fingerprint)) is not None:
                self._parts.remove()
                yield Begun(0, skipped)
                return
            self._pending = _Pending(self._parts)
            try:
                yield self._begun(source, here, batch_size)
            except BaseException as error:
                with suppress(OSError, DemoError):  # the disk may be full
                    self._pending.write()
                # without finished parts, or with parts of other data, the folder would block the next run
                if not self._parts.finished() or isinstance(error, DataChanged):
                    self._parts.remove()
                raise
            self._parts.remove()

    def _begun(self, source: Source, here: Mapping[str, Any], batch_size: Callable[[], int]) -> Begun[Outcome]:
        begun = self._parts.run()
        if begun is not None and self.force and not (begun.get("force") and begun.get("fingerprint") == here):
            begun = None
        if begun is None:
            self._parts.begin({"fingerprint": here, "batch_size": (size := batch_size()), "force": self.force})
            return Begun(size)
        check_same(self._folder, begun["fingerprint"], here)
        self._state, size, done, names = "continued", int(begun["batch_size"]), set[int](), set[str]()
        for first in self._parts.finished():
            if (part := self.read(first)) is not None:
                if not source.holds(part):
                    raise other_run(self._folder, "sequences")
                names = set(part)
                done |= set(range(first, first + -(-len(part["values"]) // size)))
        return Begun(size, done=done, names=names)

    def add(self, batch: int, part: Part) -> None:
        """Hold a batch in memory until its part file is written. A short run writes no part files."""
        self._pending.add(batch, part)

    def read(self, batch: int) -> Part | None:
        """Return a part from memory, or read its file."""
        part = self._pending.batches.get(batch) or self._parts.read(batch)
        return part if part is not None and "codes" in part else None

    def finish(self, parts: Iterable[Part], record: Record) -> Outcome:
        """Write the file."""
        about: dict[str, Any] = {}
        n = 0

        def blocks() -> Iterator[Part]:
            nonlocal n
            for some in _of_a_size(parts):
                block = joined(some)
                n += len(block["values"])
                yield _as_columns(block)

        def recorded() -> dict[str, Any]:
            about.update(record())
            return about

        write_explanation(self.path, blocks(), recorded, replace=self.force, within=self._parts.folder)
        return Outcome(self.path, self._state, n, tuple(about["warnings"]))

    def _finished(self, source: Source, fingerprint: Mapping[str, Any]) -> Outcome | None:
        if self.force or not self.path.exists():
            return None
        there = fingerprint_in(self.path)
        known = {k: v for k, v in source.identity().items() if k in there}
        check_same(self.path, there, {**fingerprint, **known})  # comparisons that need no data
        check_same(self.path, there, {**fingerprint, **source.fingerprint()})
        with Explanation.open(self.path) as found:
            return Outcome(self.path, "skipped", len(found))


class _Pending:
    """Computed batches that are not written yet."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.batches: dict[int, Part] = {}
        self._held, self._since = 0, time.monotonic()

    def add(self, batch: int, part: Part) -> None:
        self.batches[batch] = part
        self._held += _bytes_of(part)
        if self._held >= _HELD_BYTES or time.monotonic() - self._since >= _HELD_SECONDS:
            self.write()

    def write(self) -> None:
        """Write all batches to part files of about ``_PART_BYTES``, each with consecutive batches."""
        some: list[int] = []
        size = 0
        for batch in [*self.batches]:
            if some and (batch != some[-1] + 1 or size >= _PART_BYTES):
                self._write(some)
                some, size = [], 0
            some.append(batch)
            size += _bytes_of(self.batches[batch])
        if some:
            self._write(some)
        self._held, self._since = 0, time.monotonic()

    def _write(self, batches: list[int]) -> None:
        self._parts.write(batches[0], joined([self.batches[batch] for batch in batches]))
        for batch in batches:
            del self.batches[batch]


def _of_a_size(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Group parts until each group reaches ``_PART_BYTES``."""
    some: list[Part] = []
    size = 0
    for part in parts:
        some.append(part)
        size += _bytes_of(part)
        if size >= _PART_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _bytes_of(part: Part) -> int:
    return sum(column.nbytes for column in part.values())


def extra_names(part: Part) -> list[str]:
    """Return the names of a part's extras."""
    return [n[len("extra:") :] for n in part if n.startswith("extra:")]


def _as_columns(part: Part) -> Part:
    """Return the columns of a file."""
    columns = {name: part[name] for name in FIELDS if name in part}
    if names := extra_names(part):
        columns["extras"] = np.stack([part[f"extra:{name}"] for name in names], axis=1)
    return columns
