"""Checks of readers, on files that the reader's class provides as an example."""

from __future__ import annotations

import gzip
import math
import re
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from demo_core.data.record import Record, RecordBlock
from demo_core.errors import DemoError
from demo_core.plugins.options import build
from demo_core.plugins.registry import Registered
from demo_core.plugins.specs import DatasetReader
from demo_core.sequences.alphabets import DNA
from demo_core.testing.check import Breach, DoesNotApply, expect, rule
from demo_core.testing.common import CommonChecks

_PLACE = re.compile(
    r"\b(line|row|record|entry|sequence|block|byte|offset|position|motif)s?\W{0,3}\d|\bafter \d", re.IGNORECASE
)
_FIELDS = ("id", "sequence", "labels", "interval", "split", "sites")


@dataclass(frozen=True)
class ReaderExample:
    r"""Files that a reader reads, and their expected records: the result of ``Reader.example()``.

    Parameters
    ----------
    file
        Name of the source file.
    content
        Its content.
    records
        Expected records; ``where`` is not compared.
    others
        Further files beside it: names and contents.
    options
        Options of the reader; a Path is a name in the same folder.
    malformed
        Contents of the source that must be refused, by the name of their fault.
    many
        Function that returns the content of a source of n records, to check that the reader streams.
    packed
        Whether the source may be compressed with gzip.

    Examples
    --------
    >>> from demo_core import Record
    >>> from demo_core.testing import ReaderExample
    >>> ReaderExample(file="peaks.fa", content=b">1\nACGT\n", records=(Record("", "ACGT", (1.0,)),)).file
    'peaks.fa'
    """

    file: str
    content: bytes
    records: Sequence[Record]
    others: Mapping[str, bytes] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    malformed: Mapping[str, bytes] = field(default_factory=dict)
    many: Callable[[int], bytes] | None = None
    packed: bool = True


class ReaderChecks(CommonChecks[DatasetReader]):
    """Checks of a reader. Most need an example, from the reader's class or given."""

    def __init__(
        self, registered: Registered[DatasetReader], options: Mapping[str, Any], example: ReaderExample | None
    ) -> None:
        super().__init__(registered)
        self.options = dict(options)
        self._example = example

    def example(self) -> ReaderExample:
        """Return the example files. Without them there is little to check."""
        if (found := self._known()) is None:
            raise DoesNotApply("its class has no example(), a ReaderExample: what it reads is not known")
        return found

    def _known(self) -> ReaderExample | None:
        found = self._example or getattr(self.registered.load(), "example", None)
        made: ReaderExample | None = found() if callable(found) else found
        return made

    @contextmanager
    def folder(self, content: bytes, name: str = "") -> Iterator[tuple[Any, Path]]:
        """Make a reader with its options, and a source with the given content in its own folder."""
        example = self._known()
        with tempfile.TemporaryDirectory(prefix="demo-check-") as made:
            folder = Path(made)
            suffix = self.spec.suffixes[0] if self.spec.suffixes else ".txt"
            source = folder / (name or (example.file if example else f"source{suffix}"))
            for other, text in (example.others if example else {}).items():
                (folder / other).write_bytes(text)
            source.write_bytes(content)
            given = {
                key: folder / value if isinstance(value, Path) else value
                for key, value in ({**example.options} if example else {}).items()
            }
            resolved: Any = build(self.spec.options, {**given, **self.options}, f"reader '{self.spec.name}'")
            yield self.registered.load()(resolved), source

    def records(self, content: bytes, name: str = "") -> list[Record]:
        """Return all records of a source with the given content."""
        with self.folder(content, name) as (reader, source):
            return list(_records(reader, source))

    def refused(self, content: bytes, what: str, *, place: bool = False) -> None:
        """Check that the source is refused by an error that names it, or a file beside it, and the place."""
        with self.folder(content) as (reader, source):
            files = [p.name for p in source.parent.iterdir()]
            try:
                found = sum(1 for _ in _records(reader, source))
            except DemoError as error:
                said = str(error)
            else:
                raise Breach(f"{what} gave {found} records and no error")
        said = said.replace(f"{source.parent}/", "")
        expect(any(name in said for name in files), f"the error on {what} does not name the file: {said}")
        if place:
            rest = said
            for name in files:
                rest = rest.replace(name, "")
            expect(_PLACE.search(rest), f"the error on {what} does not say where, such as 'line 3': {said}")

    @rule("an empty file raises an error that names it", "readers")
    def empty(self) -> None:
        """Check an empty file."""
        self.refused(b"", "an empty file")

    @rule("a truncated gzip file raises an error that names it", "readers")
    def truncated(self) -> None:
        """Check a file with only a header, and one half of the example."""
        self.refused(b"\x1f\x8b\x08\x00\x00", "a gzip file of five bytes")
        example = self._known()
        if example and example.packed:
            packed = gzip.compress(example.content)
            self.refused(packed[: len(packed) // 2], "half a gzip file")

    @rule("a missing file raises an error that names it", "readers")
    def missing(self) -> None:
        """Check a missing file."""
        with self.folder(b"") as (reader, source):
            source.unlink()
            try:
                list(_records(reader, source))
            except (DemoError, OSError) as error:
                said = str(error)
            else:
                raise Breach("no error")
        expect(source.name in said, f"an error that does not name it: {said}")

    @rule("the example's file has one of the suffixes of the spec", "readers")
    def suffix(self) -> None:
        """Choose a reader as ``demo data import`` does."""
        if not self.spec.suffixes:
            raise DoesNotApply("it has no suffixes, and is chosen by name")
        name = self.example().file.lower()
        expect(name.endswith(self.spec.suffixes), f"'{name}' ends in none of {', '.join(self.spec.suffixes)}")

    @rule("reading the example twice gives the expected records both times", "readers")
    def round_trip(self) -> None:
        """Compare every field except the place."""
        example = self.example()
        for _ in range(2):
            _same_records(self.records(example.content), example.records)

    @rule("a source may be compressed with gzip", "readers")
    def packed(self) -> None:
        """Compress the source under any name."""
        example = self.example()
        if not example.packed:
            raise DoesNotApply("the example says that its format is not compressed")
        _same_records(self.records(gzip.compress(example.content)), example.records)

    @rule(
        "each malformed source of the example raises an error that names the file and the place",
        "readers",
    )
    def malformed(self) -> None:
        """Check each malformed file of the example."""
        example = self.example()
        expect(example.malformed, "the example has nothing malformed to try")
        for what, content in example.malformed.items():
            self.refused(content, what, place=True)

    @rule("a dataset made from it has the same bases, labels, intervals, splits and sites", "readers")
    def imported(self) -> None:
        """Import the example as ``demo data import`` does."""
        from demo_core.data.dataset import SequenceDataset
        from demo_core.data.importing import AS_IS, import_records
        from demo_core.data.record import SPLITS

        example = self.example()
        if len({len(r.sequence) for r in example.records}) > 1:
            raise DoesNotApply("the example has sequences of several lengths, and a dataset has one")
        with self.folder(example.content) as (reader, source):
            targets = lambda: tuple(getattr(reader, "targets", ("bound",)))  # noqa: E731
            output = source.with_name("imported.h5")
            info = lambda: dict(getattr(reader, "info", {}))  # noqa: E731
            import_records(reader.read(source), output, targets, AS_IS, source.name, info=info)
            with SequenceDataset.open(output) as data:
                expect(len(data) == len(example.records), f"{len(data)} sequences, not {len(example.records)}")
                for row, record in enumerate(example.records):
                    wanted: list[tuple[str, object, object]] = [
                        ("bases", DNA.decode(data.codes[row]), record.sequence.upper()),
                        ("interval", data.interval(row), record.interval),
                    ]
                    if record.labels:
                        wanted.append(("labels", _rounded(data.labels[row]), _rounded(record.labels)))
                    if record.split:
                        wanted.append(("split", SPLITS[data.split[row]], record.split))
                    if record.sites is not None and data.sites is not None:
                        wanted.append(("sites", "".join(map(str, data.sites[row])), record.sites))
                    for what, found, given in wanted:
                        expect(found == given, f"{what} of '{record.id}' are {found!s:.60}, not {given!s:.60}")

    @rule("the reader streams: memory does not grow with the file", "readers")
    def streams(self) -> None:
        """Read three times as many records, and forget each at once."""
        many = self.example().many
        if many is None:
            raise DoesNotApply("the example has no many(n), which makes a longer source")
        peaks, sizes = [], []
        for n in (20_000, 60_000):
            content = many(n)
            sizes.append(len(content))
            with self.folder(content) as (reader, source):
                tracemalloc.start()
                try:
                    found = sum(1 for _ in _records(reader, source))
                    peaks.append(tracemalloc.get_traced_memory()[1])
                finally:
                    tracemalloc.stop()
            expect(found >= n, f"{found} records of a source that has {n}")
        more, longer = peaks[1] - peaks[0], sizes[1] - sizes[0]
        expect(more < longer / 2, f"{more:,} bytes more for a file that is {longer:,} bytes longer")


def _records(reader: Any, source: Path) -> Iterator[Record]:
    for found in reader.read(source):
        if isinstance(found, RecordBlock):
            yield from found.records(DNA)
        elif isinstance(found, Record):
            yield found
        else:
            raise Breach(f"read() yielded a {type(found).__name__}, not Record or RecordBlock")


def _same_records(found: Sequence[Record], wanted: Sequence[Record]) -> None:
    expect(len(found) == len(wanted), f"{len(found)} records, where the example has {len(wanted)}")
    expect(_parted(found) == _parted(wanted), "groups part the records otherwise than those of the example do")
    for number, (one, other) in enumerate(zip(found, wanted, strict=True), start=1):
        for name in _FIELDS:
            came, asked = getattr(one, name), getattr(other, name)
            if name == "labels":
                came, asked = _rounded(came), _rounded(asked)
            expect(came == asked, f"{name} of record {number} is {came!r:.80}, not {asked!r:.80}")


def _parted(records: Sequence[Record]) -> list[int]:
    """Return, for each record, the first of its group; the names of groups do not matter."""
    first: dict[object, int] = {}
    return [n if r.group is None else first.setdefault(r.group, n) for n, r in enumerate(records)]


def _rounded(labels: Any) -> list[float | str]:
    """Return labels to compare, in the dataset's precision. NaN equals NaN."""
    return ["nan" if math.isnan(v) else float(np.float32(v)) for v in labels]
