"""Check that an index belongs to a genome: samtools' ``.fai``, and ``.gzi`` for bgzip.

An index states at which byte each sequence begins. The index of another file gives other bases at every interval,
without an error. Its modification time proves nothing: ``cp -p``, ``rsync -t`` and ``tar`` keep the old time of the
genome.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from pathlib import Path
from typing import BinaryIO

#: Maximum bytes of a header line.
_HEADER = 1 << 16


def index_problem(genome: Path, fai: Path, gzi: Path) -> str:
    """Return why an index does not match a genome; '' if it does. ``gzi`` is checked only for bgzip files."""
    try:
        with genome.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            text = _Bgzip(file) if packed else _Plain(file)
            if packed and not gzi.is_file():
                return f"{gzi.name} is missing"
            if packed and not text.has_index(gzi):  # type: ignore[union-attr]
                return f"{gzi.name} does not list the blocks of {genome.name}"
            return _entries_problem(fai, text)
    except (OSError, ValueError, struct.error, zlib.error, UnicodeDecodeError):
        return f"{fai.name} cannot be read"


def _entries_problem(fai: Path, text: _Plain | _Bgzip) -> str:
    expected = _after_space(text, 0)
    entries = [line.split("\t") for line in fai.read_text(encoding="utf-8").splitlines() if line]
    if not entries:
        return f"{fai.name} is empty"
    for cells in entries:
        name, (length, offset, bases, width) = cells[0], map(int, cells[1:5])
        header = text.read(expected, min(_HEADER, offset - expected)) if offset > expected else b""
        words = header[1:].split(maxsplit=1)
        if header[:1] != b">" or header[-1:] != b"\n" or header.count(b"\n") != 1 or words[:1] != [name.encode()]:
            return f"sequence '{name}' does not begin where {fai.name} says"
        if length and (bases < 1 or width < bases):
            return f"{fai.name} lists an invalid line length"
        lines = -(-length // bases) if length else 0
        end = offset + (lines - 1) * width + (length - (lines - 1) * bases) if lines else offset
        if lines > 1 and text.read(offset + bases, width - bases).strip(b"\r\n"):
            return f"the lines of '{name}' are not as long as {fai.name} says"
        last = text.read(end - 1, 1) if length else b"x"
        expected = _after_space(text, end)
        if (
            not last.strip()
            or text.read(expected, 1) not in (b">", b"")
            or text.read(end, 1).strip() not in (b"", b">")
        ):
            return f"sequence '{name}' does not end where {fai.name} says"
    return f"{fai.name} lists fewer sequences than the genome" if text.read(expected, 1) else ""


def _after_space(text: _Plain | _Bgzip, offset: int) -> int:
    while (some := text.read(offset, 256)) and not some.strip():
        offset += len(some)
    return offset + len(some) - len(some.lstrip())


class _Plain:
    """Read bytes of a file by offset."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, offset: int, n: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(n)


class _Bgzip:
    """Read bytes of the uncompressed content of a bgzip file, by offset. Raises ValueError for another file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._starts: list[int] = []
        self._places: list[tuple[int, int]] = []
        place = start = 0
        while head := self._at(place, 18):
            if len(head) < 18 or head[:4] != b"\x1f\x8b\x08\x04" or head[12:14] != b"BC":
                raise ValueError("not a bgzip block")
            size = struct.unpack_from("<H", head, 16)[0] + 1
            self._starts.append(start)
            self._places.append((place, size))
            start += struct.unpack("<I", self._at(place + size - 4, 4))[0]
            place += size

    def has_index(self, gzi: Path) -> bool:
        """Return whether a ``.gzi`` lists exactly these blocks; an empty block at the end may be missing."""
        content = gzi.read_bytes()
        n = struct.unpack_from("<Q", content)[0]
        if len(content) < 8 + 16 * n:
            return False
        pairs = list(struct.iter_unpack("<QQ", content[8 : 8 + 16 * n]))
        whole = [(place, start) for (place, _), start in zip(self._places, self._starts, strict=True)]
        return pairs in (whole[1:], whole[1:-1], whole, whole[:-1])

    def read(self, offset: int, n: int) -> bytes:
        block = max(0, bisect_right(self._starts, offset) - 1)
        found, skipped = b"", offset - self._starts[block] if self._starts else 0
        while len(found) < skipped + n and block < len(self._places):
            place, size = self._places[block]
            found += zlib.decompress(self._at(place, size), wbits=31)
            block += 1
        return found[skipped : skipped + n]

    def _at(self, place: int, n: int) -> bytes:
        self._file.seek(place)
        return self._file.read(n)
