"""Compare temporal scores with a loop over prefixes and suffixes, and class optimisation with its gradients alone.

    python benchmarks/explainers.py [--sequences 256] [--rounds 7]

Temporal scores are those of bidirectional networks. The loop runs frozen plain modules (reference_networks.py) at their
best batch of 64, 256 and 1,024 sequences. DeMo runs ``explain("temporal", model, data)`` at its defaults. Scores are
compared before anything is timed; they agree to 1e-5.

For class optimisation, a step of 64 restarts is compared with outputs and gradients of 64 inputs.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
from pathlib import Path

import torch
from gradients import BATCHES, model_of
from reference_networks import plain_network
from rounds import best_of, interleaved, ratio
from torch import Tensor, nn

from demo_core import explain
from demo_core.models import outputs_and_gradients
from demo_core.testing import tiny_dataset

ROOT = Path(__file__).parent.parent


@torch.no_grad()
def loop(module: nn.Module, x: Tensor, shortest: int, size: int) -> Tensor:
    """Return probabilities (B, 2, L) of prefixes and suffixes."""
    found = x.new_full((len(x), 2, x.shape[2]), torch.nan)
    for start in range(0, len(x), size):
        batch, rows = x[start : start + size], slice(start, start + size)
        for length in range(shortest, x.shape[2] + 1):
            found[rows, 0, length - 1] = torch.sigmoid(module(batch[:, :, :length])[:, 0])
            found[rows, 1, x.shape[2] - length] = torch.sigmoid(module(batch[:, :, -length:])[:, 0])
    return found


def step(name: str, rounds: int) -> dict[str, object]:
    """Compare 40 steps of class optimisation, less the time of a run of 1 step, with 39 gradients."""
    model = model_of(name)
    x = torch.rand(64, 4, 101)
    run = functools.partial(explain, "class-optimization", model, restarts=64, patience=0)
    jobs = {
        "long": lambda: run(steps=40),
        "short": lambda: run(steps=1),
        "gradients": lambda: [outputs_and_gradients(model, x, model.target()) for _ in range(39)],
    }
    times = interleaved(jobs, rounds)
    net = [long - short for long, short in zip(times["long"], times["short"], strict=True)]
    ratios = [alone / own for alone, own in zip(times["gradients"], net, strict=True)]
    return {"what": "class-optimization", "architecture": name, "rounds": rounds, "threads": torch.get_num_threads(),
            "torch": torch.__version__, "DeMo": 39 / statistics.median(net),
            "gradients": 39 / statistics.median(times["gradients"]), "ratio": statistics.median(ratios)}  # fmt: skip


def row(name: str, n: int, rounds: int) -> dict[str, object]:
    model, data = model_of(name), tiny_dataset(n, 101, unknown=False)
    module, x = plain_network(model), model.one_hot(data.codes[:])
    jobs = {
        f"loop, {size}": functools.partial(loop, module, x, model.min_length, size) for size in BATCHES if size <= n
    }
    jobs["DeMo"] = lambda: torch.from_numpy(explain("temporal", model, data).values[:])
    true, ours = jobs["loop, 64"](), jobs["DeMo"]()
    if not torch.allclose(ours, true, rtol=0, atol=1e-5, equal_nan=True):
        raise RuntimeError(f"{name}: scores differ by {float((ours - true).abs().nan_to_num().max()):.1e}")
    times = interleaved(jobs, rounds)
    best = best_of(times, [job for job in jobs if job != "DeMo"])
    return {"what": "temporal", "architecture": name, "sequences": n, "rounds": rounds,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__, "DeMo": n / statistics.median(times["DeMo"]),
            "loop": n / statistics.median(times[best]), "best": best, "ratio": ratio(times, "DeMo", best)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "explainers.json")
    given = parser.parse_args()
    rows = []
    for name in ("rnn", "cnn-rnn"):
        rows.append(row(name, given.sequences, given.rounds))
        print(rows[-1], flush=True)
    for name in ("cnn", "rnn", "cnn-rnn"):
        rows.append(step(name, given.rounds))
        print(rows[-1], flush=True)
    given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
