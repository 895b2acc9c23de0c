"""Genomic intervals as sequences: BED with three or more columns, and peak formats."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from demo_bed.genome import Genome
from demo_bed.lines import Lines, read_intervals
from demo_bed.options import BedOptions
from demo_core import BadSource, Reader, Record, RecordBlock
from demo_core.data import IntervalTable
from demo_core.errors import counted, printable
from demo_core.sequences import DNA

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample

_log = logging.getLogger(__name__)
#: Windows, and their bases, to read at a time.
_ROWS, _BASES = 4096, 1 << 20


class BedReader(Reader):
    """Read windows of a genome around intervals.

    The label is 1, 0 for intervals of ``--negatives-from``, or the file's own columns of 0 and 1. After reading,
    ``info`` holds the genome's name, its digest, and the sizes of the chromosomes in use.
    """

    def __init__(self, options: BedOptions) -> None:
        self.options = options
        self.targets: tuple[str, ...] = ("bound",)
        self.info: dict[str, Any] = {}
        self._read: list[int] = []
        self._beyond = 0

    @staticmethod
    def example() -> ReaderExample:
        """Return files for the conformance kit."""
        from demo_bed.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[Record | RecordBlock]:
        """Yield records in the order of the lines. Raises BadSource, naming the line."""
        negatives = self.options.negatives_from
        with Genome(self.options.genome) as genome:
            files = [self._windows(source, None if self.options.unlabelled else 1.0, genome)]
            if negatives:
                files.append(self._windows(negatives, 0.0, genome))
                if n := len(files[0].places() & files[1].places()):
                    _log.warning("%s in both files, as positives and as negatives", counted(n, "window"))
            if not any(self._read):
                raise BadSource(source, "has no intervals, only comments; give a BED or peak file")
            if not any(len(file.lines) for file in files):
                way = "use a smaller --width"
                if self._beyond:
                    way = f"{self._beyond} intervals end beyond theirs, check that --genome is the same assembly"
                problem = f"no window of {self.options.width} bases fits within its chromosome; {way}"
                raise BadSource(source, problem)
            used = list(dict.fromkeys(name for file in files for name in file.chroms()))
            self._check_chromosomes(source, genome, set(used))
            self._name_targets(files)
            groups = np.split(_overlapping(files), [len(files[0].lines)])
            for file, numbers in zip(files, groups, strict=False):
                size = max(1, min(_ROWS, _BASES // max(1, int((file.ends - file.starts).max(initial=1)))))
                for first in range(0, len(file.lines), size):
                    some = np.arange(first, min(first + size, len(file.lines)))
                    yield from self._records(file.take(some), numbers[some], genome)
            self.info = {
                "genome": {
                    "file": genome.path.name,
                    "sha256": genome.digest(),
                    "chrom_sizes": {chrom: genome.sizes[chrom] for chrom in used},
                }
            }

    def _name_targets(self, files: list[_Windows]) -> None:
        """Make a target for each label column. Raises BadSource if negatives also come from another file."""
        for file in files:
            if file.lines.labels is None or not len(file.lines):
                continue
            if self.options.negatives_from:
                raise BadSource(file.path, "has its own labels (columns of 0 and 1); omit --negatives-from")
            if (columns := file.lines.labels.shape[1]) > 1:
                self.targets = tuple(f"label-{i + 1}" for i in range(columns))

    def _records(self, file: _Windows, groups: NDArray[np.int64], genome: Genome) -> Iterator[Record | RecordBlock]:
        """Yield a block of windows; single records if widths differ or a letter is illegal, to name the line."""
        lines, starts, ends = file.lines, file.starts, file.ends
        strands = lines.strands if self.options.stranded else np.zeros_like(starts)
        table = IntervalTable(lines.chroms, np.stack([lines.chrom, starts, ends, strands], axis=1))
        signs, names = {1: "(+)", -1: "(-)", 0: ""}, lines.names or [""] * len(lines)
        ids = [
            name or f"{lines.chroms[chrom]}:{start}-{end}{signs[strand]}"
            for name, (chrom, start, end, strand) in zip(names, table.rows.tolist(), strict=True)
        ]
        labels = (
            lines.labels if file.label is None or lines.labels is not None else np.full((len(lines), 1), file.label)
        )
        of_chroms = [self._split(chrom) for chrom in lines.chroms]
        splits = [of_chroms[chrom] for chrom in lines.chrom.tolist()] if any(of_chroms) else None
        try:
            if (ends - starts != ends[0] - starts[0]).any():
                raise ValueError("widths differ")
            codes = DNA.encode_bytes(genome.windows(lines.chroms, lines.chrom, starts, int(ends[0] - starts[0])))
        except ValueError:
            for row, window in enumerate(table):
                assert window is not None  # each line has one
                yield Record(
                    ids[row],
                    genome.sequence(window),
                    () if labels is None else tuple(labels[row].tolist()),
                    window,
                    splits[row] if splits else None,
                    int(groups[row]),
                    where=f"{file.path.name} line {lines.numbers[row]}",
                )
            return
        codes[strands < 0] = DNA.reverse_complement(codes[strands < 0])
        where = f"{file.path.name} from line {lines.numbers[0]}"
        yield RecordBlock(codes, labels, ids, table, splits, groups.tolist(), where=where)

    def _split(self, chrom: str) -> str | None:
        if chrom in self.options.test_chrom:
            return "test"
        return "validation" if chrom in self.options.validation_chrom else None

    def _windows(self, path: Path, label: float | None, genome: Genome) -> _Windows:
        """Return windows that lie within their chromosomes; report the number of others."""
        width = self.options.width
        centred = width is not None and self.options.center != "midpoint"
        lines = read_intervals(path, summits=centred, labels=not self.options.unlabelled)
        self._read.append(len(lines))
        sizes = np.array([genome.sizes.get(chrom, -1) for chrom in lines.chroms], np.int64)[lines.chrom]
        if (row := _first(sizes < 0)) is not None:
            chrom = lines.chroms[lines.chrom[row]]
            problem = f"the genome has no chromosome '{printable(chrom, 40)}': {genome.near(chrom)}"
            raise BadSource(path, problem, f"line {lines.numbers[row]}")
        if self.options.center == "summit" and (row := _first(lines.summits < 0)) is not None:
            problem = "has no summit; choose --center midpoint, or auto"
            raise BadSource(path, problem, f"line {lines.numbers[row]}")
        if self.options.stranded and len(lines) and not lines.strands.any():
            _log.warning("%s: no line has a strand, so --stranded has no effect", path.name)
        starts, ends = lines.starts, lines.ends
        if width is not None:  # an even width is centred on the base after its midpoint
            starts = np.where(lines.summits < 0, (starts + ends) // 2, lines.summits) - width // 2
            ends = starts + width
        elif (row := _first(starts == ends)) is not None:
            raise BadSource(path, "is an empty interval; choose a --width", f"line {lines.numbers[row]}")
        over = (starts < 0) | (ends > sizes)
        if over.any():
            far = int((lines.ends > sizes).sum())
            self._beyond += far
            also = f"; {far} intervals end beyond their chromosome, check that --genome is the same assembly"
            _log.warning(
                "%d of %d windows extend beyond their chromosome and were dropped, the first at line %d%s",
                over.sum(), len(lines), lines.numbers[over.argmax()], also if far else "",
            )  # fmt: skip
        return _Windows(path, label, lines, starts, ends).take(np.flatnonzero(~over))

    def _check_chromosomes(self, source: Path, genome: Genome, used: set[str]) -> None:
        for flag, chosen in (
            ("--test-chrom", self.options.test_chrom),
            ("--validation-chrom", self.options.validation_chrom),
        ):
            for chrom in chosen:
                if chrom not in genome.sizes:
                    raise BadSource(
                        genome.path, f"{flag}: no chromosome '{printable(chrom, 40)}': {genome.near(chrom)}"
                    )
                if chrom not in used:
                    raise BadSource(source, f"{flag}: no window lies on '{printable(chrom, 40)}'")


@dataclass(frozen=True)
class _Windows:
    """Lines of a file with the starts and ends of their windows, and the label of lines without labels."""

    path: Path
    label: float | None
    lines: Lines
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> _Windows:
        return replace(self, lines=self.lines.take(rows), starts=self.starts[rows], ends=self.ends[rows])

    def places(self) -> set[tuple[str, int, int]]:
        """Return chromosome, start and end of each window."""
        names = (self.lines.chroms[code] for code in self.lines.chrom.tolist())
        return set(zip(names, self.starts.tolist(), self.ends.tolist(), strict=True))

    def chroms(self) -> list[str]:
        return [self.lines.chroms[code] for code in dict.fromkeys(self.lines.chrom.tolist())]


def _first(wrong: NDArray[np.bool_]) -> int | None:
    return int(wrong.argmax()) if wrong.any() else None


def _overlapping(files: list[_Windows]) -> NDArray[np.int64]:
    """Return the number of each window's cluster: windows that share bases, directly or in a chain."""
    chroms: dict[str, int] = {}
    codes = [np.array([chroms.setdefault(c, len(chroms)) for c in f.lines.chroms], np.int64) for f in files]
    chrom = np.concatenate([code[file.lines.chrom] for code, file in zip(codes, files, strict=True)])
    start, end = np.concatenate([f.starts for f in files]), np.concatenate([f.ends for f in files])
    order = np.lexsort((start, chrom))
    far = chrom * 2**40  # beyond any position, so that chromosomes follow each other
    reached = np.maximum.accumulate((far + end)[order])
    new = np.append(True, (far + start)[order][1:] >= reached[:-1])[: len(chrom)]
    clusters = np.empty(len(chrom), np.int64)
    clusters[order] = np.cumsum(new) - 1
    return clusters
