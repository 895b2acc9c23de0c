"""How fast the small things are: start-up, shuffles, logos. Interleaved, medians of several rounds.

    python benchmarks/speed.py [--rounds 7]

Start-up is compared with an empty Python; the dinucleotide shuffle with tangermeme's and the logo with logomaker's,
where those are installed (pip install tangermeme logomaker).
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np


def start_up() -> dict[str, Callable[[], None]]:
    def run(*arguments: str) -> Callable[[], None]:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL) and None

    return {"demo --help": run("-m", "demo_core", "--help"), "python -c pass": run("-c", "pass")}


def shuffling() -> dict[str, Callable[[], None]]:
    from demo_core.sequences import DNA
    from demo_core.shuffling import dinucleotide_shuffle

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

    from demo_core.drawing import draw_logo

    random = np.random.default_rng(0)
    heights = random.normal(size=(4, 100)) * (random.random((4, 100)) < 0.25)
    axes = Figure().subplots()  # once: making axes takes longer than a logo
    jobs: dict[str, Callable[[], None]] = {"draw_logo, 100 positions": lambda: draw_logo(axes, heights)}
    if importlib.util.find_spec("logomaker"):
        import logomaker
        import pandas

        table = pandas.DataFrame(heights.T, columns=list("ACGT"))
        jobs["logomaker's, 100 positions"] = lambda: logomaker.Logo(table, ax=axes) is None or None
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for jobs in (start_up(), shuffling(), logos()):
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for job in jobs.values():
            job()
        for _ in range(rounds):
            for name, job in jobs.items():
                started = time.perf_counter()
                job()
                times[name].append(time.perf_counter() - started)
        ours, *rivals = times
        for name, measured in times.items():
            print(f"{name}: {statistics.median(measured) * 1000:.1f} ms")
        for rival in rivals:
            ratios = [b / a for a, b in zip(times[ours], times[rival], strict=True)]
            print(f"  {rival} / {ours}: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
