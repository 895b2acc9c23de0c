"""Simulated sequences with known sites: motifs drawn from count matrices, planted into background sequences."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from demo_core import Reader, RecordBlock, UsageProblem
from demo_core.data import IntervalTable
from demo_core.errors import unknown_name
from demo_core.sequences import DNA, Motif, read_meme
from demo_planted.background import Background

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample
    from demo_planted.options import PlantedOptions

_log = logging.getLogger(__name__)

T = TypeVar("T")

Codes = NDArray[np.uint8]

SHIPPED = "jaspar"
_BLOCK = 1024


class PlantedReader(Reader):
    """Make sequences, alternately positives with motif sites, which are marked, and negatives.

    Each site is drawn from its motif's probabilities, base by base. Intervals are simulated: one sequence after the
    other on chromosome ``planted``.

    When not to use it: instead of a benchmark on real peaks. There is no confounding, and every network that works is
    nearly perfect.
    """

    targets = ("bound",)

    def __init__(self, options: PlantedOptions) -> None:
        self.options = options

    @staticmethod
    def example() -> ReaderExample:
        """Return files for the conformance kit."""
        from demo_planted.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[RecordBlock]:
        """Yield blocks of sequences. Raises BadSource on an invalid MEME file, UsageProblem if motifs do not fit."""
        options = self.options
        motifs = _chosen(source, options.motifs)
        random = np.random.default_rng(options.planting_seed)
        background = (
            Background.of_sequences(options.background_from, options.order)
            if options.background_from
            else Background(np.array([options.composition]))
        )
        plan = _Plan(motifs, options, random)
        for first in range(0, options.number, _BLOCK):
            numbers = range(first, min(first + _BLOCK, options.number))
            codes = background.draw(len(numbers), options.bases, random)
            sites = np.zeros_like(codes)
            for row, number in enumerate(numbers):
                plan.plant(codes[row], sites[row], positive=number % 2 == 0)
            yield RecordBlock(
                codes=codes,
                labels=np.array([[1.0 - number % 2] for number in numbers]),
                ids=[f"{('positive', 'negative')[number % 2]}-{number // 2 + 1}" for number in numbers],
                intervals=IntervalTable(
                    ["planted"], [(0, number * options.bases, (number + 1) * options.bases, 1) for number in numbers]
                ),
                sites=sites,
            )


def _chosen(source: Path, names: tuple[str, ...]) -> list[Motif]:
    """Return the motifs by id or name, from a MEME file or from the built-in one."""
    if str(source) == SHIPPED and not source.is_file():  # a folder of that name is ignored
        with resources.as_file(resources.files("demo_planted") / "jaspar.meme") as path:
            motifs = read_meme(path)
    else:
        motifs = read_meme(source)
    known = {key.lower(): motif for motif in reversed(motifs) for key in (motif.name, motif.id) if key}
    for name in names:
        if name.lower() not in known:
            there = {word for m in motifs for word in (m.name, m.id) if word}
            raise UsageProblem(f"{source.name}: {unknown_name('motif', name, there)}; choose with --motifs")
        twins = [m.id for m in motifs if m.name.lower() == name.lower()]
        if len(twins) > 1:
            _log.warning("%s is %s; %s has that name too, and can be named by its id", name, twins[0], twins[1])
    return [known[name.lower()] for name in names]


class _Plan:
    """Place sites: the motifs' arrangement and each decoy are blocks that do not overlap."""

    def __init__(self, motifs: list[Motif], options: PlantedOptions, random: np.random.Generator) -> None:
        self.motifs, self.options, self.random = motifs, options, random
        widths = [len(m) for m in motifs]
        gaps = (len(motifs) - 1) * (options.spacing[1] if options.spacing else 0)
        needed = (sum(widths) + gaps if options.plant == "all" else max(widths)) + options.decoys * max(widths)
        if needed > options.bases:
            raise UsageProblem(
                f"motifs, spacing and decoys need {needed} bases, but sequences have {options.bases}; increase --bases"
            )

    def plant(self, codes: Codes, sites: Codes, *, positive: bool) -> None:
        """Change a sequence (L,) and mark its sites (L,), in place."""
        blocks: list[tuple[Codes, Codes]] = [self._decoy() for _ in range(self.options.decoys)]
        if positive:
            kept = self._arrangement()
            blocks = self._shuffled(blocks)
            # an arrangement without spacing is several blocks, whose order is already decided
            slots = np.sort(self.random.choice(len(blocks) + len(kept), len(kept), replace=False))
            for slot, block in zip(slots, kept, strict=True):
                blocks.insert(int(slot), block)
        free = len(codes) - sum(len(block) for block, _ in blocks)
        # each block falls anywhere, in the given order
        cuts = np.sort(self.random.integers(0, free + 1, len(blocks)))
        for cut, before, (bases, marks) in zip(cuts, _starts(blocks), blocks, strict=True):
            place = slice(int(cut) + before, int(cut) + before + len(bases))
            mine = bases < 4  # bases between the motifs of an arrangement stay background
            codes[place][mine] = bases[mine]
            sites[place] = marks

    def _arrangement(self) -> list[tuple[Codes, Codes]]:
        """Return the sites of the motifs as blocks of codes and marks; a single block if their spacing is given."""
        options, random = self.options, self.random
        motifs = list(self.motifs)
        if options.plant == "one":
            motifs = [motifs[int(random.integers(len(motifs)))]]
        if not options.ordered:
            motifs = self._shuffled(motifs)
        found = []
        turned = options.orientation == "together" and bool(random.integers(2))
        for motif in motifs:
            bases = self._site(motif.ppm)
            if turned or (options.orientation == "random" and random.integers(2)):
                bases = DNA.reverse_complement(bases)
            found.append((bases, np.ones_like(bases)))
        if turned:
            found.reverse()
        return [self._spaced(found)] if options.spacing and len(found) > 1 else found

    def _spaced(self, found: list[tuple[Codes, Codes]]) -> tuple[Codes, Codes]:
        fewest, most = self.options.spacing
        codes, marks = found[0]
        for site, mark in found[1:]:
            gap = int(self.random.integers(fewest, most + 1))
            codes = np.concatenate([codes, np.full(gap, 4, np.uint8), site])
            marks = np.concatenate([marks, np.zeros(gap, np.uint8), mark])
        return codes, marks

    def _decoy(self) -> tuple[Codes, Codes]:
        ppm = self.motifs[int(self.random.integers(len(self.motifs)))].ppm
        site = self._site(ppm[:, self.random.permutation(ppm.shape[1])])
        return site, np.zeros_like(site)

    def _site(self, ppm: NDArray[np.float64]) -> Codes:
        below = np.cumsum(ppm, axis=0)[:3]
        return np.asarray((self.random.random(ppm.shape[1]) >= below).sum(axis=0), np.uint8)

    def _shuffled(self, items: list[T]) -> list[T]:
        return [items[int(place)] for place in self.random.permutation(len(items))]


def _starts(blocks: list[tuple[Codes, Codes]]) -> list[int]:
    """Return the number of bases of blocks before each."""
    ends = np.cumsum([0, *(len(block) for block, _ in blocks)])
    return [int(end) for end in ends[:-1]]
