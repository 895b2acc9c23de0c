"""Import records of a reader into a dataset file: encoding, unique ids, splits and negatives, in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.data.dataset import BLOCK, NO_SPLIT, DatasetWriter, SequenceDataset, take_rows
from demo_core.data.record import SPLITS, Record, RecordBlock
from demo_core.data.splits import ImportSettings, assign_splits
from demo_core.errors import DemoError, counted, printable, unknown_name
from demo_core.sequences.alphabets import IllegalLetter, fit_length, strand_free_keys
from demo_core.sequences.shuffling import dinucleotide_shuffle, shuffle
from demo_core.storage.atomic_files import whole_file
from demo_core.storage.hdf5_columns import TextColumn
from demo_core.storage.limits import BLOCK_BYTES, ID_LENGTH, ROWS, rows_of

#: Settings that keep every record unchanged, for explaining a sequence file directly.
AS_IS = ImportSettings(negatives="none", validation=0, test=0, assign=False)


def import_records(
    records: Iterable[Record | RecordBlock],
    output: Path,
    targets: Callable[[], tuple[str, ...]],
    settings: ImportSettings,
    source: str,
    reader: Mapping[str, Any] | None = None,
    info: Callable[[], Mapping[str, Any]] = dict,
    replace: bool = True,
) -> list[str]:
    """Write a dataset file from records. Nothing is left behind on failure.

    Parameters
    ----------
    records
        Records or blocks of them, in the order of the file.
    output
        Dataset file to write.
    targets
        Names of the targets; requested after the first record was read.
    settings
        Negatives, splits and length.
    source
        Source of the records, for messages and for the metadata.
    reader
        Name and options of the reader, for the metadata.
    info
        Further metadata of the reader, such as the genome; requested after the last record was read.
    replace
        Whether an existing file may be replaced.

    Returns
    -------
    The decisions made, one line each.

    Raises
    ------
    DemoError
        If there is no record, lengths differ, a letter is invalid or labels do not fit. The message names the record.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core import SequenceDataset
    >>> from demo_core.data import ImportSettings, import_records
    >>> from demo_core.testing import planted_records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "peaks.h5"
    ...     notes = import_records(planted_records(40), path, lambda: ("bound",), ImportSettings(), "example")
    ...     with SequenceDataset.open(path) as data:
    ...         len(data)
    40
    """
    random = np.random.default_rng(settings.seed)
    notes: list[str] = []
    with whole_file(output, replace=replace) as temporary, DatasetWriter(temporary) as writer:
        blocks = _Blocks(targets, settings, source)
        for block in blocks.of(records):
            writer.append(block)
        if not blocks.count:
            raise DemoError(f"{source}: contains no sequence; check the file and the reader")
        notes += blocks.notes()
        split = writer.column("split")[:]
        group = np.array([blocks.root(int(g)) for g in writer.column("group")[:]], np.int64)
        writer.rewrite("group", group)
        if _labelled(writer):
            notes += assign_splits(split, group, settings, random)
        elif settings.assign and settings.split is None and (split == NO_SPLIT).any():
            notes.append("no sequence has a label, so no splits were assigned")
        writer.rewrite("split", split)
        notes += _add_negatives(writer, blocks, split, settings, random)
        # Write both columns from the first block on, since any later record may be the first to use them
        if not blocks.has_intervals:
            writer.drop("intervals")
        if not blocks.has_sites:
            writer.drop("sites")
        writer.info = {**info(), "source": source, "negatives": settings.negatives, "seed": settings.seed}
        if reader:
            writer.info["reader"] = dict(reader)
    return notes


@dataclass
class _Blocks:
    """Collect records into blocks and check each record."""

    targets: Callable[[], tuple[str, ...]]
    settings: ImportSettings
    source: str
    count: int = 0
    padded: int = 0
    cropped: int = 0
    sites_cut: int = 0
    renamed: int = 0
    length: int | None = None
    names: dict[str, int] = field(default_factory=dict)
    groups: dict[Hashable, int] = field(default_factory=dict)
    linked: list[int] = field(default_factory=list)
    chroms: dict[str, int] = field(default_factory=dict)
    has_intervals: bool = False
    has_sites: bool = False
    most: int = field(default_factory=lambda: ROWS.value)

    def of(self, records: Iterable[Record | RecordBlock]) -> Iterator[SequenceDataset]:
        gathered: list[Record] = []
        held = 0
        for item in records:
            for record in item.records(self.settings.alphabet) if isinstance(item, RecordBlock) else (item,):
                gathered.append(record)
                held += len(record.sequence)
                if len(gathered) == BLOCK or held > BLOCK_BYTES // 4:  # codes, sites and text of each base
                    yield self._block(gathered)
                    gathered, held = [], 0
        if gathered:
            yield self._block(gathered)

    def unique(self, name: str) -> str:
        """Return the name, with a number added if it is taken."""
        name = name.replace("\0", "").encode("utf-8", "replace").decode() or f"record-{self.count}"
        if len(name) > ID_LENGTH:
            raise DemoError(
                f"{self.source}: record {self.count} has an id of {len(name):,} characters, '{printable(name, 40)}'; "
                f"{ID_LENGTH:,} are allowed; shorten it"
            )
        if name not in self.names:
            self.names[name] = 1
            return name
        self.renamed += 1
        while (numbered := f"{name}.{self.names[name] + 1}") in self.names:
            self.names[name] += 1
        self.names[name] += 1
        self.names[numbered] = 1
        return numbered

    def notes(self) -> list[str]:
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

    def _block(self, records: list[Record]) -> SequenceDataset:
        self.has_intervals |= any(r.interval for r in records)
        self.has_sites |= any(r.sites is not None for r in records)
        targets = self.targets()
        if not targets:
            raise DemoError(f"{self.source}: the reader names no target; a dataset needs at least one")
        n = len(records)
        codes, sites, ids = [], [], []
        labels = np.full((n, len(targets)), np.nan, np.float32)
        intervals = np.tile(np.array([-1, 0, 0, 0], np.int64), (n, 1))
        split = np.full(n, NO_SPLIT, np.uint8)
        for row, record in enumerate(records):
            self.count += 1
            if self.count > self.most:
                raise DemoError(f"{self.source}: {ROWS.exceeded()}")
            one, shift = self._codes(record)
            codes.append(one)
            sites.append(self._sites(record, shift))
            ids.append(self.unique(record.id))
            if record.labels:
                if len(record.labels) != len(targets):
                    raise self._bad(record, f"has {len(record.labels)} labels for {len(targets)} targets")
                with np.errstate(over="ignore"):
                    labels[row] = record.labels
                if np.isinf(labels[row]).any():
                    raise self._bad(
                        record, "has a label too large for a 32-bit float (beyond 3.4e38); rescale the labels"
                    )
            if record.interval is not None:
                part = record.interval.part(shift, len(one))
                chrom = self.chroms.setdefault(part.chrom, len(self.chroms))
                intervals[row] = chrom, part.start, part.end, {"+": 1, "-": -1, ".": 0}[part.strand]
            name = self.settings.split or record.split
            if name is not None:
                if name not in SPLITS:
                    raise self._bad(record, unknown_name("split", name, SPLITS))
                split[row] = SPLITS.index(name)
        stacked = np.stack(codes)
        return SequenceDataset(
            codes=stacked,
            labels=labels,
            targets=targets,
            ids=np.array(ids, dtype=object),
            group=self._groups(records, stacked),
            split=split,
            alphabet=self.settings.alphabet,
            intervals=intervals,
            chroms=tuple(self.chroms),
            sites=np.stack(sites),
        )

    def _codes(self, record: Record) -> tuple[NDArray[np.uint8], int]:
        alphabet = self.settings.alphabet
        try:
            codes = alphabet.encode(record.sequence)
        except IllegalLetter as error:
            raise self._bad(record, str(error)) from None
        if not len(codes):
            raise self._bad(record, "has no sequence")
        if record.interval is not None and len(record.interval) != len(codes):
            raise self._bad(record, f"has {len(codes)} bases, but its interval has {len(record.interval)}")
        if self.length is None:
            self.length = self.settings.length or len(codes)
        if len(codes) == self.length:
            return codes, 0
        if self.settings.length is None:
            problem = f"has {len(codes)} bases, but the first record has {self.length}"
            way = f"--length {self.length} crops or pads all sequences"
            if not self.settings.assign:  # called by a command that reads files unchanged and has no such option
                way = f"make a dataset file with demo data import --length {self.length}"
            raise self._bad(record, f"{problem}: {way}")
        self.cropped += len(codes) > self.length
        self.padded += len(codes) < self.length
        return fit_length(codes, self.length, alphabet.unknown)

    def _sites(self, record: Record, shift: int) -> NDArray[np.uint8]:
        assert self.length is not None
        if record.sites is None:
            return np.zeros(self.length, np.uint8)
        if len(record.sites) != len(record.sequence) or record.sites.strip("01"):
            raise self._bad(record, "needs a site mark, 0 or 1, for each base")
        marks = np.frombuffer(record.sites.encode("ascii"), np.uint8) - ord("0")
        kept = fit_length(marks, self.length, 0)[0]
        self.sites_cut += int(kept.sum()) < int(marks.sum())
        return kept

    def _groups(self, records: list[Record], codes: NDArray[np.uint8]) -> NDArray[np.int64]:
        # Sequences that are equal on either strand are in one group, and so are records that their reader groups.
        # Sequences linked in either way must be in the same split.
        keys = strand_free_keys(codes, self.settings.alphabet)
        found = np.empty(len(records), np.int64)
        for row, (record, key) in enumerate(zip(records, keys, strict=True)):
            found[row] = self._group_of(hashlib.blake2b(key, digest_size=16).digest())
            if record.group is not None:
                self._link(int(found[row]), self._group_of(("given", record.group)))
        return found

    def _group_of(self, name: Hashable) -> int:
        number = self.groups.setdefault(name, len(self.groups))
        if number == len(self.linked):
            self.linked.append(number)
        return number

    def _link(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        self.linked[max(one, other)] = min(one, other)

    def root(self, group: int) -> int:
        """Return the representative of all groups linked to this one."""
        while self.linked[group] != group:
            self.linked[group] = self.linked[self.linked[group]]
            group = self.linked[group]
        return group

    def _bad(self, record: Record, problem: str) -> DemoError:
        name = f"record {self.count}" + (f" '{printable(record.id, 60)}'" if record.id else "")
        place = f" ({record.where})" if record.where else ""
        return DemoError(f"{self.source}: {name}{place} {problem}")


def _labelled(writer: DatasetWriter) -> bool:
    """Return whether any sequence has a label."""
    labels = writer.column("labels")
    return any(not np.isnan(labels[start : start + BLOCK]).all() for start in range(0, len(labels), BLOCK))


def _add_negatives(
    writer: DatasetWriter,
    blocks: _Blocks,
    split: NDArray[np.uint8],
    settings: ImportSettings,
    random: np.random.Generator,
) -> list[str]:
    """Append a shuffle of each positive of every split that has positives and no negatives."""
    labels = writer.column("labels")[:]
    known = ~np.isnan(labels)
    positive = np.any(np.where(known, labels, 0) > 0, axis=1)
    negative = np.any(known, axis=1) & ~positive
    wanting = [
        code for code in range(len(SPLITS)) if positive[split == code].any() and not negative[split == code].any()
    ]
    if settings.negatives == "none":
        return []
    if not wanting:
        return []
    if not np.isin(labels[known], (0, 1)).all():
        return ["no negatives were added: the labels are not 0 and 1"]
    method = dinucleotide_shuffle if settings.negatives == "dinucleotide" else shuffle
    word = "dinucleotide-preserving shuffle" if settings.negatives == "dinucleotide" else "shuffle"
    notes = []
    for code in wanting:
        rows = np.flatnonzero(positive & (split == code))
        same = 0
        size = rows_of(4 * writer.column("codes").shape[1], BLOCK)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            shuffled, unchanged = _shuffled(writer, part, blocks, settings, method, random)
            writer.append(shuffled)
            same += unchanged
        notes.append(f"{SPLITS[code]}: {counted(len(rows), 'positive')}, no negatives; added a {word} of each")
        if same:
            notes.append(
                f"{SPLITS[code]}: no negative for {counted(same, 'positive')} whose shuffles equal the original"
            )
    return notes


def _shuffled(
    writer: DatasetWriter,
    rows: NDArray[np.int64],
    blocks: _Blocks,
    settings: ImportSettings,
    method: Callable[..., NDArray[np.uint8]],
    random: np.random.Generator,
) -> tuple[SequenceDataset, int]:
    """Return shuffles of some rows, without those equal to their original, and the number of the latter."""
    codes = take_rows(writer.column("codes"), rows)
    shuffled = method(codes, random, settings.alphabet.unknown)
    changed = (shuffled != codes).any(axis=1)
    rows, shuffled = rows[changed], shuffled[changed]
    labels = take_rows(writer.column("labels"), rows)
    names = take_rows(TextColumn(writer.column("ids")), rows)
    block = SequenceDataset(
        codes=shuffled,
        labels=np.where(np.isnan(labels), np.nan, 0).astype(np.float32),
        targets=blocks.targets(),
        ids=np.array([blocks.unique(f"{name}.shuffled") for name in names], dtype=object),
        group=take_rows(writer.column("group"), rows),
        split=take_rows(writer.column("split"), rows),
        alphabet=settings.alphabet,
        intervals=np.tile(np.array([-1, 0, 0, 0], np.int64), (len(rows), 1)),
        chroms=tuple(blocks.chroms),
        sites=np.zeros_like(shuffled),
    )
    return block, int((~changed).sum())
