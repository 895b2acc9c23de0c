"""Sequences with labels, in memory or in an HDF5 file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from demo_core.data.interval_table import NO_INTERVAL, interval_of
from demo_core.data.record import SPLITS
from demo_core.errors import DemoError, UsageProblem, counted, unknown_name
from demo_core.sequences.alphabets import ALPHABETS, DNA, Alphabet
from demo_core.sequences.intervals import LIMIT, Interval
from demo_core.storage import hdf5
from demo_core.storage.hdf5 import Field
from demo_core.storage.hdf5_chunks import ChunkWriter
from demo_core.storage.hdf5_columns import Column, TextColumn, text_checksums_in
from demo_core.storage.limits import BLOCK_BYTES, rows_of

FORMAT = "demo-dataset"
VERSION = 1
#: Split code of a sequence without a split.
NO_SPLIT = 255
BLOCK = 8192
RowChoice: TypeAlias = Sequence[int] | NDArray[np.int64] | NDArray[np.bool_] | slice

FIELDS = {
    "codes": Field("uint8", 2),
    "labels": Field("float32", 2),
    "ids": Field("str", 1),
    "group": Field("int64", 1),
    "split": Field("uint8", 1),
    "intervals": Field("int64", 2, required=False),
    "sites": Field("uint8", 2, required=False),
}


@dataclass(repr=False, eq=False)
class SequenceDataset:
    """N sequences of one length L with labels for T targets.

    Parameters
    ----------
    codes
        (N, L) uint8, index of each letter in the alphabet; the alphabet's length for unknown letters and padding.
    labels
        (N, T) float32, NaN where unknown.
    targets
        T names.
    ids
        N unique strings.
    group
        (N,) int64; sequences of one group are always in the same split.
    split
        (N,) uint8: index into ``demo_core.data.record.SPLITS``, 255 for none.
    alphabet
        The letters that codes stand for.
    chroms
        Names of chromosomes, for ``intervals``.
    intervals
        (N, 4) int64: chromosome (index into ``chroms``, -1 for no interval), start, end, strand (1, -1 or 0).
    sites
        (N, L) uint8: 1 where a known binding site is.
    info
        Further metadata: source, chromosome sizes, digest of the genome.

    Examples
    --------
    >>> from demo_core.testing import tiny_dataset
    >>> data = tiny_dataset(24)
    >>> len(data), data.length, data.targets
    (24, 40, ('bound',))
    >>> data.take(data.rows_of_split("test")).labels[:, 0].mean().item()
    0.5
    """

    codes: Any
    labels: Any
    targets: tuple[str, ...]
    ids: Any
    group: Any
    split: Any
    alphabet: Alphabet = DNA
    intervals: Any = None
    chroms: tuple[str, ...] = ()
    sites: Any = None
    info: dict[str, Any] = field(default_factory=dict)
    _file: h5py.File | None = None

    def __post_init__(self) -> None:
        """Check arrays in memory; columns of a file are checked when they are read. Raises UsageProblem."""
        if not isinstance(self.codes, np.ndarray):
            return
        if self.codes.dtype != np.uint8 or self.codes.ndim != 2:
            raise UsageProblem(f"codes must be uint8 (N, L), not {self.codes.dtype} of shape {self.codes.shape}")
        self.alphabet.check(self.codes)
        n, length = self.codes.shape
        shapes = {"labels": (n, len(self.targets)), "ids": (n,), "group": (n,), "split": (n,)}
        shapes |= {"intervals": (n, 4), "sites": (n, length)}
        for name, shape in shapes.items():
            column = getattr(self, name)
            if np.shape(column) != shape and (column is not None or FIELDS[name].required):
                raise UsageProblem(f"{name} must have shape {shape}, as codes have {n} rows, not {np.shape(column)}")

    @classmethod
    def open(cls, path: str | Path) -> SequenceDataset:
        """Open a dataset file. Sequences stay on disk until they are sliced. Raises DemoError."""
        path = Path(path)
        file, meta = hdf5.open_checked(path, FORMAT, VERSION, FIELDS)
        try:
            return cls.from_file(file, meta)
        except (KeyError, TypeError, ValueError) as error:
            file.close()
            raise DemoError(f"{path} is refused: {error}") from None

    @classmethod
    def from_file(cls, file: h5py.File, meta: Mapping[str, Any]) -> SequenceDataset:
        """Read sequences from an open file that has the columns of a dataset. Raises ValueError."""
        if meta.get("alphabet") not in ALPHABETS:
            raise ValueError(unknown_name("alphabet", str(meta.get("alphabet")), ALPHABETS))
        targets, chroms = meta["targets"], meta.get("chroms", [])
        if not all(isinstance(n, str) for n in [*targets, *chroms]):
            raise ValueError("names of targets and chromosomes must be text")
        if len(targets) != file["labels"].shape[1] or len(set(targets)) != len(targets):
            raise ValueError("names of targets and columns of labels differ")
        if "sites" in file and file["sites"].shape != file["codes"].shape:
            raise ValueError("sites and codes differ in shape")
        if "intervals" in file and file["intervals"].shape[1] != 4:
            raise ValueError("intervals must have 4 columns")
        if not targets and "labels" in file:
            raise ValueError("it has no target")
        length, alphabet, n_chroms = file["codes"].shape[1], ALPHABETS[meta["alphabet"]], len(chroms)
        ids = TextColumn(file["ids"], text_checksums_in(meta, "ids", file["ids"].shape[0]))
        if "intervals" in file:
            for start in range(0, file["intervals"].shape[0], 1 << 16):
                some = Column(file["intervals"])[start : start + (1 << 16)]
                if (wrong := impossible_intervals(some, n_chroms, length)).any():
                    raise ValueError(f"row {start + int(np.argmax(wrong)) + 1} (1-based) has an invalid interval")
        forbidden: dict[str, tuple[str, Callable[[Any], Any]]] = {
            "codes": ("a letter that its alphabet does not have", lambda codes: codes > alphabet.unknown),
            "split": ("an unknown split", lambda split: (split >= len(SPLITS)) & (split != NO_SPLIT)),
            "intervals": ("an invalid interval", lambda found: impossible_intervals(found, n_chroms, length)),
        }
        columns = {name: Column(file[name]) for name in ("labels", "group", "sites") if name in file}
        columns |= {
            name: Column(file[name], ids=ids, problem=problem, forbidden=rule)
            for name, (problem, rule) in forbidden.items()
            if name in file
        }
        return cls(
            **columns,
            targets=tuple(targets),
            ids=ids,
            alphabet=alphabet,
            chroms=tuple(chroms),
            info=dict(meta.get("info", {})),
            _file=file,
        )

    def __len__(self) -> int:
        return int(self.codes.shape[0])

    def __repr__(self) -> str:
        if self._file is not None and not self._file:
            return "<SequenceDataset of a file that is closed>"
        said = f"{counted(len(self), 'sequence')} of {self.length} letters"
        return f"<SequenceDataset: {said}, targets {', '.join(self.targets)}>"

    @property
    def path(self) -> Path | None:
        """Path of the file; None in memory."""
        return Path(self._file.filename) if self._file else None

    @property
    def length(self) -> int:
        """Length L of the sequences, in bases."""
        return int(self.codes.shape[1])

    def __enter__(self) -> SequenceDataset:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def take(self, rows: RowChoice) -> SequenceDataset:
        """Read rows into memory, in the given order: row numbers, a slice, or a boolean mask (N,).

        Raises UsageProblem if a row does not exist.
        """
        index = row_numbers(rows, len(self))
        return SequenceDataset(
            codes=take_rows(self.codes, index),
            labels=take_rows(self.labels, index),
            targets=self.targets,
            ids=take_rows(self.ids, index),
            group=take_rows(self.group, index),
            split=take_rows(self.split, index),
            alphabet=self.alphabet,
            intervals=None if self.intervals is None else take_rows(self.intervals, index),
            chroms=self.chroms,
            sites=None if self.sites is None else take_rows(self.sites, index),
            info=self.info,
        )

    def rows_at_once(self) -> int:
        """Number of rows held in memory at a time."""
        return rows_of(self.length * (1 if self.sites is None else 2), BLOCK)

    def blocks(self, size: int | None = None) -> Iterator[SequenceDataset]:
        """Iterate over all rows in memory, ``size`` rows at a time (default: a few megabytes)."""
        size = size or self.rows_at_once()
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def rows_of_split(self, name: str) -> NDArray[np.int64]:
        """Return the rows of a split (``all`` for every row). Raises UsageProblem on an unknown name."""
        if name == "all":
            return np.arange(len(self))
        if name not in SPLITS:
            raise UsageProblem(unknown_name("split", name, [*SPLITS, "all"]))
        return np.flatnonzero(self.split[:] == SPLITS.index(name))

    def labels_of(self, target: str) -> NDArray[np.float64]:
        """Return the labels (N,) of a target; NaN where unknown, and for a target that the data do not label."""
        if target not in self.targets:
            return np.full(len(self), np.nan)
        return np.asarray(self.labels[:, self.targets.index(target)], np.float64)

    def interval(self, row: int) -> Interval | None:
        """Return the interval of a row, or None."""
        return None if self.intervals is None else interval_of(self.chroms, self.intervals[row])

    def digest(self) -> str:
        """SHA-256 of the content: alphabet, targets, and all columns."""
        content = hashlib.sha256()
        head = [self.alphabet.name, self.targets, self.chroms, self.length]
        content.update(json.dumps(head, ensure_ascii=False).encode())
        for block in self.blocks():
            for name in FIELDS:
                column = getattr(block, name)
                if column is None:
                    continue
                if name == "ids":
                    content.update("\0".join(column).encode("utf-8", "surrogatepass"))
                else:
                    content.update(np.ascontiguousarray(column).tobytes())
        return content.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write a dataset file. Nothing is left behind on failure. Raises UsageProblem if two rows have the same id."""
        from demo_core.storage.atomic_files import whole_file

        names, count = np.unique(self.ids[:], return_counts=True)
        if (count > 1).any():
            raise UsageProblem(f"ids must be unique; '{names[count.argmax()]}' occurs {count.max()} times")
        with whole_file(Path(path)) as temporary, DatasetWriter(temporary) as writer:
            for block in self.blocks():
                writer.append(block)


class DatasetWriter:
    """Write a dataset file block by block, to a temporary path (see ``demo_core.storage.whole_file``).

    All blocks must agree in length, targets and alphabet. Chromosome names may grow from block to block. Intervals and
    sites are written if a block has them; rows of other blocks then get no interval and no site.
    """

    def __init__(self, path: Path) -> None:
        self._output = hdf5.create(path)
        self._file = self._output.file
        self._chunks = ChunkWriter()
        self._last: SequenceDataset | None = None
        self.info: dict[str, Any] = {}

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        try:
            if kind is None:
                self._chunks.finish()
                self._describe()
        except BaseException:
            self._output.close(check=False)
            raise
        finally:
            self._chunks.close()
        self._output.close(check=kind is None)

    def append(self, block: SequenceDataset) -> None:
        """Append the rows of a block."""
        columns = {name: getattr(block, name) for name in FIELDS}
        written = self._file["codes"].shape[0] if self._last is not None else 0
        nothing: dict[str, NDArray[Any]] = {
            "intervals": np.array([NO_INTERVAL], np.int64),
            "sites": np.zeros((1, block.length), np.uint8),
        }
        for name, row in nothing.items():
            if columns[name] is None and name in self._file:
                columns[name] = row.repeat(len(block), axis=0)
            elif columns[name] is not None and name not in self._file:
                for start in range(0, written, BLOCK):
                    rows = row.repeat(min(BLOCK, written - start), axis=0)
                    hdf5.append_columns(self._file, FIELDS, {name: rows})
        hdf5.append_columns(self._file, FIELDS, columns, self._chunks)
        self._last = block

    def column(self, name: str) -> Any:
        """Return the part of a column that is written."""
        self._chunks.finish()
        return self._file[name]

    def rewrite(self, name: str, values: Any) -> None:
        """Replace a whole column that is known only at the end."""
        self._chunks.write(self.column(name), 0, values)

    def _describe(self) -> None:
        block = self._last
        if block is None:
            raise ValueError("a dataset needs at least one block")
        hdf5.describe(
            self._file,
            {
                "format": FORMAT,
                "version": VERSION,
                "alphabet": block.alphabet.name,
                "targets": list(block.targets),
                "chroms": list(block.chroms),
                "splits": list(SPLITS),
                "info": {**block.info, **self.info},
            },
        )


def impossible_intervals(intervals: NDArray[np.int64], n_chroms: int, length: int) -> NDArray[np.bool_]:
    """Return which rows (..., 4) of chromosome, start, end, strand are invalid for sequences of that length."""
    chrom, start, end, strand = np.moveaxis(intervals, -1, 0)
    wrong = (chrom < -1) | (chrom >= n_chroms) | (end < start) | (np.abs(strand) > 1)
    wrong |= (end >= LIMIT) | (start <= -LIMIT)
    return np.asarray(wrong | ((chrom >= 0) & (end - start != length)))


def row_numbers(rows: RowChoice, n: int) -> NDArray[np.int64]:
    """Return row numbers (k,) for row numbers, a slice, or a mask (n,). Raises UsageProblem if a row does not exist."""
    if isinstance(rows, slice):
        return np.arange(*rows.indices(n))
    index = np.asarray(rows)
    if index.dtype == bool and index.shape == (n,):
        return np.flatnonzero(index)
    if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
        raise UsageProblem(
            f"rows must be row numbers (k,) or a mask of {n} booleans, not {index.dtype} of shape {index.shape}"
        )
    if len(strange := index[(index < 0) | (index >= n)]):
        raise UsageProblem(f"row {strange[0]} does not exist; rows are 0 to {n - 1}")
    return index.astype(np.int64)


def take_rows(column: Any, index: NDArray[np.int64]) -> Any:
    """Read rows of an array or HDF5 dataset in the given order, by contiguous slices.

    Parameters
    ----------
    column
        An array or HDF5 dataset.
    index
        (k,) int64, row numbers in any order, possibly repeated.

    Returns
    -------
    ndarray
        The rows, in the order of ``index``.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.data import take_rows
    >>> take_rows(np.array([10, 11, 12, 13]), np.array([3, 0])).tolist()
    [13, 10]
    """
    if isinstance(column, np.ndarray):
        return column[index]
    if len(index) == 0:
        return column[:0]
    first, last = int(index.min()), int(index.max()) + 1
    row_bytes = 4 * int(np.prod(getattr(column, "shape", ())[1:]))
    if last - first <= BLOCK and (last - first) * row_bytes <= BLOCK_BYTES:
        return column[first:last][index - first]
    if last - first == len(index) and (len(index) == 1 or bool((np.diff(index) == 1).all())):
        return column[first:last]
    order = np.argsort(index, kind="stable")
    in_order = index[order]
    pieces = []
    size = rows_of(row_bytes, BLOCK)
    for start in range(first, last, size):
        low, high = np.searchsorted(in_order, [start, start + size])
        if low < high:
            pieces.append(column[start : start + size][in_order[low:high] - start])
    gathered = np.concatenate(pieces)
    result = np.empty_like(gathered)
    result[order] = gathered
    return result
