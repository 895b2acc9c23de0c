"""Indexed FASTA file of a genome: chromosome sizes, bases of intervals, and a digest."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from demo_bed.index import index_problem
from demo_core import BadSource, DemoError, Interval
from demo_core.errors import one_line, printable
from demo_core.sequences import DNA, IllegalLetter
from demo_core.storage import whole_file

_log = logging.getLogger(__name__)
#: Wider windows are read one by one, which is as fast.
_MOST_GATHERED = 2000


class Genome:
    """Random access to a FASTA file through pyfaidx.

    The index (``.fai``) beside the file is used if it is newer and matches the file. Otherwise it is made there, or in
    a temporary folder if that folder is read-only. Raises BadSource for a file that is not FASTA, or is compressed with
    anything but bgzip.
    """

    def __init__(self, path: Path) -> None:
        _check_format(path)
        self.path = path
        self._plain: BinaryIO | None = None
        try:
            self._fasta = _opened(path)
        except Exception as error:  # noqa: BLE001 - pyfaidx raises RuntimeError and more; all are about the file
            said = one_line(error).partition("Please report")[0].rstrip(" .")
            raise BadSource(
                path,
                f"this genome cannot be indexed ({said}); give FASTA without empty lines, with lines of equal length",
            ) from None
        self.sizes = {name: len(self._fasta[name]) for name in self._fasta.keys()}  # noqa: SIM118 - not a dict
        if not self.sizes:
            self.close()
            raise BadSource(path, "the genome file contains no sequence")
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        if not packed:
            self._plain = path.open("rb")
            self._bytes = np.memmap(path, np.uint8, "r")

    def __enter__(self) -> Genome:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._fasta.close()
        if self._plain is not None:
            self._plain.close()

    def bases(self, chrom: str, start: int, end: int) -> str:
        """Return the letters of ``[start, end)`` on the forward strand."""
        if self._plain is None or end <= start:
            return str(self._fasta[chrom][start:end])
        lines = self._fasta.faidx.index[chrom]  # reading by the index takes a tenth of the time
        bases, width, begin = lines.lenc, lines.lenb, lines.offset
        first = begin + start // bases * width + start % bases
        last = begin + (end - 1) // bases * width + (end - 1) % bases
        found = os.pread(self._plain.fileno(), last + 1 - first, first)
        return found.replace(b"\n", b"").replace(b"\r", b"").decode("latin-1")

    def sequence(self, window: Interval) -> str:
        """Return the letters of an interval, along its strand. Raises BadSource for a letter that is not DNA."""
        text = self.bases(window.chrom, window.start, window.end)
        try:
            codes = DNA.encode(text)
        except IllegalLetter as error:
            place = f"{window.chrom}:{window.start + error.column - 1}"
            raise BadSource(
                self.path,
                f"'{printable(error.letter, 10)}' at {place} (0-based) is not DNA; write N for an unknown base",
            ) from None
        return DNA.decode(DNA.reverse_complement(codes)) if window.strand == "-" else text

    def windows(
        self, chroms: Sequence[str], chrom: NDArray[np.int64], starts: NDArray[np.int64], width: int
    ) -> NDArray[np.uint8]:
        """Return the letters (n, width) of windows on the forward strand, in ASCII."""
        if self._plain is None or width > _MOST_GATHERED:
            places = zip(chrom.tolist(), starts.tolist(), strict=True)
            text = "".join([self.bases(chroms[code], start, start + width) for code, start in places])
            return np.frombuffer(text.encode("latin-1"), np.uint8).reshape(len(starts), width)
        index = [self._fasta.faidx.index[name] for name in chroms]
        bases, lines, begin = (
            np.array([getattr(i, name) for i in index])[chrom] for name in ("lenc", "lenb", "offset")
        )
        first, last = (begin + place // bases * lines + place % bases for place in (starts, starts + width - 1))
        offsets = np.arange(int((last - first).max()) + 1)
        found = self._bytes.take(first[:, None] + offsets, mode="clip")
        # drop line ends, and the extra bytes read for windows that span fewer line ends than the widest
        inside = (found > ord("\r")) & (offsets <= (last - first)[:, None])
        letters: NDArray[np.uint8] = found[inside].reshape(len(starts), width)
        return letters

    def near(self, chrom: str) -> str:
        """Return the message for a chromosome that the genome does not have."""
        other = chrom.removeprefix("chr") if chrom.startswith("chr") else f"chr{chrom}"
        if other in self.sizes:
            return f"it has '{printable(other, 40)}': the names may be from another source"
        few = ", ".join(printable(name, 40) for name in list(self.sizes)[:5])
        return f"it has {few}" + (f" and {len(self.sizes) - 5} more" if len(self.sizes) > 5 else "")

    def digest(self) -> str:
        """SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _check_format(path: Path) -> None:
    """Raise BadSource, with a solution, for a file that is not FASTA."""
    if path.is_dir():
        raise BadSource(
            path, "this is a folder; join its chromosomes into one FASTA file, as with cat FOLDER/*.fa > genome.fa"
        )
    if not path.exists():
        raise BadSource(path, "no such genome file; check --genome")
    if not path.is_file():
        raise BadSource(path, "not a regular file; save the genome to disk, since it is read by random access")
    with path.open("rb") as file:
        head = file.read(4)
    if head in (b"\x43\x27\x41\x1a", b"\x1a\x41\x27\x43"):
        raise BadSource(path, "this is a 2bit file; convert it to FASTA with UCSC's twoBitToFa: twoBitToFa g.2bit g.fa")
    if head[:2] == b"\x1f\x8b" and not (len(head) == 4 and head[3] & 4):
        raise BadSource(path, "plain gzip allows no random access; unpack the genome, or compress it with bgzip")


def _opened(path: Path) -> Any:
    """Open the genome with an index of this file: the one beside it, or a new one."""
    import pyfaidx

    beside = [path.with_name(path.name + ending) for ending in (".fai", ".gzi")]
    if _is_up_to_date(beside[0], path):
        problem = index_problem(path, *beside)
        if not problem:
            return pyfaidx.Fasta(str(path), as_raw=True, indexname=str(beside[0]), gzi_indexname=str(beside[1]))
        _log.warning(
            "%s: the index does not match the genome (%s); building a new index", path.name, printable(problem)
        )
    with tempfile.TemporaryDirectory(prefix="demo-genome-") as folder:
        made = [Path(folder) / p.name for p in beside]
        fasta = pyfaidx.Fasta(str(path), as_raw=True, indexname=str(made[0]), gzi_indexname=str(made[1]))
        if os.access(path.parent, os.W_OK):  # otherwise it is made for this run only
            for new, place in zip(made, beside, strict=True):
                if new.is_file():
                    with contextlib.suppress(DemoError), whole_file(place) as temporary:  # or another process makes it
                        shutil.copyfile(new, temporary)
    return fasta


def _is_up_to_date(index: Path, genome: Path) -> bool:
    return index.is_file() and index.stat().st_mtime >= genome.stat().st_mtime
