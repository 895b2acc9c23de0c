"""HDF5 files with checks: a file is untrusted, so only what the format promises is read.

A file is refused if anything in it is not a plain, hard-linked, fully allocated dataset of an expected name, type and
shape, stored with HDF5's own filters. Metadata are one JSON string attribute, since other HDF5 attributes cannot exceed
64 kB.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from demo_core.errors import DemoError, UsageProblem, one_line, printable
from demo_core.storage.atomic_files import check_regular, parse_json
from demo_core.storage.hdf5_chunks import ChunkWriter
from demo_core.storage.hdf5_columns import CHECKSUMS, text_checksums
from demo_core.storage.hdf5_heap import damaged_heap
from demo_core.storage.hdf5_output import OutputFile, check_written
from demo_core.storage.limits import ROW_BYTES, ROWS

ATTRIBUTE = "demo"
_SUM_OF_TEXT = "demo-crc32"
#: Rows per chunk are a power of two, such that chunks have at most this many bytes.
CHUNK_BYTES = 1 << 16
_MOST_CHUNK_BYTES = 64 << 20
_MOST_RATIO = 1100
#: Longest strings of fixed length, in bytes, to write and to read
_MOST_FIXED, _MOST_FIXED_READ = 1 << 10, 1 << 16
_MOST_METADATA = 64 << 20
# deflate, shuffle and Fletcher's checksum: any other filter would load a library by name
_FILTERS = {1, 2, 3}


@dataclass(frozen=True)
class Field:
    """What a dataset of a format must be: numpy type ('str' for text), number of axes, and whether it is required.

    Examples
    --------
    >>> from demo_core.storage import Field
    >>> Field("float32", 3, required=False).axes
    3
    """

    dtype: str
    axes: int
    required: bool = True


def create(path: Path) -> OutputFile:
    """A new file to write to, in a ``with`` statement."""
    return OutputFile(path)


def describe(file: h5py.File, metadata: Mapping[str, Any]) -> None:
    """Write the metadata, with a checksum of this text, and checksums of strings of variable length in the file."""
    sums = {name: text_checksums(file[name]) for name in file if file[name].dtype.kind == "O"}
    text = json.dumps({**metadata, **({CHECKSUMS: sums} if sums else {})}, ensure_ascii=False, allow_nan=False)
    file.attrs.create(ATTRIBUTE, text, dtype=h5py.string_dtype("utf-8"))
    file.attrs.create(_SUM_OF_TEXT, np.uint32(zlib.crc32(text.encode())))
    check_written()


def add_column(file: h5py.File, name: str, field: Field, like: Any) -> h5py.Dataset:
    """Make an empty dataset that grows along its first axis, for rows like those given. Numbers are compressed if that
    saves a quarter (benchmarks/files.py).
    """
    text, row_shape = field.dtype == "str", tuple(like.shape[1:])
    # Up to four times the longest string, since later ones may be longer; compression removes the padding
    width = 1 << (2 * like.dtype.itemsize - 1).bit_length() if like.dtype.kind == "S" else _MOST_FIXED + 1
    of_text = h5py.string_dtype("utf-8", width if width <= _MOST_FIXED else None)
    dtype = of_text if text else np.dtype(field.dtype)
    fixed = dtype.kind != "O"  # HDF5 stores strings of variable length outside the dataset, unfiltered
    row_bytes = max(1, math.prod(row_shape) * dtype.itemsize)
    rows = 1 << max(1, min(65536, CHUNK_BYTES // row_bytes)).bit_length() - 1
    inner = [max(1, n) for n in row_shape]
    while row_bytes > _MOST_CHUNK_BYTES // 4:  # a row too large for a chunk is split along its longest axis
        longest = inner.index(max(inner))
        inner[longest] = -(-inner[longest] // 2)
        row_bytes = math.prod(inner) * dtype.itemsize
    gzip = {"compression": "gzip", "compression_opts": 1, "shuffle": fixed} if text or _compresses(like, rows) else {}
    return file.create_dataset(
        name,
        shape=(0, *row_shape),
        maxshape=(None, *row_shape),
        chunks=(rows, *inner),
        dtype=dtype,
        fletcher32=fixed,
        **gzip,
    )


def _compresses(column: Any, rows: int) -> bool:
    """Return whether gzip saves a quarter of the first rows, after the shuffle of HDF5."""
    sample = np.ascontiguousarray(column[:rows]).reshape(-1)[:CHUNK_BYTES]
    if not sample.size:  # nothing is known yet
        return True
    apart = sample.view(np.uint8).reshape(-1, sample.dtype.itemsize).T
    return len(zlib.compress(apart.tobytes(), 1)) < 0.75 * sample.nbytes


def append_columns(
    file: h5py.File, fields: Mapping[str, Field], block: Mapping[str, Any], chunks: ChunkWriter | None = None
) -> None:
    """Append rows to columns. The first block makes the columns; None for an absent column.

    With ``chunks``, threads compress the columns. Rows may be missing from the file until ``chunks.finish()``.
    """
    for name, field in fields.items():
        if (column := block.get(name)) is None:
            continue
        rows = encoded(column[:]) if field.dtype == "str" else column[:]
        dataset = file.get(name) or add_column(file, name, field, rows)
        if dataset.dtype.kind == "S" and (rows.dtype.kind == "O" or rows.itemsize > dataset.dtype.itemsize):
            if chunks is not None:
                chunks.finish()
            dataset = _widened(file, name, rows)
        start = dataset.shape[0]
        dataset.resize(start + len(rows), axis=0)
        rows = rows.astype(
            dataset.dtype, copy=rows.dtype.kind == "S"
        )  # text is copied: the new type records UTF-8, too
        if chunks is None:
            dataset[start:] = rows
        else:
            chunks.write(dataset, start, rows)
    check_written()


def encoded(texts: Sequence[str]) -> NDArray[Any]:
    """Encode strings as UTF-8, padded to the longest, or as objects if one is long.

    Raises UsageProblem for a string with a NUL character.
    """
    joined = "".join(texts)
    if "\0" in joined:
        text = next(text for text in texts if "\0" in text)
        raise UsageProblem(f"{printable(repr(text), 60)} contains a NUL character, which HDF5 cannot store; remove it")
    # numpy encodes ASCII itself, in a fifth of the time
    ready: list[Any] = list(texts) if joined.isascii() else [text.encode() for text in texts]
    long = max(map(len, ready), default=0) > _MOST_FIXED  # padding all to the longest could take gigabytes
    return np.array(ready, object if long else np.bytes_)


def _widened(file: h5py.File, name: str, like: NDArray[Any]) -> h5py.Dataset:
    """Replace a column of strings by a copy that can hold longer ones."""
    file.move(name, f"{name} before")
    before, dataset = file[f"{name} before"], add_column(file, name, Field("str", 1), like)
    dataset.resize(len(before), axis=0)
    for start in range(0, len(before), dataset.chunks[0]):
        rows = slice(start, start + dataset.chunks[0])
        dataset[rows] = before[rows].astype(dataset.dtype)
    del file[f"{name} before"]
    return dataset


def open_checked(path: Path, what: str, version: int, fields: Mapping[str, Field]) -> tuple[h5py.File, Any]:
    """Open a file of DeMo for reading, after checking its format.

    Parameters
    ----------
    what
        Name of the format, which the metadata must state.
    version
        Newest version that can be read.
    fields
        Every dataset that the file may have. All of them share their first axis.

    Returns
    -------
    The open file and its metadata, a dict.

    Raises
    ------
    DemoError
        Naming the file and the problem.
    """
    shown = printable(path)
    if path.is_dir():
        raise DemoError(f"{shown} is a folder, not a {what} file")
    check_regular(path)
    if not h5py.is_hdf5(path):
        hint = "; import it first, with demo data import" if what == "demo-dataset" else ""
        raise DemoError(f"{shown} cannot be read as HDF5: truncated, or not a {what} file{hint}")
    if damaged_heap(path):
        raise DemoError(f"{shown} is damaged: its strings cannot be read; copy it again or recreate it")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DemoError(
            f"{shown} cannot be read as HDF5: truncated, or not a {what} file ({one_line(error)})"
        ) from None
    try:
        metadata = _metadata(file, what, version)
        _check_contents(file, fields)
    except (_Refused, UsageProblem) as error:
        file.close()
        raise DemoError(f"{shown} is refused: {error}") from None
    # The HDF5 library reports damage as an arbitrary error of its innermost part; all of them mean a damaged file.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, RecursionError) as error:
        file.close()
        raise DemoError(f"{shown} is damaged, or not a {what} file: {one_line(error)}") from None
    return file, metadata


class _Refused(Exception):
    pass


def _metadata(file: h5py.File, what: str, version: int) -> Any:
    if ATTRIBUTE not in file.attrs:
        raise _Refused(f"it does not say that it is a {what} file")
    kind = h5py.check_string_dtype(file.attrs.get_id(ATTRIBUTE).dtype)
    if kind is None or file.attrs.get_id(ATTRIBUTE).shape != ():
        raise _Refused("its metadata is not one string")
    text = file.attrs[ATTRIBUTE]
    if not isinstance(text, str) or len(text) > _MOST_METADATA:
        raise _Refused("its metadata is not a string, or too long")
    metadata = parse_json(text)
    if not isinstance(metadata, dict) or metadata.get("format") != what:
        said = printable(metadata.get("format"), 40) if isinstance(metadata, dict) else "nothing"
        raise _Refused(f"its format is {said}, not {what}")
    if not isinstance(metadata.get("version"), int) or not 1 <= metadata["version"] <= version:
        raise _Refused(
            f"its format version is {printable(metadata.get('version'), 20)}; this program reads up to {version}: "
            "upgrade deep-motif-dashboard"
        )
    if _SUM_OF_TEXT in file.attrs and int(file.attrs[_SUM_OF_TEXT]) != zlib.crc32(text.encode()):
        raise _Refused("metadata checksum mismatch: the file is damaged; copy it again or recreate it")
    return metadata


def _check_contents(file: h5py.File, fields: Mapping[str, Field]) -> None:
    rows, most_rows, most_bytes = None, ROWS.value, ROW_BYTES.value
    for name in file:
        if name not in fields:
            raise _Refused(f"it holds {printable(repr(name), 60)}, which the format does not have")
        shown = repr(name)
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise _Refused(f"{shown} is a link to somewhere else")
        dataset = file[name]
        if not isinstance(dataset, h5py.Dataset):
            raise _Refused(f"{shown} is not a dataset")
        _check_type(shown, dataset, fields[name])
        if dataset.shape[0] > most_rows:
            raise _Refused(f"{shown} has {dataset.shape[0]:,} rows: {ROWS.exceeded()}")
        if math.prod(dataset.shape[1:]) * dataset.dtype.itemsize > most_bytes:
            raise _Refused(f"{shown} has rows of shape {dataset.shape[1:]}: {ROW_BYTES.exceeded()}")
        _check_storage(shown, dataset)
        if rows is not None and dataset.shape[0] != rows:
            raise _Refused(f"{shown} has {dataset.shape[0]} rows where others have {rows}")
        rows = dataset.shape[0]
    for name, field in fields.items():
        if field.required and name not in file:
            raise _Refused(f"it has no dataset '{name}'")


def _check_type(name: str, dataset: h5py.Dataset, field: Field) -> None:
    if field.dtype == "str":
        text = h5py.check_string_dtype(dataset.dtype)
        right = text is not None and text.encoding == "utf-8" and (text.length or 0) <= _MOST_FIXED_READ
    else:
        right = dataset.dtype == np.dtype(field.dtype)
    if not right or dataset.ndim != field.axes:
        raise _Refused(
            f"{name} has type {dataset.dtype} and {dataset.ndim} axes; it must have {field.dtype} and {field.axes}"
        )


def _check_storage(name: str, dataset: h5py.Dataset) -> None:
    properties = dataset.id.get_create_plist()
    if properties.get_external_count() or dataset.is_virtual:
        raise _Refused(f"{name} is stored in another file")
    if any(properties.get_filter(i)[0] not in _FILTERS for i in range(properties.get_nfilters())):
        raise _Refused(f"{name} is stored with a filter other than gzip")
    logical = dataset.size * dataset.dtype.itemsize
    if logical == 0:
        return
    chunks = dataset.chunks
    if chunks is not None:
        if math.prod(chunks) * dataset.dtype.itemsize > _MOST_CHUNK_BYTES:
            raise _Refused(f"{name} has chunks of more than 64 MiB")
        expected = math.prod(-(-n // c) for n, c in zip(dataset.shape, chunks, strict=True))
        if dataset.id.get_num_chunks() != expected:
            raise _Refused(f"{name} has chunks that were never written")
        # the last chunk along an axis is stored in full
        logical = expected * math.prod(chunks) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    if stored == 0 or logical / stored > _MOST_RATIO:
        raise _Refused(f"{name} claims {logical} bytes but stores {stored}")
