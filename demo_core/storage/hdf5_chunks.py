"""Compress chunks in threads, while the program prepares the next rows.

HDF5 compresses in the thread that writes, and holds the GIL meanwhile. These chunks have the same filters and settings,
so HDF5 reads them like its own.
"""

from __future__ import annotations

import math
import os
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

#: Filters of a compressed column, in the order of HDF5.
_FILTERS = [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32]
_MOST_CHUNK_BYTES = 1 << 20


class ChunkWriter:
    """Append rows to columns of an open file. ``finish`` writes what is not written yet."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
        self._waiting: list[tuple[h5py.Dataset, int, Future[bytes]]] = []
        #: For each column: dataset, position of the first row after the last whole chunk, and the rows from there on
        self._rest: dict[str, tuple[h5py.Dataset, int, NDArray[Any]]] = {}

    def write(self, dataset: h5py.Dataset, start: int, rows: NDArray[Any]) -> None:
        """Write rows (n, ...) from row ``start`` on: the last rows of the column, or with ``start`` 0 all of them."""
        if not _is_packed_here(dataset):
            dataset[start:] = rows
            return
        if any(waiting == dataset for waiting, _, _ in self._waiting):
            self._write_packed()  # so at most one block of each column is held
        if dataset.name in self._rest:
            _, start, before = self._rest[dataset.name]
            rows = np.concatenate([before, rows])
        else:
            rows = rows.copy()  # the caller may use its memory again
        size = dataset.chunks[0]
        head = min(-start % size, len(rows))  # rows of a chunk that already has some
        if head:
            dataset[start : start + head] = rows[:head]
        last = max(head, (start + len(rows)) // size * size - start)
        for place in range(head, last, size):
            future = self._pool.submit(_packed, rows[place : place + size])
            self._waiting.append((dataset, start + place, future))
        self._rest[dataset.name] = dataset, start + last, rows[last:]

    def finish(self) -> None:
        """Write all rows that are still in memory."""
        self._write_packed()
        for dataset, start, rows in self._rest.values():
            dataset[start : start + len(rows)] = rows
        self._rest.clear()

    def _write_packed(self) -> None:
        for dataset, place, future in self._waiting:
            dataset.id.write_direct_chunk((place, *(0,) * (dataset.ndim - 1)), future.result())
        self._waiting.clear()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)


def _is_packed_here(dataset: h5py.Dataset) -> bool:
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    small = math.prod(dataset.chunks) * dataset.dtype.itemsize <= _MOST_CHUNK_BYTES
    return small and filters == _FILTERS and dataset.chunks[1:] == dataset.shape[1:]


def _packed(rows: NDArray[Any]) -> bytes:
    apart = np.ascontiguousarray(rows).view(np.uint8).reshape(-1, rows.dtype.itemsize).T  # HDF5's shuffle
    data = zlib.compress(apart.tobytes(), 1)
    return data + _fletcher32(data).to_bytes(4, "little")


def _fletcher32(data: bytes) -> int:
    """Return HDF5's Fletcher-32 checksum: two sums of big-endian 16-bit words modulo 65535.

    A sum above 0 that is divisible by 65535 is stored as 65535.
    """
    words = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    sums = int(words.sum()), int((words * np.arange(len(words), 0, -1, dtype=np.uint64)).sum())
    one, two = ((x - 1) % 65535 + 1 if x else 0 for x in sums)
    return two << 16 | one
