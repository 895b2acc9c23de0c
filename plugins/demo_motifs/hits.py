"""Hits of motifs in every explained sequence, with match score and attribution: tables and genome-browser tracks."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from demo_core.data import SequenceDataset
from demo_core.errors import printable
from demo_core.results import Explanation
from demo_motifs.genome_coordinates import SIGN, genomic
from demo_motifs.per_base_scores import Floats, channels, read, rows_at_once
from demo_motifs.scanning import Hits, Scanner, without_overlaps

HEADS = (
    "motif", "name", "explanation", "id", "start", "end", "strand", "score", "p", "value", "fraction", "bases",
    "chrom", "chrom_start", "chrom_end", "chrom_strand",
)  # fmt: skip


class HitWriter:
    """Write hits as they are found: ``hits.tsv``, and ``hits.bed`` and ``hits.narrowPeak`` if ``placed``.

    ``value`` is the summed attribution under a hit (a trace has none, since it changes beside a site). ``fraction`` is
    ``value`` divided by the sum of absolute values of the sequence. In BED the score is ``-100 log10 p``, at most 1000.
    narrowPeak has the value as its signalValue, ``-log10 p`` as its pValue, -1 as its qValue, and the hit's
    middle as its peak.
    """

    def __init__(self, folder: Path, stem: str = "hits", *, placed: bool = False) -> None:
        self._folder, self._stem = folder, stem
        self._open = contextlib.ExitStack()
        self._table = self._file("tsv")
        self._table.write("\t".join(HEADS) + "\n")
        self._bed = self._file("bed") if placed else None
        self._peaks = self._file("narrowPeak") if placed else None
        self.count = 0

    def __enter__(self) -> HitWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add(
        self, sequences: SequenceDataset, hits: Hits, width: int, motif: str, name: str, explanation: str,
        values: Floats | None,
    ) -> None:  # fmt: skip
        """Write the hits of one motif in a block of sequences; ``values`` (n, L) are attributions."""
        if not len(hits):
            return
        places = genomic(sequences, hits.row, hits.start, hits.start + width, hits.strand)
        value, share = _values(values, hits, width)
        for i in range(len(hits)):
            row, start, strand = int(hits.row[i]), int(hits.start[i]), int(hits.strand[i])
            codes = sequences.codes[row, start : start + width]
            bases = sequences.alphabet.decode(sequences.alphabet.reverse_complement(codes) if strand < 0 else codes)
            here = [places.chrom[i], places.start[i], places.end[i], SIGN[int(places.strand[i])]]
            cells = [
                motif, name, explanation, sequences.ids[row], start, start + width, SIGN[strand],
                f"{hits.score[i]:.2f}", f"{hits.p[i]:.3g}", _number(value[i]), _number(share[i]), bases,
                *(here if places.chrom[i] else [""] * 4),
            ]  # fmt: skip
            self._table.write("\t".join(_text(c) for c in cells) + "\n")
            if places.chrom[i] and self._bed and self._peaks:
                self._track(_text(f"{name}|{motif}" if name else motif), here, float(hits.p[i]), value[i], width)
        self.count += len(hits)

    def _track(self, name: str, here: list[Any], p: float, value: float, width: int) -> None:
        assert self._bed is not None and self._peaks is not None
        chrom, start, end, strand = here
        log = -math.log10(max(p, 1e-300))
        score = min(1000, round(100 * log))
        name = name.replace(" ", "_")
        first = f"{_text(chrom)}\t{start}\t{end}\t{name}\t{score}\t{strand}"
        self._bed.write(first + "\n")
        signal = "0" if math.isnan(value) else f"{value:.6g}"
        self._peaks.write(f"{first}\t{signal}\t{log:.4f}\t-1\t{width // 2}\n")

    def _file(self, ending: str) -> TextIO:
        path = self._folder / f"{self._stem}.{ending}"
        return self._open.enter_context(path.open("w", encoding="utf-8"))


def scan_sequences(
    writer: HitWriter,
    source: SequenceDataset | Explanation,
    name: str,
    motifs: Sequence[tuple[str, str, Scanner]],
    done: Callable[[int], None] = lambda n: None,
) -> dict[str, dict[str, int]]:
    """Write the sites of motifs, each with its id and name, in a dataset or in an explanation's sequences.

    Sites of one motif do not overlap: the best is kept. Sequences are read block by block. Return for each motif the
    number of sites, of sequences with a site, and of sites on either strand.
    """
    sequences = source.sequences if isinstance(source, Explanation) else source
    counts = {motif: dict.fromkeys(("sites", "sequences", "forward", "reverse"), 0) for motif, _, _ in motifs}
    valued = isinstance(source, Explanation) and source.kind == "attribution"
    size = rows_at_once(sequences.length)
    for begin in range(0, len(sequences), size):
        rows = np.arange(begin, min(begin + size, len(sequences)))
        block = sequences.take(rows)
        values = None
        if isinstance(source, Explanation) and valued:
            values = read(source, channels(source)[0], rows).values
        for motif, label, scanner in motifs:
            hits = without_overlaps(scanner.hits(block.codes), scanner.width)
            writer.add(block, hits, scanner.width, motif, label, name, values)
            mine = counts[motif]
            mine["sites"] += len(hits)
            mine["sequences"] += len(np.unique(hits.row))
            mine["forward"] += int((hits.strand > 0).sum())
            mine["reverse"] += int((hits.strand < 0).sum())
        done(len(rows))
    return counts


def _values(values: Floats | None, hits: Hits, width: int) -> tuple[Floats, Floats]:
    if values is None:
        nothing = np.full(len(hits), np.nan)
        return nothing, nothing
    sums = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
    value = sums[hits.row, hits.start + width] - sums[hits.row, hits.start]
    whole = np.abs(values).sum(axis=1)[hits.row]
    return value, np.divide(value, whole, out=np.zeros_like(value), where=whole > 0)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.5g}"


def _text(value: object) -> str:
    return printable(value, 10_000).replace("\t", " ")
