"""Compress chunks of codes in threads, while the program prepares the next rows.

The HDF5 library compresses in the thread that writes, and holds Python's lock meanwhile. Chunks from here have the same
bytes as those from the library.
"""

from __future__ import annotations

import os
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

#: Filters of a column of codes, in the order of HDF5. Shuffling does nothing to bytes.
_FILTERS = [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32]
_MOST_CHUNK_BYTES = 1 << 20


class ChunkWriter:
    """Write rows to columns of an open file. ``finish`` writes what is still being compressed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
        self._waiting: list[tuple[h5py.Dataset, int, Future[bytes]]] = []

    def write(self, dataset: h5py.Dataset, start: int, rows: Any) -> None:
        """Write rows (n, ...) from row ``start`` on. The rows must not change before ``finish``."""
        size, end = dataset.chunks[0], start + len(rows)
        first, last = -(-start // size) * size, end // size * size
        if not _is_packed_here(dataset) or first >= last:
            dataset[start:end] = rows
            return
        self.finish()
        for low, high in ((start, first), (last, end)):  # parts of chunks
            if low < high:
                dataset[low:high] = rows[low - start : high - start]
        for place in range(first, last, size):
            future = self._pool.submit(_packed, rows[place - start : place - start + size])
            self._waiting.append((dataset, place, future))

    def finish(self) -> None:
        """Write the chunks of earlier calls."""
        for dataset, place, future in self._waiting:
            dataset.id.write_direct_chunk((place, 0), future.result())
        self._waiting.clear()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)


def _is_packed_here(dataset: h5py.Dataset) -> bool:
    if dataset.dtype != np.uint8 or dataset.ndim != 2 or dataset.chunks[1] != dataset.shape[1]:
        return False
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    return filters == _FILTERS and dataset.chunks[0] * dataset.chunks[1] <= _MOST_CHUNK_BYTES


def _packed(rows: NDArray[np.uint8]) -> bytes:
    data = zlib.compress(rows.tobytes(), 1)
    return data + _fletcher32(data).to_bytes(4, "little")


def _fletcher32(data: bytes) -> int:
    """Return HDF5's checksum: two sums of big-endian 16-bit words modulo 65535, which is written instead of 0."""
    words = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    sums = int(words.sum()), int((words * np.arange(len(words), 0, -1, dtype=np.uint64)).sum())
    one, two = ((x - 1) % 65535 + 1 if x else 0 for x in sums)
    return two << 16 | one
