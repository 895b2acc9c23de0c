"""Compare chunk sizes and compression of HDF5 files: writing, reading in blocks, and reading single sequences.

    python benchmarks/files.py [--sequences 30000] [--length 101] [--rounds 3]

Columns: gradients of an untrained cnn (values of all letters), the same for the letters of the sequence only, temporal
scores, and sequences as codes. All have Fletcher's checksum. Rounds are interleaved; rates are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from gradients import model_of
from numpy.typing import NDArray

from demo_core import explain
from demo_core.testing import tiny_dataset

ROOT = Path(__file__).parent.parent
ROWS, SINGLE = 3072, 50  # rows written and read at a time, and single rows read
FILTERS: dict[str, dict[str, Any]] = {
    "gzip 1": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "gzip 4": {"compression": "gzip", "compression_opts": 4, "shuffle": True},
    "lzf": {"compression": "lzf", "shuffle": True},
    "none": {},
}
CHUNKS = (1 << 16, 1 << 18, 1 << 20)


def columns(n: int, length: int) -> dict[str, NDArray[Any]]:
    data = tiny_dataset(n, length, unknown=False)
    gradients = explain("saliency", model_of("cnn", length), data).values[:]
    once = min(n, 2_000)
    scores = explain("temporal", model_of("rnn", length), data.take(np.arange(once))).values[:]
    own = gradients * data.alphabet.one_hot(data.codes[:])
    return {
        "gradients": gradients,
        "gradients of the sequence": own,
        "temporal scores": np.tile(scores, (-(-n // once), 1, 1))[:n],
        "codes": data.codes[:],
    }


def measure(path: Path, column: NDArray[Any], filters: dict[str, Any], chunk: int) -> dict[str, float]:
    row = column[0].nbytes
    rows = 1 << max(1, min(65536, chunk // row)).bit_length() - 1
    started = time.perf_counter()
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        shape = {"shape": (0, *column.shape[1:]), "maxshape": (None, *column.shape[1:])}
        chunks = (rows, *column.shape[1:])
        made = file.create_dataset("column", **shape, chunks=chunks, dtype=column.dtype, fletcher32=True, **filters)
        for start in range(0, len(column), ROWS):
            block = column[start : start + ROWS]
            made.resize(start + len(block), axis=0)
            made[start:] = block
    written = time.perf_counter()
    with h5py.File(path, "r") as file:
        for start in range(0, len(column), ROWS):
            file["column"][start : start + ROWS]
    read = time.perf_counter()
    with h5py.File(path, "r") as file:
        for place in np.random.default_rng(0).integers(0, len(column), SINGLE):
            file["column"][int(place)]
    single = time.perf_counter()
    return {"size": path.stat().st_size / column.nbytes, "write": column.nbytes / 1e6 / (written - started),
            "read": column.nbytes / 1e6 / (read - written), "single_ms": (single - read) / SINGLE * 1e3}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=30_000)
    parser.add_argument("--length", type=int, default=101)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "files.json")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, column in columns(given.sequences, given.length).items():
            cases = [(filters, chunk) for filters in FILTERS for chunk in CHUNKS]
            found: dict[tuple[str, int], list[dict[str, float]]] = {case: [] for case in cases}
            for number in range(given.rounds):
                for filters, chunk in cases if number % 2 == 0 else cases[::-1]:
                    path = Path(folder) / "file.h5"
                    found[filters, chunk].append(measure(path, column, FILTERS[filters], chunk))
            for (filters, chunk), rounds in found.items():
                medians = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
                rows.append({"column": name, "filter": filters, "chunk": chunk, "rounds": given.rounds,
                             "sequences": given.sequences, "length": given.length, **medians})  # fmt: skip
                print(rows[-1], flush=True)
    given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
