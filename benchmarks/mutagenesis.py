"""Compare ism with tangermeme's saturation mutagenesis on the same weights.

    python benchmarks/mutagenesis.py [--rounds 5]

Networks are untrained, with default options. tangermeme runs frozen plain modules (reference_networks.py) at its best
batch of 64, 256 and 1,024: the plain way, and its fast way, which it otherwise tries only on jobs of 30 seconds.
DeMo runs ``explain("ism", model, data)`` at its defaults. Values are compared before anything is timed. Rounds are
interleaved; ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path

import tangermeme.saturation_mutagenesis as rival
import torch
from gradients import model_of
from reference_networks import plain_network
from rounds import best_of, interleaved, ratio
from torch import Tensor, nn

from demo_core import explain
from demo_core.testing import tiny_dataset

ROOT = Path(__file__).parent.parent
BATCHES = (64, 256, 1024)
#: Architecture, length in bases, and number of sequences
CASES = (("cnn", 101, 48), ("cnn", 1000, 2), ("rnn", 101, 48), ("cnn-rnn", 101, 24))


def theirs(module: nn.Module, x: Tensor, size: int, *, fast: bool) -> Tensor:
    rival._FAST_MIN_SECONDS = 0 if fast else 1e9
    options = {"hypothetical": True, "batch_size": size, "device": x.device.type, "verbose": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it falls back to the plain way
        return rival.saturation_mutagenesis(module, x, fast=fast, **options)


def row(architecture: str, length: int, n: int, rounds: int) -> list[dict[str, object]]:
    """Time one case. Raises RuntimeError if values differ by more than 1e-5 of the largest."""
    model, data = model_of(architecture, length), tiny_dataset(n, length, unknown=False)
    module, x = plain_network(model), model.one_hot(data.codes[:])
    values = torch.from_numpy(explain("ism", model, data).values)
    true = theirs(module, x, 256, fast=False)
    # values are differences of outputs, whose rounding errors remain
    allowed = 1e-5 * float(true.abs().max()) + 1e-6 * float(module(x).detach().abs().max()) + 1e-7
    if (error := float((values - true).abs().max())) > allowed:
        raise RuntimeError(f"{architecture}, {length} bases: values differ by {error:.1e}")
    jobs: dict[str, Callable[[], object]] = {"DeMo": lambda: explain("ism", model, data)}
    ways = ("plain", "fast") if architecture == "cnn" else ("plain",)  # the fast way does not apply to an LSTM
    for size in BATCHES:
        for way in ways:
            jobs[f"{way}, {size}"] = lambda size=size, way=way: theirs(module, x, size, fast=way == "fast")  # type: ignore[misc]
    times = interleaved(jobs, rounds)
    found = []
    for way in ways:
        best = best_of(times, [f"{way}, {size}" for size in BATCHES])
        found.append({
            "what": f"tangermeme, {way}", "architecture": architecture, "length": length, "sequences": n,
            "DeMo": statistics.median(times["DeMo"]), "rival": statistics.median(times[best]),
            "batch": int(best.split(", ")[1]), "ratio": ratio(times, "DeMo", best), "rounds": rounds,
            "threads": torch.get_num_threads(), "torch": torch.__version__,
        })  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "mutagenesis.json")
    given = parser.parse_args()
    rows = []
    for case in CASES:
        rows += row(*case, given.rounds)
        print(*(r for r in rows if (r["architecture"], r["length"]) == case[:2]), sep="\n", flush=True)
        given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
