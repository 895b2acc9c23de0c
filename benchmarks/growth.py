"""Measure time and peak memory of commands for growing data: more sequences, and longer ones.

    python benchmarks/growth.py [--largest 1000000] [--bases 10000000] [--by sequences|length]

- 1,000 to 1,000,000 sequences of 101 bases, in steps of the square root of 10.
- 101 to 100,000 bases, with 10,000,000 bases in total.

Half of the sequences carry a motif. A cnn learns it from 2,000 sequences of 101 bases; networks for other lengths have
the same weights. Each command runs once, in a process of its own. Times include start-up. The script writes
docs/benchmarks/growth.json and docs/images/growth.png.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from demo_train.training import TrainingSettings, train
from gradients import model_of

from demo_core import Model, SequenceDataset

ROOT = Path(__file__).parent.parent
MOTIF = "TGACTCAGCA"
COMMANDS = ("import", "predict", "saliency", "motifs", "dashboard")
STEP = 10**0.5
#: Starts a command and prints its seconds and peak kilobytes. The peak of a process includes that of the process which
#: starts it, so this one has to be small.
LAUNCHER = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def write_fasta(path: Path, n: int, length: int) -> None:
    """Write random sequences, the motif in every second one."""
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        for first in range(0, n, rows := max(1, 10_000_000 // length)):
            letters = np.frombuffer(b"ACGT", np.uint8)[random.integers(0, 4, (min(rows, n - first), length), np.uint8)]
            for row, start in enumerate(random.integers(0, length - len(MOTIF) + 1, len(letters))):
                label = (first + row) % 2
                if label:
                    letters[row, start : start + len(MOTIF)] = np.frombuffer(MOTIF.encode(), np.uint8)
                file.write(b">%d\n%s\n" % (label, letters[row].tobytes()))


def trained(folder: Path) -> Model:
    write_fasta(folder / "train.fa", 2000, 101)
    run("data", "import", folder / "train.fa", "-o", folder / "train.h5", "--negatives", "none")
    model = model_of("cnn", 101)
    with SequenceDataset.open(folder / "train.h5") as data:
        train(model, data, TrainingSettings(epochs=12))
    return model


def for_length(model: Model, length: int) -> Model:
    """Return a network for another length, with the same weights."""
    made = model_of("cnn", length)
    made.module.load_state_dict(model.module.state_dict())
    return made


def run(*words: object) -> tuple[float, float]:
    """Run a command. Return its seconds and its peak memory in MiB."""
    line = [sys.executable, "-c", LAUNCHER, sys.executable, "-m", "demo_core", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"demo {' '.join(map(str, words))} failed:\n{done.stderr}")
    seconds, kilobytes = map(float, done.stdout.splitlines()[-1].split())
    return seconds, kilobytes / 1024


def measure(folder: Path, model: Model, n: int, length: int) -> list[dict[str, object]]:
    place = folder / "run"
    place.mkdir()
    write_fasta(place / "data.fa", n, length)
    for_length(model, length).save(place / "cnn")
    data, explanation = place / "data.h5", place / "cnn.saliency.h5"
    lines = {
        "import": ("data", "import", place / "data.fa", "-o", data, "--negatives", "none"),
        "predict": ("predict", place / "cnn", data, "-o", place / "predictions.tsv"),
        "saliency": ("explain", "saliency", place / "cnn", data, "--split", "all", "-o", place),
        "motifs": ("motifs", "find", explanation, "-o", place / "motifs"),
        "dashboard": ("dashboard", explanation, "-o", place / "report.html"),
    }
    rows: list[dict[str, object]] = []
    for what, line in lines.items():
        seconds, megabytes = run(*line)
        rows.append({"what": what, "sequences": n, "length": length, "seconds": seconds, "megabytes": megabytes})
        print(rows[-1], flush=True)
    shutil.rmtree(place)
    return rows


def draw(rows: list[dict[str, object]], path: Path) -> None:
    """Plot seconds and MiB against the number of sequences, and against their length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col")
    for column, (by, label) in enumerate((("sequences", "sequences of 101 bases"), ("length", "length in bases"))):
        for row, (value, unit) in enumerate((("seconds", "seconds"), ("megabytes", "peak memory, MiB"))):
            for what in COMMANDS:
                points = [(r[by], r[value]) for r in rows if r["what"] == what and r["by"] == by]
                axes[row, column].plot(*zip(*points, strict=True), marker="o", label=what)
            axes[row, column].set(xscale="log", yscale="log", ylabel=unit, xlabel=label if row else "")
    axes[0, 0].legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=1_000_000, help="largest number of sequences")
    parser.add_argument("--bases", type=int, default=10_000_000, help="bases in total, for growing lengths")
    parser.add_argument("--by", choices=["sequences", "length"], help="grow only these; keep the other results")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "growth.json")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs" / "images" / "growth.png")
    given = parser.parse_args()
    numbers = [n for n in (round(1000 * STEP**i) for i in range(20)) if n <= given.largest]
    lengths = [101, *(round(100 * STEP**i) for i in range(1, 7))]
    lengths = [length for length in lengths if length <= given.bases // 10]
    cases = {
        "sequences": [(n, 101) for n in numbers],
        "length": [(given.bases // length, length) for length in lengths],
    }
    before = json.loads(given.results.read_text()) if given.by else []
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        model = trained(Path(folder))
        for by, pairs in cases.items():
            if given.by in (None, by):
                rows += [{**row, "by": by} for pair in pairs for row in measure(Path(folder), model, *pair)]
            else:
                rows += [row for row in before if row["by"] == by]
    given.results.write_text(json.dumps(rows, indent=1) + "\n")
    draw(rows, given.figure)


if __name__ == "__main__":
    main()
