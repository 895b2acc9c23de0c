"""Collect the records of a reader into blocks of a dataset: encoding, length, unique ids and groups."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.data.dataset import BLOCK, NO_SPLIT, SequenceDataset
from demo_core.data.interval_table import IntervalTable
from demo_core.data.record import SPLITS, Record, RecordBlock
from demo_core.data.splits import ImportSettings
from demo_core.errors import DemoError, UsageProblem, counted, printable, unknown_name
from demo_core.sequences.alphabets import Codes, IllegalLetter, fit_length
from demo_core.sequences.strand_free import number_equal, strand_free_keys
from demo_core.storage.limits import BLOCK_BYTES, ID_LENGTH, ROWS

_COLUMNS = ("codes", "labels", "ids", "intervals", "splits", "groups", "sites")


class Groups:
    """Assign group numbers. Sequences that are equal on either strand share a group, as do those that a reader groups.

    Groups that share a sequence are merged.
    """

    def __init__(self) -> None:
        self._keys: list[NDArray[np.uint64]] = [np.empty((0, 2), np.uint64)]
        self._names: dict[Hashable, int] = {}
        self._given: list[NDArray[np.int64]] = [np.empty(0, np.int64)]

    def add(self, keys: NDArray[np.uint64], names: Iterable[Hashable | None] | None) -> None:
        """Add sequences by their keys (n, 2) and the group names from the reader, None for an ungrouped sequence."""
        self._keys.append(keys)
        if names is None:
            self._given.append(np.full(len(keys), -1))
        else:
            known = self._names
            given = (-1 if name is None else known.setdefault(name, len(known)) for name in names)
            self._given.append(np.fromiter(given, np.int64, len(keys)))

    def numbers(self) -> NDArray[np.int64]:
        """Return the group of each sequence (N,), from 0, in order of first appearance."""
        equal, given = number_equal(np.concatenate(self._keys)), np.concatenate(self._given)
        if not self._names:
            return equal
        named = given >= 0
        lowest = np.arange(len(equal))  # the first row known to be in the same group
        while True:
            before = lowest
            for rows, groups in ((slice(None), equal), (named, given[named])):
                first = np.full(len(equal) + len(self._names), len(equal))
                np.minimum.at(first, groups, lowest[rows])
                lowest = lowest.copy()
                lowest[rows] = first[groups]
            lowest = lowest[lowest]
            if (lowest == before).all():
                return np.unique(lowest, return_inverse=True)[1].astype(np.int64)


@dataclass
class Collector:
    """Turn records and blocks of records into blocks of a dataset. Raises DemoError, naming the record."""

    targets: Callable[[], tuple[str, ...]]
    settings: ImportSettings
    source: str
    groups: Groups = field(default_factory=Groups)
    count: int = 0
    padded: int = 0
    cropped: int = 0
    sites_cut: int = 0
    renamed: int = 0
    length: int | None = None
    names: dict[str, int] = field(default_factory=dict)
    chroms: dict[str, int] = field(default_factory=dict)
    most: int = field(default_factory=lambda: ROWS.value)
    _now: list[Record] | RecordBlock = field(default_factory=list)

    def of(self, records: Iterable[Record | RecordBlock]) -> Iterator[SequenceDataset]:
        """Yield blocks, in the order of the records."""
        gathered: list[Record] = []
        held = 0
        for item in chain(records, (None,)):
            if isinstance(item, Record):
                gathered.append(item)
                held += len(item.sequence)
                if len(gathered) < BLOCK and held <= BLOCK_BYTES // 4:  # codes, sites and text of each base
                    continue
            if gathered:
                self._now = gathered
                yield self._dataset(self._of_records(gathered))
                gathered, held = [], 0
            if isinstance(item, RecordBlock):
                for start in range(0, len(item.codes), 2 * BLOCK):
                    columns: dict[str, Any] = {name: getattr(item, name) for name in _COLUMNS}
                    part = {name: c if c is None else c[start : start + 2 * BLOCK] for name, c in columns.items()}
                    self._now = RecordBlock(**part, where=item.where)
                    yield self._dataset(self._fitted(0, self._of_block(self._now)))

    def unique(self, names: list[str]) -> list[str]:
        """Make names unique: repeated ones get a number (NAME.2, NAME.3, ...)."""
        new = dict.fromkeys(names, 1)
        if len(new) == len(names) and self.names.keys().isdisjoint(names):
            self.names.update(new)
            return names
        return [self._unique(name) for name in names]

    def notes(self) -> list[str]:
        """Return what was changed, one line each."""
        said = []
        if self.renamed:
            said.append(f"{counted(self.renamed, 'repeated id')} numbered (NAME.2, NAME.3, ...)")
        if self.cropped:
            said.append(f"{counted(self.cropped, 'sequence')} cropped to {self.length} bases around the centre")
        if self.sites_cut:
            lost = counted(self.sites_cut, "sequence")
            said.append(f"{lost} lost a known site, or a part of it, by cropping; labels did not change")
        if self.padded:
            said.append(f"{counted(self.padded, 'sequence')} padded to {self.length} with unknown bases")
        return said

    def _unique(self, name: str) -> str:
        if name not in self.names:
            self.names[name] = 1
            return name
        self.renamed += 1
        while (numbered := f"{name}.{self.names[name] + 1}") in self.names:
            self.names[name] += 1
        self.names[name] += 1
        self.names[numbered] = 1
        return numbered

    def _of_records(self, records: list[Record]) -> RecordBlock:
        parts, start = [], 0
        table = IntervalTable.of([record.interval for record in records])
        for _, run in groupby(records, lambda record: len(record.sequence)):
            some = list(run)
            sites = self._marks(start, some) if any(record.sites is not None for record in some) else None
            block = RecordBlock(self._encoded(start, some), intervals=table[start : start + len(some)], sites=sites)
            parts.append(self._fitted(start, block))
            start += len(some)
        sites = None
        if any(part.sites is not None for part in parts):
            sites = np.concatenate([np.zeros_like(p.codes) if p.sites is None else p.sites for p in parts])
        return RecordBlock(
            codes=np.concatenate([part.codes for part in parts]),
            labels=self._labels(records),
            ids=[record.id for record in records],
            intervals=IntervalTable(
                table.chroms, np.concatenate([IntervalTable.of(part.intervals or ()).rows for part in parts])
            ),
            splits=[record.split for record in records],
            groups=[record.group for record in records],
            sites=sites,
        )

    def _encoded(self, start: int, records: list[Record]) -> Codes:
        alphabet = self.settings.alphabet
        try:
            return alphabet.encode("".join(record.sequence for record in records)).reshape(len(records), -1)
        except IllegalLetter:
            for row, record in enumerate(records, start):
                try:
                    alphabet.encode(record.sequence)
                except IllegalLetter as error:
                    raise self._bad(row, str(error)) from None
            raise

    def _labels(self, records: list[Record]) -> NDArray[np.float64]:
        n = len(self.targets())
        unknown = (np.nan,) * n
        for row, record in enumerate(records):
            if record.labels and len(record.labels) != n:
                raise self._bad(row, f"has {len(record.labels)} labels for {n} targets")
        return np.array([record.labels or unknown for record in records], np.float64).reshape(len(records), n)

    def _marks(self, start: int, records: list[Record]) -> NDArray[np.uint8]:
        marks = np.zeros((len(records), len(records[0].sequence)), np.uint8)
        for row, record in enumerate(records):
            if record.sites is None:
                continue
            if len(record.sites) != len(record.sequence) or record.sites.strip("01"):
                raise self._bad(start + row, "needs a site mark, 0 or 1, for each base")
            marks[row] = np.frombuffer(record.sites.encode("ascii"), np.uint8) - ord("0")
        return marks

    def _of_block(self, block: RecordBlock) -> RecordBlock:
        """Check the columns of a block that a reader made."""
        codes, n = np.asarray(block.codes), len(block.codes)
        try:
            self.settings.alphabet.check(codes)
        except UsageProblem as error:
            raise self._bad(0, f"is in an invalid block: {error}") from None
        labels = None if block.labels is None else np.asarray(block.labels, np.float64)
        shapes = {"labels": (n, len(self.targets())), "sites": codes.shape}
        for name in _COLUMNS[1:]:
            column = getattr(block, name)
            wanted = shapes.get(name, (n,))
            if column is not None and (np.shape(column) != wanted if name in shapes else len(column) != n):
                raise self._bad(0, f"is in a block whose {name} have shape {np.shape(column)}, not {wanted}")
        sites = None if block.sites is None else (np.asarray(block.sites) != 0).astype(np.uint8)
        return replace(block, codes=codes.astype(np.uint8, copy=False), labels=labels, sites=sites)

    def _fitted(self, start: int, block: RecordBlock) -> RecordBlock:
        """Crop or pad sequences of one length, with their sites and intervals."""
        n, length = block.codes.shape
        if not length:
            raise self._bad(start, "has no sequence")
        table = None if block.intervals is None else IntervalTable.of(block.intervals)
        if table is not None:
            spans = table.rows[:, 2] - table.rows[:, 1]
            if (wrong := (table.rows[:, 0] >= 0) & (spans != length)).any():
                row = int(wrong.argmax())
                raise self._bad(start + row, f"has {length} bases, but its interval has {spans[row]}")
        if self.length is None:
            self.length = self.settings.length or length
        if length == self.length:
            return replace(block, intervals=table)
        if self.settings.length is None:
            problem = f"has {length} bases, but the first record has {self.length}"
            way = f"--length {self.length} crops or pads all sequences"
            if not self.settings.assign:  # called by a command that reads files unchanged and has no such option
                way = f"make a dataset file with demo data import --length {self.length}"
            raise self._bad(start, f"{problem}: {way}")
        self.cropped += n * (length > self.length)
        self.padded += n * (length < self.length)
        codes, shift = fit_length(block.codes, self.length, self.settings.alphabet.unknown)
        sites = block.sites
        if sites is not None:
            kept = fit_length(sites, self.length, 0)[0]
            self.sites_cut += int((kept.sum(axis=1) < sites.sum(axis=1)).sum())
            sites = kept
        return replace(block, codes=codes, sites=sites, intervals=table and table.part(shift, self.length))

    def _dataset(self, block: RecordBlock) -> SequenceDataset:
        targets, n = self.targets(), len(block.codes)
        if not targets:
            raise DemoError(f"{self.source}: the reader names no target; a dataset needs at least one")
        if self.count + n > self.most:
            raise DemoError(f"{self.source}: {ROWS.exceeded()}")
        labels = np.full((n, len(targets)), np.nan, np.float32)
        if block.labels is not None:
            with np.errstate(over="ignore"):
                labels[:] = block.labels
            if (infinite := np.isinf(labels).any(axis=1)).any():
                problem = "has a label too large for a 32-bit float (beyond 3.4e38); rescale the labels"
                raise self._bad(int(infinite.argmax()), problem)
        keys = strand_free_keys(block.codes, self.settings.alphabet)
        named = block.groups is not None and any(group is not None for group in block.groups)
        self.groups.add(keys, block.groups if named else None)
        made = SequenceDataset(
            codes=block.codes,
            labels=labels,
            targets=targets,
            ids=np.array(self._named(block), dtype=object),
            group=np.zeros(n, np.int64),  # written when all records are known
            split=self._splits(block),
            alphabet=self.settings.alphabet,
            intervals=self._intervals(block),
            chroms=tuple(self.chroms),
            sites=block.sites,
        )
        self.count += n
        return made

    def _named(self, block: RecordBlock) -> list[str]:
        numbered = self._numbered(self.count + 1, self.count + len(block.codes))
        if block.ids is None and not self.names:  # generated names are unique
            return numbered
        if not self.names:
            self.unique(self._numbered(1, self.count))
        if block.ids is None:
            return self.unique(numbered)
        names = [str(name) for name in block.ids]
        joined = "".join(names)
        if "\0" in joined or not joined.isascii():
            names = [name.replace("\0", "").encode("utf-8", "replace").decode() for name in names]
        for row, name in enumerate(names):
            if len(name) > ID_LENGTH:
                raise DemoError(
                    f"{self.source}: record {self.count + row + 1} has an id of {len(name):,} characters, "
                    f"'{printable(name, 40)}'; {ID_LENGTH:,} are allowed; shorten it"
                )
        return self.unique([name or other for name, other in zip(names, numbered, strict=True)])

    @staticmethod
    def _numbered(first: int, last: int) -> list[str]:
        return [f"record-{i}" for i in range(first, last + 1)]

    def _splits(self, block: RecordBlock) -> NDArray[np.uint8]:
        if self.settings.split is not None:
            return np.full(len(block.codes), SPLITS.index(self.settings.split), np.uint8)
        split = np.full(len(block.codes), NO_SPLIT, np.uint8)
        for row, name in enumerate(() if block.splits is None else block.splits):
            if name is not None:
                if name not in SPLITS:
                    raise self._bad(row, unknown_name("split", name, SPLITS))
                split[row] = SPLITS.index(name)
        return split

    def _intervals(self, block: RecordBlock) -> NDArray[np.int64] | None:
        if block.intervals is None:
            return None
        rows = IntervalTable.of(block.intervals).numbered(self.chroms)
        return rows if (rows[:, 0] >= 0).any() else None

    def _bad(self, row: int, problem: str) -> DemoError:
        record: Any = self._now[row] if isinstance(self._now, list) else self._now
        name = record.id if isinstance(record, Record) else str(record.ids[row]) if record.ids is not None else ""
        named = f"record {self.count + row + 1}" + (f" '{printable(name, 60)}'" if name else "")
        place = f" ({record.where})" if record.where else ""
        return DemoError(f"{self.source}: {named}{place} {problem}")
