"""Genomic intervals as sequences: BED with three or more columns, and peak formats."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demo_bed.genome import Genome
from demo_bed.lines import Line, read_intervals
from demo_bed.options import BedOptions
from demo_core import BadSource, Interval, Reader, Record, RecordBlock
from demo_core.errors import printable
from demo_core.sequences import DNA

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample

_log = logging.getLogger(__name__)
#: Windows to read at a time.
_ROWS = 4096


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

    @staticmethod
    def example() -> ReaderExample:
        """Return files for the conformance kit."""
        from demo_bed.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[Record | RecordBlock]:
        """Yield records in the order of the lines. Raises BadSource, naming the line."""
        negatives = self.options.negatives_from
        label: tuple[float, ...] = () if self.options.unlabelled else (1.0,)
        with Genome(self.options.genome) as genome:
            files: list[tuple[Path, tuple[float, ...]]] = [(source, label)]
            files += [(negatives, (0.0,))] if negatives else []
            windows = [(path, label, *self._windows(path, genome)) for path, label in files]
            kept = [window for _, _, _, placed in windows for window in placed]
            if not kept and not any(read for read in self._read):
                raise BadSource(source, "has no intervals, only comments; give a BED or peak file")
            if not kept:
                raise BadSource(
                    source, f"no window of {self.options.width} bases fits within its chromosome; use a smaller --width"
                )
            self._check_chromosomes(source, genome, {window.chrom for window in kept})
            self._name_targets(windows)
            groups = _overlapping(kept)
            count = 0
            for path, label, lines, placed in windows:
                for first in range(0, len(lines), _ROWS):
                    rows = slice(first, first + _ROWS)
                    numbers = groups[count : count + len(lines[rows])]
                    yield from self._records(path, lines[rows], placed[rows], label, numbers, genome)
                    count += len(numbers)
            used = dict.fromkeys(window.chrom for window in kept)
            self.info = {
                "genome": {
                    "file": genome.path.name,
                    "sha256": genome.digest(),
                    "chrom_sizes": {chrom: genome.sizes[chrom] for chrom in used},
                }
            }

    def _name_targets(self, windows: list[tuple[Path, tuple[float, ...], list[Line], list[Interval]]]) -> None:
        """Make a target for each label column. Raises BadSource if negatives also come from another file."""
        columns = max((len(line.labels) for _, _, lines, _ in windows for line in lines), default=0)
        if columns and self.options.negatives_from:
            path = next(path for path, _, lines, _ in windows if any(line.labels for line in lines))
            raise BadSource(path, "has its own labels (columns of 0 and 1); omit --negatives-from")
        if columns > 1:
            self.targets = tuple(f"label-{i + 1}" for i in range(columns))

    def _records(
        self, path: Path, lines: list[Line], windows: list[Interval], label: tuple[float, ...], groups: list[int],
        genome: Genome,
    ) -> Iterator[Record | RecordBlock]:  # fmt: skip
        """Yield a block of windows; single records if widths differ or a letter is illegal, to name the line."""
        bases = [genome.bases(window.chrom, window.start, window.end) for window in windows]
        labels = [line.labels or label for line in lines]
        ids = [line.name or str(window) for line, window in zip(lines, windows, strict=True)]
        splits = [self._split(window.chrom) for window in windows]
        minus = [window.strand == "-" for window in windows]
        try:
            if len(set(map(len, bases))) > 1:
                raise ValueError("widths differ")
            codes = DNA.encode("".join(bases)).reshape(len(windows), -1)
        except ValueError:
            for row, (line, window) in enumerate(zip(lines, windows, strict=True)):
                where = f"{path.name} line {line.number}"
                text = DNA.decode(DNA.reverse_complement(DNA.encode(bases[row]))) if minus[row] else bases[row]
                yield Record(ids[row], text, labels[row], window, splits[row], groups[row], where=where)
            return
        codes[minus] = DNA.reverse_complement(codes[minus])
        yield RecordBlock(
            codes, labels if labels[0] else None, ids, windows, splits, groups,
            where=f"{path.name} from line {lines[0].number}",
        )  # fmt: skip

    def _split(self, chrom: str) -> str | None:
        if chrom in self.options.test_chrom:
            return "test"
        return "validation" if chrom in self.options.validation_chrom else None

    def _windows(self, path: Path, genome: Genome) -> tuple[list[Line], list[Interval]]:
        """Return lines whose windows lie within their chromosomes, and those windows; report the number of others."""
        lines, windows, over = [], [], []
        self._read.append(0)
        centred = self.options.width is not None and self.options.center != "midpoint"
        for line in read_intervals(path, summits=centred, labels=not self.options.unlabelled):
            self._read[-1] += 1
            size = genome.sizes.get(line.chrom)
            if size is None:
                problem = f"the genome has no chromosome '{printable(line.chrom, 40)}': {genome.near(line.chrom)}"
                raise BadSource(path, problem, f"line {line.number}")
            if self.options.center == "summit" and line.summit is None:
                raise BadSource(path, "has no summit; choose --center midpoint, or auto", f"line {line.number}")
            window = self._window(path, line)
            if window.start < 0 or window.end > size:
                over.append((line, size))
                continue
            lines.append(line)
            windows.append(window)
        if over:
            line, size = over[0]
            far = ", which ends beyond it; the genome may be another assembly" if line.end > size else ""
            _log.warning(
                "%d of %d windows extend beyond their chromosome and were dropped, the first at line %d%s",
                len(over), len(over) + len(lines), line.number, far,
            )  # fmt: skip
        return lines, windows

    def _window(self, path: Path, line: Line) -> Interval:
        strand = line.strand if self.options.stranded else "."
        width = self.options.width
        if width is None:
            if line.start == line.end:
                raise BadSource(path, "is an empty interval; choose a --width", f"line {line.number}")
            return Interval(line.chrom, line.start, line.end, strand)
        middle = line.summit if line.summit is not None else (line.start + line.end) // 2
        # The middle base of an even width is the one after the middle, on the forward strand
        start = middle - width // 2
        return Interval(line.chrom, start, start + width, strand)

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


def _overlapping(windows: list[Interval]) -> list[int]:
    """Return the number of each window's cluster: windows that share bases, directly or in a chain."""
    chroms = {chrom: number for number, chrom in enumerate(sorted({window.chrom for window in windows}))}
    chrom = np.array([chroms[window.chrom] for window in windows], np.int64)
    start = np.array([window.start for window in windows], np.int64)
    end = np.array([window.end for window in windows], np.int64)
    order = np.lexsort((start, chrom))
    far = chrom * 2**40  # beyond any position, so that chromosomes follow each other
    reached = np.maximum.accumulate((far + end)[order])
    new = np.append(True, (far + start)[order][1:] >= reached[:-1])[: len(windows)]
    clusters = np.empty(len(windows), np.int64)
    clusters[order] = np.cumsum(new) - 1
    return clusters.tolist()
