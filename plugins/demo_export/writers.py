"""Explanations for other programs: npz for TF-MoDISco, and tables. Both are written block by block."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import UsageProblem, printable
from demo_core.results import Explanation
from demo_export.tracks import bigwig_files, write_bedgraph, write_bigwig


def write_npz(explanation: Explanation, paths: Sequence[Path]) -> None:
    """Write the two files of ``npz_files``, for ``modisco motifs -s X.sequences.npz -a X.attributions.npz``.

    Each holds one array ``arr_0``, float32 (N, A, L): the one-hot sequences, and the stored values (hypothetical ones
    if the explainer has them). Kinds other than attribution have their own shape.
    """
    sequences, values = paths
    shape = (len(explanation), len(explanation.sequences.alphabet.letters), explanation.sequences.length)
    _write_array(sequences, shape, (explanation.one_hot(b) for b in explanation.blocks()))
    _write_array(values, explanation.values.shape, (explanation.values[b] for b in explanation.blocks()))


def npz_files(explanation: Explanation, stem: Path) -> list[Path]:
    """Return the files that ``write_npz`` writes."""
    name = stem.name.removesuffix(".npz")
    word = "attributions" if explanation.kind == "attribution" else explanation.kind
    return [stem.with_name(f"{name}.sequences.npz"), stem.with_name(f"{name}.{word}.npz")]


def write_tsv(explanation: Explanation, paths: Sequence[Path]) -> None:
    """Write one row per base: id, 0-based position, genomic position if known, base, and values.

    For attributions: the value of the base that is present, then of each letter. For traces: each channel. For
    patterns: the value of the best letter, which replaces the base, then of each letter.
    """
    alphabet = explanation.sequences.alphabet
    if explanation.kind in ("attribution", "pattern"):
        heads = ["value", *(f"value:{letter}" for letter in alphabet.letters)]
    elif explanation.kind == "trace":
        heads = [printable(c) for c in explanation.provenance.channels]
    else:
        raise UsageProblem(f"kind {explanation.kind} has no values per base; use --npz")
    with paths[0].open("w", encoding="utf-8") as file:
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


def write_table(explanation: Explanation, paths: Sequence[Path]) -> None:
    """Write one row per sequence: id, interval, labels, outputs, target, baseline, and the explainer's own numbers."""
    told, sequences = explanation.provenance, explanation.sequences
    labels = [f"label:{printable(name)}" for name in sequences.targets]
    outputs = [f"output:{printable(output.name)}" for output in told.model.outputs]
    extras = [printable(name) for name in told.extras]
    columns = [sequences.labels, explanation.outputs, explanation.target_values]
    heads = [*labels, *outputs, "target"]
    if explanation.baseline is not None:
        heads.append("baseline")
        columns.append(explanation.baseline)
    if extras:
        columns.append(explanation.extras)
    with paths[0].open("w", encoding="utf-8") as file:
        file.write("\t".join(["id", "chrom", "start", "end", "strand", *heads, *extras]) + "\n")
        for block in explanation.blocks():
            some = sequences.take(block)
            numbers = np.concatenate([np.asarray(c[block]).reshape(len(some), -1) for c in columns], axis=1)
            for row in range(len(some)):
                at = some.interval(row)
                where = [printable(at.chrom), str(at.start), str(at.end), at.strand] if at is not None else [""] * 4
                cells = ["" if np.isnan(v) else f"{v:.6g}" for v in numbers[row]]
                file.write("\t".join([printable(some.ids[row], 10_000), *where, *cells]) + "\n")


def _numbers(explanation: Explanation, block: slice) -> NDArray[Any]:
    values = np.asarray(explanation.values[block])
    if explanation.kind == "trace":
        return values
    actual = (values * explanation.one_hot(block)).sum(axis=1, keepdims=True)
    return np.concatenate([actual, values], axis=1)


def _write_array(path: Path, shape: tuple[int, ...], blocks: Iterator[NDArray[np.float32]]) -> None:
    header = {"descr": "<f4", "fortran_order": False, "shape": tuple(int(n) for n in shape)}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("arr_0.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        for block in blocks:
            member.write(np.ascontiguousarray(block, "<f4").tobytes())


#: Suffix of each format, and its writer.
WRITERS: dict[str, tuple[str, Callable[[Explanation, Sequence[Path]], None]]] = {
    "npz": ("", write_npz),
    "tsv": (".tsv", write_tsv),
    "table": (".table.tsv", write_table),
    "bedgraph": (".bedgraph", write_bedgraph),
    "bigwig": (".bw", write_bigwig),
}


def files_of(form: str, explanation: Explanation, stem: Path) -> list[Path]:
    """Return the files of a format."""
    if form == "npz":
        return npz_files(explanation, stem)
    return bigwig_files(stem) if form == "bigwig" else [stem]
