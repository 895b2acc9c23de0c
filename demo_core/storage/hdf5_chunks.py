"""Compress chunks in threads, while the program prepares the next rows.

The HDF5 library compresses in the thread that writes, and holds Python's lock meanwhile. Chunks from here have the same
bytes as those from the library.
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
        #: Rows after the last whole chunk of each column, and the place of the first
        self._rest: dict[str, tuple[h5py.Dataset, int, NDArray[Any]]] = {}

    def write(self, dataset: h5py.Dataset, start: int, rows: NDArray[Any]) -> None:
        """Write rows (n, ...) to the end of a column, from row ``start`` on, or all its rows from 0 on."""
        if not _is_packed_here(dataset):
            dataset[start:] = rows
            return
        if any(waiting == dataset for waiting, _, _ in self._waiting):
            self._write_packed()  # and so hold a block of each column at most
        if dataset.name in self._rest:
            _, start, before = self._rest[dataset.name]
            rows = np.concatenate([before, rows])
        size = dataset.chunks[0]
        head = min(-start % size, len(rows))  # of a chunk that has rows
        if head:
            dataset[start : start + head] = rows[:head]
        last = max(head, (start + len(rows)) // size * size - start)
        for place in range(head, last, size):
            future = self._pool.submit(_packed, rows[place : place + size])
            self._waiting.append((dataset, start + place, future))
        self._rest[dataset.name] = dataset, start + last, rows[last:]

    def finish(self) -> None:
        """Write the rows of earlier calls."""
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
    apart = np.ascontiguousarray(rows).view(np.uint8).reshape(-1, rows.dtype.itemsize).T  # the first byte of all, ...
    data = zlib.compress(apart.tobytes(), 1)
    return data + _fletcher32(data).to_bytes(4, "little")


def _fletcher32(data: bytes) -> int:
    """Return HDF5's checksum: two sums of big-endian 16-bit words modulo 65535, which is written instead of 0."""
    words = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    sums = int(words.sum()), int((words * np.arange(len(words), 0, -1, dtype=np.uint64)).sum())
    one, two = ((x - 1) % 65535 + 1 if x else 0 for x in sums)
    return two << 16 | one
