"""Compare the rate of training with a plain PyTorch loop.

    python benchmarks/training.py [--sequences 12288] [--rounds 3]

The loop trains frozen plain modules (reference_networks.py) with PyTorch's dropout, and the optimiser, schedule and
gradient clipping of ``demo train``, on one strand of sequences that are encoded already. DeMo runs one epoch of ``demo
train`` at its defaults: it encodes each batch, with either strand, and writes no checkpoint. Rounds are interleaved.
The loop runs on one core and on all; the better counts.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from demo_train.settings import TrainingSettings
from demo_train.training import train
from gradients import model_of
from reference_networks import plain_network
from rounds import best_of, interleaved, ratio
from torch import nn
from torch.nn import functional

from demo_core import Model, SequenceDataset
from demo_core.testing import tiny_dataset

ROOT = Path(__file__).parent.parent
SETTINGS = TrainingSettings(epochs=1)


def plain_epoch(model: Model, data: SequenceDataset, cores: int) -> None:
    """Train for one epoch."""
    most = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        _plain_epoch(model, data)
    finally:
        torch.set_num_threads(most)


def _plain_epoch(model: Model, data: SequenceDataset) -> None:
    network, x = plain_network(model).train(), model.one_hot(data.codes[:])
    labels = torch.from_numpy(data.labels[:, 0].copy())
    steps = -(-len(x) // SETTINGS.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=SETTINGS.learning_rate, weight_decay=SETTINGS.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=SETTINGS.learning_rate, total_steps=steps + 1)
    for rows in torch.split(torch.randperm(len(x)), SETTINGS.batch_size):
        optimizer.zero_grad(set_to_none=True)
        functional.binary_cross_entropy_with_logits(network(x[rows])[:, 0], labels[rows]).backward()
        nn.utils.clip_grad_norm_(network.parameters(), SETTINGS.clip_norm)
        optimizer.step()
        schedule.step()


def row(name: str, n: int, rounds: int) -> dict[str, object]:
    data = tiny_dataset(n, 101, unknown=False)
    data.split[:] = np.zeros(n, np.uint8)  # all for training
    jobs: dict[str, Callable[[], object]] = {
        f"plain, {cores}": functools.partial(plain_epoch, model_of(name), data, cores)
        for cores in sorted({1, torch.get_num_threads()})
    }
    times = interleaved(jobs | {"DeMo": lambda: train(model_of(name), data, SETTINGS)}, rounds)
    best = best_of(times, list(jobs))
    return {"architecture": name, "sequences": n, "rounds": rounds, "threads": torch.get_num_threads(),
            "torch": torch.__version__, "DeMo": n / statistics.median(times["DeMo"]),
            "plain": n / statistics.median(times[best]), "best": best, "ratio": ratio(times, "DeMo", best)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=12288)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "training.json")
    given = parser.parse_args()
    rows = []
    for name in ("cnn", "rnn", "cnn-rnn"):
        rows.append(row(name, given.sequences, given.rounds))
        print(rows[-1], flush=True)
    given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
