"""A genome's FASTA file, indexed: sizes of chromosomes, bases of intervals, and a digest."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from demo_core import BadSource
from demo_core.errors import one_line, printable
from demo_core.files import whole_file


class Genome:
    """Random access to a FASTA file through pyfaidx.

    The index (``.fai``) is made beside the file, or in a temporary folder where that cannot be written to. Raises
    BadSource for what is no FASTA file, or is compressed with anything but bgzip.
    """

    def __init__(self, path: Path) -> None:
        import pyfaidx

        if not path.is_file():
            raise BadSource(path, "there is no such genome file")
        with path.open("rb") as file:
            head = file.read(4)
        if head[:2] == b"\x1f\x8b" and not (len(head) == 4 and head[3] & 4):
            raise BadSource(path, "a genome cannot be read from plain gzip: unpack it, or compress it with bgzip")
        self.path = path
        beside = path.with_name(path.name + ".fai")
        try:
            if not _is_up_to_date(beside, path):
                _make_index(path, beside)
            with tempfile.TemporaryDirectory(prefix="demo-genome-") as folder:
                index = beside if _is_up_to_date(beside, path) else Path(folder) / beside.name
                self._fasta = pyfaidx.Fasta(str(path), as_raw=True, indexname=str(index))
        except (pyfaidx.FastaIndexingError, pyfaidx.FastaNotFoundError, ValueError, OSError, ImportError) as error:
            raise BadSource(path, f"this genome cannot be indexed ({one_line(error)})") from None
        self.sizes = {name: len(self._fasta[name]) for name in self._fasta.keys()}  # noqa: SIM118 - not a dict
        if not self.sizes:
            self.close()
            raise BadSource(path, "there is no sequence in this genome file")

    def __enter__(self) -> Genome:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._fasta.close()

    def bases(self, chrom: str, start: int, end: int) -> str:
        """The letters of ``[start, end)``, as the forward strand has them."""
        return str(self._fasta[chrom][start:end])

    def near(self, chrom: str) -> str:
        """What to say of a chromosome that the genome does not have."""
        other = chrom.removeprefix("chr") if chrom.startswith("chr") else f"chr{chrom}"
        if other in self.sizes:
            return f"it has '{printable(other, 40)}': are the names of another source?"
        few = ", ".join(printable(name, 40) for name in list(self.sizes)[:5])
        return f"it has {few}" + (f" and {len(self.sizes) - 5} more" if len(self.sizes) > 5 else "")

    def digest(self) -> str:
        """SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _is_up_to_date(index: Path, genome: Path) -> bool:
    return index.is_file() and index.stat().st_mtime >= genome.stat().st_mtime


def _make_index(genome: Path, index: Path) -> None:
    """Put an index beside the genome, whole or not at all; where that cannot be written to, there is none."""
    import pyfaidx

    if not os.access(index.parent, os.W_OK):
        return
    with tempfile.TemporaryDirectory(prefix="demo-genome-") as folder, whole_file(index) as temporary:
        made = Path(folder) / index.name
        pyfaidx.Fasta(str(genome), indexname=str(made)).close()
        shutil.copyfile(made, temporary)
