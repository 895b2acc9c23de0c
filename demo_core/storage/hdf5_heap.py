"""Global heaps of HDF5 files, which hold strings: a damaged heap makes the HDF5 library loop forever."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Larger files are not checked, since it would take seconds to open one.
_MOST_BYTES = 256 * 1024**2
#: Signature, version and reserved bytes of a collection. Its size follows in 8 bytes, then its objects: index,
#: reference count and reserved bytes in 8, size in 8, and contents padded to 8.
_SIGNATURE = b"GCOL\x01\x00\x00\x00"


def damaged_heap(path: Path) -> bool:
    """Return whether the objects of a collection of strings do not fill it exactly."""
    if not 16 < path.stat().st_size <= _MOST_BYTES:
        return False
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    starts = []
    place = data.find(_SIGNATURE)
    while 0 <= place <= len(data) - 16:
        starts.append(place)
        place = data.find(_SIGNATURE, place + 16)
    return _broken(np.frombuffer(data, np.uint8), np.array(starts, np.int64))


def _broken(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> bool:
    sizes = _numbers(data, starts + 8)
    if (sizes > (len(data) - starts).astype(np.uint64)).any():
        return True
    at, ends = starts + 16, starts + sizes.astype(np.int64)
    while len(at := at[more := at + 16 <= ends]):  # one object of each collection at a time
        ends = ends[more]
        index = data[at].astype(np.int64) + data[at + 1]
        size = _numbers(data, at + 8)
        if (size > (ends - at).astype(np.uint64)).any() or ((index == 0) & (size == 0)).any():
            return True
        taken = size.astype(np.int64)
        at = at + np.where(index > 0, 16 + (taken + 7) // 8 * 8, taken)
    return False


def _numbers(data: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Read 8-byte integers, lowest byte first, at these offsets."""
    return np.ascontiguousarray(data[places[:, None] + np.arange(8)]).view("<u8")[:, 0]
