"""Compare `demo explain saliency` and `demo predict` as whole commands with the rate of the computation alone.

    python benchmarks/commands.py [--sequences 200000] [--rounds 3]

The sequences have 101 random bases, the networks are untrained. The time of a command is that of its process, less the
time of a process that imports torch. The computation alone runs in this process, in batches of 1,024 sequences in
memory. Rounds are interleaved; ratios are medians. The last row is a command for one sequence.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from gradients import model_of
from rounds import interleaved

from demo_core import Model
from demo_core.data import SequenceDataset
from demo_core.models import outputs_and_gradients
from demo_core.testing import tiny_dataset

ROOT = Path(__file__).parent.parent
BATCH = 1024
NETWORKS = ("cnn",)


def command(*words: object) -> None:
    """Run a command with an empty cache, so that it measures the batch size."""
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "XDG_CACHE_HOME": cache}
        subprocess.run([sys.executable, "-m", "demo_core", *map(str, words)], check=True, capture_output=True, env=env)


def import_torch() -> None:
    subprocess.run([sys.executable, "-c", "import torch"], check=True)


def engine(model: Model, data: SequenceDataset) -> None:
    for start in range(0, len(data), BATCH):
        outputs_and_gradients(model, model.one_hot(data.codes[start : start + BATCH]), model.target())


def rows_of(folder: Path, n: int, rounds: int) -> list[dict[str, object]]:
    data, one = tiny_dataset(n, 101, unknown=False), folder / "one.h5"
    data.save(folder / "data.h5")
    data.take([0]).save(one)
    found: list[dict[str, object]] = []
    for name in NETWORKS:
        model, path = model_of(name), folder / name
        model.save(path)
        explaining = ("explain", "saliency", path, "--split", "all", "--force", "-o", folder / "out")
        predicting = ("predict", path, folder / "data.h5", "-o", folder / "p.tsv", "--force")
        jobs: dict[str, Callable[[], object]] = {
            "torch": import_torch,
            "engine": functools.partial(engine, model, data),
            "predict": functools.partial(model.predict, data.codes[:]),
            "demo explain": functools.partial(command, *explaining, folder / "data.h5"),
            "demo predict": functools.partial(command, *predicting),
        }
        if name == "cnn":
            jobs["one sequence"] = functools.partial(command, *explaining, one)
        times = interleaved(jobs, rounds)
        base = statistics.median(times["torch"])
        about = {"architecture": name, "rounds": rounds, "threads": torch.get_num_threads(), "import_torch": base}
        for what, alone in (("demo explain", "engine"), ("demo predict", "predict")):
            pairs = zip(times[alone], times[what], strict=True)
            found.append({"what": what, "sequences": n, **about, "seconds": statistics.median(times[what]) - base,
                          "alone": statistics.median(times[alone]),
                          "ratio": statistics.median(a / (b - base) for a, b in pairs)})  # fmt: skip
            print(found[-1], flush=True)
        if name == "cnn":
            first = {"what": "one sequence", "sequences": 1, **about}
            first["seconds"] = statistics.median(times["one sequence"]) - base
            print(first, flush=True)
    return [*found, first]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "commands.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = rows_of(Path(folder), given.sequences, given.rounds)
    given.results.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
