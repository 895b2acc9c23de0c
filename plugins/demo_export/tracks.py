"""Genome-browser tracks of attributions: bedGraph and bigWig, one chromosome at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo_core.data import take_rows
from demo_core.errors import DemoError, UsageProblem, printable
from demo_core.results import Explanation
from demo_core.sequences import BadSource, text_lines

_AT_ONCE = 1 << 20
#: bigWig stores positions in 32 bits.
_LONGEST = 1 << 32


def write_bedgraph(explanation: Explanation, paths: Sequence[Path]) -> None:
    """Write the attribution of the base that is present as bedGraph; where windows overlap, the mean.

    Values of sequences on the minus strand are placed on their bases. Raises UsageProblem without intervals, or for
    kinds other than attribution.
    """
    _check(explanation)
    with paths[0].open("w", encoding="utf-8") as file:
        file.write(f'track type=bedGraph name="{_track_name(explanation)}"\n')
        for chrom, positions, means, _ in _chromosomes(explanation):
            name = "".join(c for c in printable(chrom) if not c.isspace())
            for position, mean in zip(positions.tolist(), means.tolist(), strict=True):
                file.write(f"{name}\t{position}\t{position + 1}\t{mean:.6g}\n")


def write_bigwig(explanation: Explanation, paths: Sequence[Path], chrom_sizes: Path | None = None) -> None:
    """Write the same as bigWig, and the number of windows in each mean (``X.count.bw``), see ``bigwig_files``.

    Parameters
    ----------
    chrom_sizes
        A table of chromosome and size. Default: sizes stored in the data.

    Raises
    ------
    UsageProblem
        Without intervals or sizes, for kinds other than attribution, or without pyBigWig.
    DemoError
        If a sequence lies beyond the end of its chromosome.
    """
    _check(explanation)
    try:
        import pyBigWig
    except ImportError:
        raise UsageProblem("--bigwig needs pyBigWig: pip install 'deep-motif-dashboard[tracks]'") from None
    header = _header(explanation, chrom_sizes)
    files = [pyBigWig.open(str(p), "w") for p in paths]
    try:
        for file in files:
            file.addHeader(list(header.items()))
        for chrom, positions, means, counts in _chromosomes(explanation):
            _check_end(chrom, positions, header[chrom])
            for file, numbers in zip(files, (means, counts.astype(np.float64)), strict=True):
                _add(file, chrom, positions, numbers)
    finally:
        for file in files:
            file.close()


def bigwig_files(path: Path) -> list[Path]:
    """Return the files that ``write_bigwig`` writes."""
    stem = path.stem if path.suffix.lower() in (".bw", ".bigwig") else path.name
    return [path, path.with_name(f"{stem}.count.bw")]


def _add(file: object, chrom: str, positions: NDArray[np.int64], numbers: NDArray[np.float64]) -> None:
    for start in range(0, len(positions), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        starts = positions[part]
        file.addEntries(  # type: ignore[attr-defined]
            [chrom] * len(starts), starts.tolist(), ends=(starts + 1).tolist(), values=numbers[part].tolist()
        )


def _header(explanation: Explanation, chrom_sizes: Path | None) -> dict[str, int]:
    """Return sizes of the chromosomes with sequences, sorted by name."""
    sequences = explanation.sequences
    codes = sequences.intervals[:, 0]
    used = sorted({sequences.chroms[c] for c in set(codes[codes >= 0].tolist())})
    genome = sequences.info.get("genome")
    known = genome.get("chrom_sizes") if isinstance(genome, dict) else None
    sizes = _read_sizes(chrom_sizes) if chrom_sizes else known if isinstance(known, dict) else {}
    missing = [chrom for chrom in used if not isinstance(sizes.get(chrom), int) or sizes[chrom] < 1]
    if missing:
        where = f"{printable(chrom_sizes)} does not have" if chrom_sizes else "the data does not say"
        raise UsageProblem(
            f"{where} the size of '{printable(missing[0], 40)}'; give a table of chromosome and size with --chrom-sizes"
        )
    if too_long := [chrom for chrom in used if sizes[chrom] >= _LONGEST]:
        where = printable(chrom_sizes) if chrom_sizes else "the data"
        raise UsageProblem(
            f"{where}: chromosome '{printable(too_long[0], 40)}' has {sizes[too_long[0]]} bases, and a bigWig holds "
            f"fewer than {_LONGEST}; correct the table"
        )
    return {chrom: sizes[chrom] for chrom in used}


def _read_sizes(path: Path) -> dict[str, int]:
    sizes = {}
    for number, line in text_lines(path):
        cells = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or line.startswith("#"):
            continue
        if len(cells) < 2 or not (cells[1].strip().isascii() and cells[1].strip().isdecimal()):
            raise BadSource(path, "expected a chromosome and its size", f"line {number}")
        sizes[cells[0]] = int(cells[1])
    return sizes


def _check_end(chrom: str, positions: NDArray[np.int64], size: int) -> None:
    if len(positions) and positions[-1] >= size:
        raise DemoError(
            f"'{printable(chrom, 40)}' has {size} bases, a sequence reaches base {int(positions[-1]) + 1}: "
            "use the sizes of the same assembly"
        )


def _check(explanation: Explanation) -> None:
    sequences = explanation.sequences
    if explanation.kind != "attribution":
        possible = "--npz" if explanation.kind == "interaction" else "--npz or --tsv"
        raise UsageProblem(f"kind {explanation.kind} does not have one value per base; use {possible}")
    if sequences.intervals is None or not (sequences.intervals[:, 0] >= 0).any():
        raise UsageProblem("the sequences have no intervals, so tracks are impossible; use --npz or --tsv")


def _chromosomes(
    explanation: Explanation,
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]]:
    """Yield each chromosome with its positions, their mean values, and the number of windows at each."""
    sequences = explanation.sequences
    chroms = sequences.intervals[:, 0]
    for code in sorted(set(chroms[chroms >= 0].tolist()), key=lambda c: sequences.chroms[c]):
        yield sequences.chroms[code], *_means(explanation, np.flatnonzero(chroms == code))


def _means(
    explanation: Explanation, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return positions on one chromosome, ascending, with mean value and number of windows.

    Positions before the start of the chromosome, unknown bases and non-finite values are excluded.
    """
    actual, at, known = [], [], []
    for start in range(0, len(rows), 1024):
        mine = rows[start : start + 1024]
        sequences = explanation.sequences.take(mine)
        values = take_rows(explanation.values, mine).astype(np.float64)
        actual.append((values * sequences.alphabet.one_hot(sequences.codes)).sum(axis=1))
        known.append(sequences.codes < sequences.alphabet.unknown)
        place = np.arange(sequences.length)
        first, end, strand = sequences.intervals[:, 1:].T[..., None]
        at.append(np.where(strand < 0, end - 1 - place, first + place))
    positions, totals = np.concatenate(at).ravel(), np.concatenate(actual).ravel()
    # padding is no base, and a non-finite value has no meaning
    keep = (positions >= 0) & np.concatenate(known).ravel() & np.isfinite(totals)
    found, which = np.unique(positions[keep], return_inverse=True)
    summed = np.bincount(which, weights=totals[keep], minlength=len(found))
    windows = np.bincount(which, minlength=len(found))
    return found, summed / windows, windows


def _track_name(explanation: Explanation) -> str:
    text = f"{explanation.model_name} {explanation.explainer} {explanation.target}"
    return printable(text, 100).replace('"', "'")
