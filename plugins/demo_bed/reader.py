"""Genomic intervals as sequences: BED with three or more columns, and peak formats."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo_bed.genome import Genome
from demo_bed.lines import Line, read_intervals
from demo_bed.options import BedOptions
from demo_core import BadSource, Interval, Reader, Record
from demo_core.errors import printable
from demo_core.sequences import DNA

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample

_log = logging.getLogger(__name__)


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

    def read(self, source: Path) -> Iterator[Record]:
        """Yield records in the order of the lines. Raises BadSource, naming the line."""
        negatives = self.options.negatives_from
        label: tuple[float, ...] = () if self.options.unlabelled else (1.0,)
        with Genome(self.options.genome) as genome:
            files: list[tuple[Path, tuple[float, ...]]] = [(source, label)]
            files += [(negatives, (0.0,))] if negatives else []
            windows = [(path, label, *self._windows(path, genome)) for path, label in files]
            kept = [
                (line, window) for _, _, lines, placed in windows for line, window in zip(lines, placed, strict=True)
            ]
            if not kept and not any(read for read in self._read):
                raise BadSource(source, "has no intervals, only comments; give a BED or peak file")
            if not kept:
                raise BadSource(
                    source, f"no window of {self.options.width} bases fits within its chromosome; use a smaller --width"
                )
            self._check_chromosomes(source, genome, {window.chrom for _, window in kept})
            self._name_targets(windows)
            groups = _overlapping([window for _, window in kept])
            count = 0
            for path, label, lines, placed in windows:
                for line, window in zip(lines, placed, strict=True):
                    yield self._record(path, line, window, line.labels or label, groups[count], genome)
                    count += 1
            used = dict.fromkeys(window.chrom for _, window in kept)
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

    def _record(
        self, path: Path, line: Line, window: Interval, label: tuple[float, ...], group: int, genome: Genome
    ) -> Record:
        bases = genome.bases(window.chrom, window.start, window.end)
        if window.strand == "-":
            bases = DNA.decode(DNA.reverse_complement(DNA.encode(bases)))
        split = (
            "test"
            if window.chrom in self.options.test_chrom
            else "validation"
            if window.chrom in self.options.validation_chrom
            else None
        )
        return Record(
            id=line.name or str(window),
            sequence=bases,
            labels=label,
            interval=window,
            split=split,
            group=group,
            where=f"{path.name} line {line.number}",
        )

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
    clusters = [0] * len(windows)
    number, chrom, reached = -1, "", 0
    for place in sorted(range(len(windows)), key=lambda i: (windows[i].chrom, windows[i].start)):
        window = windows[place]
        if window.chrom != chrom or window.start >= reached:
            number += 1
            chrom, reached = window.chrom, window.end
        reached = max(reached, window.end)
        clusters[place] = number
    return clusters
