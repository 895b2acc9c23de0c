"""Measure `demo data import`: megabases per second of sequence.

    python benchmarks/importing.py [--megabases 20] [--rounds 5]

- FASTA with >1 and >0 headers, `--negatives none`, at 101 and 2,114 bases.
- FASTA with names as headers, and sequences in lines of 60 bases.
- BED with windows of 101 and 1,000 bases, at random places of a genome of 40 megabases.

The time of a command is that of its process, less the time of the same command for two sequences. Rounds are
interleaved; rates are medians. First, the sequences of each dataset file are compared with those of its source.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rounds import interleaved

from demo_core import SequenceDataset

ROOT = Path(__file__).parent.parent
LETTERS = np.frombuffer(b"ACGT", np.uint8)
GENOME_BASES = 40_000_000
#: Minimum rate in megabases per second, by kind and length
BARS = {("FASTA, labels", 101): 50, ("FASTA, labels", 2114): 50, ("BED", 101): 15, ("BED", 1000): 15}


def write_fasta(path: Path, codes: NDArray[np.uint8], *, names: bool) -> None:
    with path.open("wb") as file:
        for number, row in enumerate(LETTERS[codes]):
            text = row.tobytes()
            lines = [text[i : i + 60] for i in range(0, len(text), 60)] if names else [text]
            file.write(b">%s\n%s\n" % (b"peak_%d" % number if names else b"01"[number % 2 :][:1], b"\n".join(lines)))


def write_genome(path: Path, codes: NDArray[np.uint8]) -> None:
    lines = np.full((len(codes) // 50, 51), ord("\n"), np.uint8)
    lines[:, :50] = LETTERS[codes].reshape(-1, 50)
    path.write_bytes(b">chr1\n" + lines.tobytes())


def write_bed(path: Path, starts: NDArray[np.int64], width: int) -> None:
    path.write_text("".join(f"chr1\t{start}\t{start + width}\n" for start in starts))


def import_(source: Path, *options: object) -> Path:
    output = source.with_suffix(".h5")
    words = ["data", "import", source, "-o", output, "--negatives", "none", "--force", *options]
    subprocess.run([sys.executable, "-m", "demo_core", *map(str, words)], check=True, capture_output=True)
    return output


def check(output: Path, codes: NDArray[np.uint8]) -> None:
    with SequenceDataset.open(output) as data:
        assert np.array_equal(data.codes[:], codes), f"{output.name} has other sequences than its source"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabases", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "importing.json")
    given = parser.parse_args()
    random = np.random.default_rng(0)
    genome = random.integers(0, 4, GENOME_BASES).astype(np.uint8)
    jobs: dict[str, Callable[[], object]] = {}
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_genome(place / "genome.fa", genome)
        for kind, length in [*BARS, ("FASTA, names", 101)]:
            n = int(given.megabases * 1e6) // length
            for number in (n, 2):
                source = place / f"{kind.replace(', ', '-')}-{length}-{number}"
                options: tuple[object, ...] = ()
                if kind == "BED":
                    starts = random.integers(0, GENOME_BASES - length, number)
                    source = source.with_suffix(".bed")
                    write_bed(source, starts, length)
                    codes = genome[starts[:, None] + np.arange(length)]
                    options = ("--genome", place / "genome.fa", "--width", length)
                else:
                    codes = random.integers(0, 4, (number, length)).astype(np.uint8)
                    source = source.with_suffix(".fa")
                    write_fasta(source, codes, names=kind == "FASTA, names")
                check(import_(source, *options), codes)
                jobs[f"{kind} {length} {number == 2}"] = functools.partial(import_, source, *options)
            rows.append({"what": kind, "length": length, "sequences": n})
        times = interleaved(jobs, given.rounds)
    for row in rows:
        whole, start = (times[f"{row['what']} {row['length']} {small}"] for small in (False, True))
        base = statistics.median(start)
        row["start_up"] = base
        row["seconds"] = statistics.median(whole) - base
        megabases = int(str(row["sequences"])) * int(str(row["length"])) / 1e6
        row["megabases_per_second"] = statistics.median(megabases / (seconds - base) for seconds in whole)
        bar = BARS.get((str(row["what"]), int(str(row["length"]))))
        if bar:
            row["ratio"] = float(str(row["megabases_per_second"])) / bar  # of the minimum rate
        print(row, flush=True)
    given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
