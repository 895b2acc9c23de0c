"""Columns of an open HDF5 file, read by slices and checked."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from demo_core.errors import DemoError, UsageProblem, one_line, printable

_log = logging.getLogger(__name__)
#: Entry of the metadata with a CRC-32 for each page of each column of strings of variable length
CHECKSUMS = "text_checksums"
PAGE = 256


class Column:
    """A dataset of an open file, read by slices.

    Parameters
    ----------
    dataset
        The dataset of the open file.
    forbidden, problem
        Function that marks forbidden values (n, ...), and the problem to report.
    ids
        Names of the rows, for the message.
    said
        If given, infinite values are read as NaN (missing). This is logged once for all columns that share ``said``.

    Raises
    ------
    DemoError
        Naming the file, if it is damaged or holds forbidden values.

    Examples
    --------
    >>> import tempfile
    >>> import h5py
    >>> from demo_core.storage import Column
    >>> with tempfile.TemporaryFile() as stream, h5py.File(stream, "w") as file:
    ...     Column(file.create_dataset("values", data=[0.5, 1.5]))[:].tolist()
    [0.5, 1.5]
    """

    def __init__(
        self, dataset: h5py.Dataset, said: set[str] | None = None, *, ids: TextColumn | None = None, problem: str = "",
        forbidden: Callable[[NDArray[Any]], NDArray[np.bool_]] | None = None,
    ) -> None:  # fmt: skip
        self._dataset, self._said, self._ids = dataset, said, ids
        self._forbidden, self._problem = forbidden, problem
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype, self.ndim, self.size = dataset.dtype, dataset.ndim, dataset.size

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        """Whether the file is open, as in h5py."""
        return bool(self._dataset)

    def __getitem__(self, key: Any) -> Any:
        if not self._dataset:
            raise UsageProblem("the file is closed; open it again, or read the data inside the with statement")
        rows, *inner = key if isinstance(key, tuple) else (key,)
        with reading(self._dataset):
            found = self._dataset[rows if self._forbidden else key]
        if self._forbidden is not None:  # on whole rows
            self._check(rows, self._forbidden(found))
            if inner:
                found = found[(*inner,)] if isinstance(rows, int | np.integer) else found[(slice(None), *inner)]
        if self._said is None or not np.isinf(found).any():
            return found
        if (name := printable(self._dataset.file.filename)) not in self._said:
            self._said.add(name)
            _log.warning("%s contains infinite values, which are read as NaN (missing)", name)
        return np.where(np.isinf(found), found.dtype.type(np.nan), found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self[:], dtype)

    def _check(self, key: Any, wrong: NDArray[np.bool_]) -> None:
        if not wrong.any():
            return
        rows = np.atleast_1d(np.arange(len(self))[key])
        row = int(rows[np.argmax(wrong.reshape(len(rows), -1).any(axis=1))])
        whose = printable(self._ids[row], 60) if self._ids is not None else f"row {row + 1} (1-based)"
        raise DemoError(f"{self._dataset.file.filename} is damaged: {whose} has {self._problem}")


class TextColumn:
    """A column of strings of an HDF5 file, read a few at a time.

    HDF5 stores strings apart from the dataset, and many rows may share one, so a small file could expand to any size in
    memory. Their total size is therefore limited. Raises DemoError for text that is too long or not UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> import h5py
    >>> from demo_core.storage import TextColumn
    >>> with tempfile.TemporaryFile() as stream, h5py.File(stream, "w") as file:
    ...     names = file.create_dataset("ids", data=["a", "b"], dtype=h5py.string_dtype())
    ...     list(TextColumn(names)[:])
    ['a', 'b']
    """

    _MOST_BYTES = 16 << 20

    def __init__(self, dataset: h5py.Dataset, checksums: Sequence[int] | None = None) -> None:
        self._dataset = dataset
        self._checksums = checksums
        fixed = h5py.check_string_dtype(dataset.dtype).length
        self._at_once = PAGE if fixed is None else max(1, self._MOST_BYTES // fixed)

    def __len__(self) -> int:
        return int(self._dataset.shape[0])

    def __getitem__(self, key: int | slice) -> Any:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            first = start - start % (1 if self._checksums is None else PAGE)
            found = [self._rows(i, stop) for i in range(first, stop, self._at_once)]
            return np.concatenate(found)[start - first : stop - first : step] if found else np.array([], dtype=object)
        row = range(len(self))[key]
        return self[row : row + 1][0]

    def _rows(self, start: int, stop: int) -> NDArray[np.object_]:
        """Read at most ``_at_once`` rows from ``start`` on; whole pages if the column has checksums."""
        name = printable(self._dataset.file.filename)
        end = start + self._at_once
        with reading(self._dataset):
            raw = self._dataset[start : end if self._checksums is not None else min(end, stop)]
        if self._at_once == PAGE and sum(map(len, raw)) > self._MOST_BYTES:
            raise DemoError(f"{name} is refused: its ids are too long, from row {start + 1} on")
        if self._checksums is not None and self._checksums[start // PAGE] != _checksum(raw):
            raise DemoError(
                f"{name} is damaged: checksum mismatch in ids from row {start + 1} (1-based); copy the file again"
            )
        if b"\0" in b"".join(raw.tolist()):
            raise DemoError(f"{name} is refused: an id after row {start} has a NUL character")
        try:
            return np.array([text.decode("utf-8") for text in raw.tolist()], dtype=object)
        except UnicodeDecodeError:
            raise DemoError(f"{name} is damaged: an id after row {start} is not text") from None


def text_checksums(dataset: h5py.Dataset) -> list[int]:
    """Return the CRC-32 of each page of strings of variable length, which HDF5's own checksums do not cover."""
    pages = (dataset[start : start + PAGE] for start in range(0, dataset.shape[0], PAGE))
    return [_checksum(page) for page in pages]


def text_checksums_in(metadata: Mapping[str, Any], name: str, rows: int) -> list[int] | None:
    """Return the checksums of a column; None for files and columns without checksums. Raises ValueError."""
    found = metadata.get(CHECKSUMS, {})
    sums: list[int] | None = found.get(name) if isinstance(found, dict) else []
    if sums is not None and (not isinstance(sums, list) or len(sums) != -(-rows // PAGE)):
        raise ValueError(f"{CHECKSUMS} must have a list of {-(-rows // PAGE)} checksums of {name}")
    return sums


def _checksum(page: Any) -> int:
    return zlib.crc32(b"\0".join(page.tolist()))


@contextmanager
def reading(dataset: h5py.Dataset) -> Iterator[None]:
    """Raise DemoError, naming the file, when HDF5 meets damaged data."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        name = printable(dataset.file.filename)
        raise DemoError(
            f"{name} is damaged and cannot be read ({one_line(error)}); copy the file again or recreate it"
        ) from None
