"""Compare the rates of saliency and prediction with a plain loop, Captum and tangermeme on the same weights.

    python benchmarks/gradients.py [--rounds 7] [--sequences 1024]

Rivals run frozen plain modules (reference_networks.py) at their best batch of 64, 256 and 1,024. DeMo runs
``explain("saliency", model, data)`` and ``model.predict(codes)`` at their defaults. Values are compared before anything
is timed. Rounds are interleaved; ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from reference_networks import plain_network
from rounds import best_of, interleaved, ratio
from torch import Tensor, nn

from demo_core import Model, SequenceDataset, explain
from demo_core.models import Output, build_model
from demo_core.models.device import device_name
from demo_core.plugins import Architecture, installed
from demo_core.sequences import DNA
from demo_core.testing import tiny_dataset

ROOT = Path(__file__).parent.parent
BATCHES = (64, 256, 1024)


def bare(module: nn.Module, x: Tensor, size: int) -> Tensor:
    found = []
    for start in range(0, len(x), size):
        piece = x[start : start + size].clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(module(piece)[:, 0].sum(), piece)
        found.append(gradient)
    return torch.cat(found).cpu()


def captum(module: nn.Module, x: Tensor, size: int) -> Tensor:
    from captum.attr import Saliency

    method = Saliency(module)
    pieces = (x[start : start + size].clone().requires_grad_(True) for start in range(0, len(x), size))
    return torch.cat([method.attribute(piece, target=0, abs=False) for piece in pieces]).cpu()


def tangermeme(module: nn.Module, x: Tensor, size: int) -> Tensor:
    from tangermeme.saliency import saliency

    options = {"target": 0, "hypothetical": True, "gradient_correction": False}
    return saliency(module, x, batch_size=size, device=x.device.type, **options).cpu()


def outputs(module: nn.Module, x: Tensor, size: int) -> Tensor:
    with torch.no_grad():
        return torch.cat([module(x[start : start + size]) for start in range(0, len(x), size)]).cpu()


def tangermeme_outputs(module: nn.Module, x: Tensor, size: int) -> Tensor:
    from tangermeme.predict import predict

    return predict(module, x, batch_size=size, device=x.device.type).cpu()


Rival = Callable[[nn.Module, Tensor, int], Tensor]
RIVALS: dict[str, dict[str, Rival]] = {
    "saliency": {"plain loop": bare, "Captum": captum, "tangermeme": tangermeme},
    "predict": {"plain loop": outputs, "tangermeme": tangermeme_outputs},
}
OURS: dict[str, Callable[[Model, SequenceDataset], NDArray[np.float32]]] = {
    "saliency": lambda model, data: explain("saliency", model, data).values[:],
    "predict": lambda model, data: model.predict(data.codes[:]),
}


def model_of(name: str, length: int = 101) -> Model:
    """Return an untrained model of an architecture with its default options."""
    torch.manual_seed(0)
    return build_model(installed().find(Architecture, name), {}, alphabet=DNA, length=length, outputs=[Output("bound")])


def row(what: str, name: str, n: int, rounds: int, device: str) -> dict[str, object]:
    """Time one architecture. Raises RuntimeError if values differ by more than 1e-5 of the largest."""
    model, data = model_of(name), tiny_dataset(n, 101, unknown=False)
    model.to(torch.device(device))
    module, x = plain_network(model).to(device), model.one_hot(data.codes[:])
    rivals, ours = RIVALS[what], OURS[what]
    true = rivals["plain loop"](module, x, 64)
    jobs: dict[str, Callable[[], object]] = {"DeMo": lambda: ours(model, data)}
    for rival, run in rivals.items():
        for found in (run(module, x, 64), torch.from_numpy(ours(model, data))):
            if (error := float((found - true).abs().max() / true.abs().max())) > 1e-5:
                raise RuntimeError(f"{name}: values of {rival} or DeMo differ by {error:.1e}")
        for size in BATCHES:
            jobs[f"{rival}, {size}"] = lambda run=run, size=size: run(module, x, size)  # type: ignore[misc]
    times = interleaved(jobs, rounds)
    found = {"what": what, "architecture": name, "sequences": n, "rounds": rounds,
             "threads": torch.get_num_threads(),
             "machine": platform.machine(), "device": device_name(model.device),
             "torch": torch.__version__}  # fmt: skip
    found["DeMo"] = n / statistics.median(times["DeMo"])
    for rival in rivals:
        best = best_of(times, [f"{rival}, {size}" for size in BATCHES])
        found[rival], found[f"{rival} batch"] = n / statistics.median(times[best]), int(best.split(", ")[1])
    best = best_of(times, [job for job in jobs if job != "DeMo"])
    return found | {"best": best, "ratio": ratio(times, "DeMo", best)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sequences", type=int, default=1024)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "gradients.json")
    given = parser.parse_args()
    rows = []
    for what, name in itertools.product(OURS, ("cnn", "rnn", "cnn-rnn")):
        n = given.sequences * (8 if what == "predict" else 1)  # prediction takes an eighth of the time
        rows.append(row(what, name, n, given.rounds, given.device))
        print(rows[-1], flush=True)
    given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
