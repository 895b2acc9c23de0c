"""Time start-up, shuffles, logos and explainers. Measurements are interleaved; medians are reported.

    python benchmarks/speed.py [--rounds 7]

- Start-up: compared with an empty Python program.
- Dinucleotide shuffle: compared with tangermeme, and logos with logomaker (pip install tangermeme logomaker).
- Temporal scores: compared with a loop over prefixes.
- Restarts of class optimisation: compared with separate runs.

The script writes docs/benchmarks/speed.json, from which docs/generate.py makes the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent


def start_up() -> dict[str, Callable[[], None]]:
    def run(*arguments: str) -> Callable[[], None]:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL) and None

    return {"demo --help": run("-m", "demo_core", "--help"), "python -c pass": run("-c", "pass")}


def shuffling() -> dict[str, Callable[[], None]]:
    from demo_core.sequences.alphabets import DNA
    from demo_core.sequences.shuffling import dinucleotide_shuffle

    n = 100_000
    codes = np.random.default_rng(0).integers(0, 4, (n, 101)).astype(np.uint8)
    jobs: dict[str, Callable[[], None]] = {
        f"dinucleotide_shuffle, {n:,} x 101": lambda: (
            dinucleotide_shuffle(codes, np.random.default_rng(1)) is None or None
        )
    }
    if importlib.util.find_spec("tangermeme"):
        import torch
        from tangermeme.ersatz import dinucleotide_shuffle as theirs

        x = torch.from_numpy(DNA.one_hot(codes))
        jobs[f"tangermeme's, {n:,} x 101"] = lambda: theirs(x, n=1, random_state=0) is None or None
    return jobs


def logos() -> dict[str, Callable[[], None]]:
    from matplotlib.figure import Figure

    from demo_core.views.drawing import draw_logo

    random = np.random.default_rng(0)
    heights = random.normal(size=(4, 100)) * (random.random((4, 100)) < 0.25)
    axes = Figure().subplots()  # made once: axes take longer than a logo
    jobs: dict[str, Callable[[], None]] = {"draw_logo, 100 positions": lambda: draw_logo(axes, heights)}
    if importlib.util.find_spec("logomaker"):
        import logomaker
        import pandas

        table = pandas.DataFrame(heights.T, columns=list("ACGT"))
        jobs["logomaker's, 100 positions"] = lambda: logomaker.Logo(table, ax=axes) is None or None
    return jobs


def temporal() -> dict[str, Callable[[], None]]:
    """Time forward scores of a unidirectional rnn: one pass, and a loop over prefixes."""
    import torch

    from demo_core.testing import tiny_dataset, tiny_model

    model = tiny_model("rnn", length=101, units=32, unidirectional=True)
    x = model.one_hot(tiny_dataset(16, 101).codes)

    def one_pass() -> None:
        with torch.no_grad():
            model.module.prefix_logits(x)

    def loop() -> None:
        with torch.no_grad():
            for row in range(len(x)):
                for end in range(1, x.shape[2] + 1):
                    model.module(x[row : row + 1, :, :end])

    return {"temporal forward in one pass, rnn, 16 x 101": one_pass, "a loop over prefixes": loop}


def restarts() -> dict[str, Callable[[], None]]:
    """Time 64 restarts of class optimisation of the default cnn, 20 steps each: one run, and 64 runs."""
    from demo_core import explain
    from demo_core.testing import tiny_model

    model = tiny_model("cnn", length=101, filters=(128, 128, 128), widths=(9, 5, 3))

    def run(n: int, seed: int) -> None:
        explain("class-optimization", model, steps=20, restarts=n, seed=seed)

    return {
        "64 restarts in one run, cnn, 20 steps": lambda: run(64, 0),
        "in 64 runs": lambda: [run(1, seed) for seed in range(64)] and None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "speed.json")
    given = parser.parse_args()
    rows = []
    for jobs in (start_up(), shuffling(), logos(), temporal(), restarts()):
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for job in jobs.values():
            job()
        for _ in range(given.rounds):
            for name, job in jobs.items():
                started = time.perf_counter()
                job()
                times[name].append(time.perf_counter() - started)
        ours, *rivals = times
        for rival in rivals or [None]:
            row = {"ours": ours, "milliseconds": statistics.median(times[ours]) * 1000, "rival": rival}
            if rival:
                row["rival_milliseconds"] = statistics.median(times[rival]) * 1000
                row["ratio"] = statistics.median(b / a for a, b in zip(times[ours], times[rival], strict=True))
            print(row, flush=True)
            rows.append(row)
    given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
