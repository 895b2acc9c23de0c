"""HDF5 output file that turns a full disk into an error instead of a crash.

HDF5 cannot close a file whose last writes failed; the process then ends with a segmentation fault. HDF5 therefore
writes through an object of DeMo. The object keeps refused bytes in memory, so HDF5 sees no failure. The next ``check``
raises the error, at the latest when the file is closed. The file is then incomplete, and its temporary name is removed.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import h5py


class OutputFile:
    """A new HDF5 file. Entering it returns the ``h5py.File``; leaving it raises OSError, such as for a full disk."""

    def __init__(self, path: Path) -> None:
        self._disk = _Disk(path)
        self.file = h5py.File(self._disk, "w", libver=("v110", "v110"))
        _OPEN.append(self._disk)

    def __enter__(self) -> h5py.File:
        return self.file

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        self.close(check=kind is None)

    def close(self, *, check: bool = True) -> None:
        """Close the file. With ``check``, raise the error of the disk."""
        if self._disk in _OPEN:
            _OPEN.remove(self._disk)
        self.file.close()
        self._disk.close()
        if check:
            self._disk.check()


def check_written() -> None:
    """Raise OSError if the disk has refused any write."""
    for disk in _OPEN:
        disk.check()


_OPEN: list[_Disk] = []


class _Disk:
    """Python file object for HDF5: reads and writes at an offset, and keeps in memory what cannot be written."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._place = self._end = 0
        self._kept: list[tuple[int, bytes]] = []
        self._error: OSError | None = None

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def write(self, data: memoryview) -> int:
        rest, place = memoryview(data).cast("B"), self._place
        size = len(rest)
        while len(rest) and self._error is None:
            try:
                written = os.pwrite(self._handle, rest, place)
            except InterruptedError:
                continue
            except OSError as error:
                self._error = error
                break
            rest, place = rest[written:], place + written
        if len(rest):
            self._kept.append((place, bytes(rest)))
        self._place += size
        self._end = max(self._end, self._place)
        return size

    def readinto(self, buffer: memoryview) -> int:
        view = memoryview(buffer).cast("B")
        start, n = self._place, max(0, min(len(view), self._end - self._place))
        found = os.pread(self._handle, n, start) if n else b""
        view[:n] = found + bytes(n - len(found))
        for place, data in self._kept:  # in the order of writing
            low, high = max(place, start), min(place + len(data), start + n)
            if low < high:
                view[low - start : high - start] = data[low - place : high - place]
        self._place += n
        return n

    def read(self, n: int = -1) -> bytes:
        data = bytearray(self._end - self._place if n < 0 else n)
        return bytes(data[: self.readinto(memoryview(data))])

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._end}[whence]
        self._place = base + place
        return self._place

    def tell(self) -> int:
        return self._place

    def truncate(self, size: int | None = None) -> int:
        self._end = self._place if size is None else size
        try:
            os.ftruncate(self._handle, self._end)
        except OSError as error:
            self._error = self._error or error
        return self._end

    def flush(self) -> None:
        """Do nothing: writes are not buffered."""

    def close(self) -> None:
        try:
            os.close(self._handle)
        except OSError as error:  # a network file system may report a full disk only now
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                self._error = self._error or error
            else:
                raise
