"""Explanations for other programs: npz for TF-MoDISco, tables, genome-browser tracks. Streamed block by block."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.dataset import take_rows
from demo_core.errors import UsageProblem, printable
from demo_core.explanation import Explanation
from demo_core.files import whole_file


def write_npz(explanation: Explanation, stem: Path) -> list[Path]:
    """Two files that ``modisco motifs -s X.sequences.npz -a X.attributions.npz`` reads.

    Each holds one array, ``arr_0``, float32 (N, A, L): the one-hot sequences, and the values as they are stored, that
    is hypothetical ones where the explainer gives them. Kinds other than attribution have their own shape.
    """
    sequences, values = npz_files(explanation, stem)
    shape = (len(explanation), len(explanation.sequences.alphabet.letters), explanation.sequences.length)
    _write_array(sequences, shape, (explanation.one_hot(b) for b in explanation.blocks()))
    _write_array(values, explanation.values.shape, (explanation.values[b] for b in explanation.blocks()))
    return [sequences, values]


def npz_files(explanation: Explanation, stem: Path) -> list[Path]:
    """The files that ``write_npz`` writes."""
    name = stem.name.removesuffix(".npz")
    word = "attributions" if explanation.kind == "attribution" else explanation.kind
    return [stem.with_name(f"{name}.sequences.npz"), stem.with_name(f"{name}.{word}.npz")]


def write_tsv(explanation: Explanation, path: Path) -> list[Path]:
    """A row for each base: id, 0-based position, genomic position where known, base, and its numbers.

    For attributions: the value of the base that is there, then of each letter. For traces: each channel. For patterns:
    the value of the best letter, which takes the place of a base, then of each letter.
    """
    alphabet = explanation.sequences.alphabet
    if explanation.kind in ("attribution", "pattern"):
        heads = ["value", *(f"value:{letter}" for letter in alphabet.letters)]
    elif explanation.kind == "trace":
        heads = [printable(c) for c in explanation.metadata["channels"]]
    else:
        raise UsageProblem(f"kind {explanation.kind} has no value for each base: use --npz")
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("\t".join(["id", "position", "chrom", "genomic_position", "base", *heads]) + "\n")
        for block in explanation.blocks(256):
            sequences = explanation.sequences.take(block)
            numbers = _numbers(explanation, block)
            for row in range(len(sequences)):
                interval = sequences.interval(row)
                name = printable(sequences.ids[row], 10_000)
                for place, base in enumerate(alphabet.decode(sequences.codes[row])):
                    where = (
                        [printable(interval.chrom), str(interval.position(place))] if interval is not None else ["", ""]
                    )
                    cells = [f"{v:.6g}" for v in numbers[row, :, place]]
                    file.write("\t".join([name, str(place), *where, base, *cells]) + "\n")
    return [path]


def write_bedgraph(explanation: Explanation, path: Path) -> list[Path]:
    """The value of the base that is there, as a bedGraph track; where windows overlap, their mean.

    Values of sequences on the minus strand are placed on the bases they belong to. Raises UsageProblem without
    intervals, or for kinds other than attribution.
    """
    sequences = explanation.sequences
    if explanation.kind != "attribution":
        raise UsageProblem(f"kind {explanation.kind} has no one value for each base: use --npz or --tsv")
    if sequences.intervals is None or not (sequences.intervals[:, 0] >= 0).any():
        raise UsageProblem("the sequences have no intervals, so they have no place in a genome: use --npz or --tsv")
    chroms = sequences.intervals[:, 0]
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f'track type=bedGraph name="{_track_name(explanation)}"\n')
        for code in sorted(set(chroms[chroms >= 0].tolist()), key=lambda c: sequences.chroms[c]):
            positions, means = _means(explanation, np.flatnonzero(chroms == code))
            name = "".join(c for c in printable(sequences.chroms[code]) if not c.isspace())
            for position, mean in zip(positions.tolist(), means.tolist(), strict=True):
                file.write(f"{name}\t{position}\t{position + 1}\t{mean:.6g}\n")
    return [path]


def _means(explanation: Explanation, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions on one chromosome, ascending, and the mean value at each; places before its start are left out."""
    actual, at = [], []
    for start in range(0, len(rows), 1024):
        mine = rows[start : start + 1024]
        sequences = explanation.sequences.take(mine)
        values = take_rows(explanation.values, mine).astype(np.float64)
        actual.append((values * sequences.alphabet.one_hot(sequences.codes)).sum(axis=1))
        place = np.arange(sequences.length)
        first, end, strand = sequences.intervals[:, 1:].T[..., None]
        at.append(np.where(strand < 0, end - 1 - place, first + place))
    positions, totals = np.concatenate(at).ravel(), np.concatenate(actual).ravel()
    keep = positions >= 0
    found, which = np.unique(positions[keep], return_inverse=True)
    summed = np.bincount(which, weights=totals[keep], minlength=len(found))
    return found, summed / np.bincount(which, minlength=len(found))


def _numbers(explanation: Explanation, block: slice) -> NDArray[Any]:
    values = np.asarray(explanation.values[block])
    if explanation.kind == "trace":
        return values
    actual = (values * explanation.one_hot(block)).sum(axis=1, keepdims=True)
    return np.concatenate([actual, values], axis=1)


def _write_array(path: Path, shape: tuple[int, ...], blocks: Iterator[NDArray[np.float32]]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": tuple(int(n) for n in shape)}
    with (
        whole_file(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("arr_0.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        for block in blocks:
            member.write(np.ascontiguousarray(block, "<f4").tobytes())


def _track_name(explanation: Explanation) -> str:
    text = f"{explanation.model_name} {explanation.explainer} {explanation.target}"
    return printable(text, 100).replace('"', "'")


WRITERS: dict[str, tuple[str, Callable[[Explanation, Path], list[Path]]]] = {
    "npz": ("", write_npz),
    "tsv": (".tsv", write_tsv),
    "bedgraph": (".bedgraph", write_bedgraph),
}
