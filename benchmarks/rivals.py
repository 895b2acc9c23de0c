"""Compare attribution methods with Captum and tangermeme on trained networks: time, and completeness of both.

    python benchmarks/rivals.py --work FOLDER [--sequences 60] [--rounds 3]

FOLDER is the --work folder of benchmarks/methods.py, which trains the networks. Rivals run frozen plain modules with
the same weights (reference_networks.py), and get the same references. Rounds are interleaved; times are medians.
Completeness errors are relative to the output difference, as in DeMo's files. Writes docs/benchmarks/rivals.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import torch
from methods import ARCHITECTURES, trained
from reference_networks import plain_network
from rounds import interleaved, ratio
from tangermeme.deep_lift_shap import deep_lift_shap, integrated_gradients_op
from tangermeme.saliency import saliency
from tangermeme.saturation_mutagenesis import saturation_mutagenesis
from torch import Tensor, nn

from demo_core import Batch, BatchRandom, Model, SequenceDataset, explain
from demo_core.results import completeness_error, completeness_errors
from demo_core.running import Background

ROOT = Path(__file__).parent.parent
REFERENCES, STEPS = 20, 50
CPU = {"device": "cpu", "verbose": False}


@dataclass
class Case:
    """A network, sequences, and their references."""

    model: Model
    data: SequenceDataset
    x: Tensor
    shuffles: Tensor
    network: nn.Module
    #: The same network with maxima that tangermeme and Captum have a rule for
    with_rules: nn.Module

    @classmethod
    def of(cls, model: Model, data: SequenceDataset) -> Case:
        index = np.arange(len(data))
        codes, labels = torch.tensor(data.codes[:]), torch.tensor(data.labels[:])
        x = model.one_hot(data.codes[:])
        batch = Batch(x, codes, labels, torch.tensor(index), BatchRandom(0, index, torch.device("cpu")))
        network, with_rules = plain_network(model), plain_network(model)
        if model.architecture["name"] == "cnn":
            positions = network.features(x[:1]).shape[2]
            with_rules.pool = nn.MaxPool1d(positions)
        return cls(model, data, x, Background("shuffle", REFERENCES).draw(model, batch), network, with_rules)

    @property
    def uniform(self) -> Tensor:
        return torch.full_like(self.x, 0.25)

    def pairs(self) -> tuple[Tensor, Tensor]:
        return self.x.repeat_interleave(REFERENCES, 0), self.shuffles.flatten(0, 1)


#: Computes contributions (B, L), summed over letters.
Rival = Callable[[Case], Tensor]


def captum_path(case: Case, x: Tensor, reference: Tensor) -> Tensor:
    method = captum.attr.IntegratedGradients(case.network)
    found = [
        method.attribute(x[i : i + 50], reference[i : i + 50], n_steps=STEPS, internal_batch_size=256)
        for i in range(0, len(x), 50)
    ]
    return torch.cat(found).sum(1)


def captum_expected(case: Case) -> Tensor:
    return captum_path(case, *case.pairs()).reshape(len(case.x), REFERENCES, -1).mean(1)


def captum_noise(case: Case) -> Tensor:
    method = captum.attr.NoiseTunnel(captum.attr.Saliency(case.network))
    return method.attribute(case.x, nt_samples=50, nt_samples_batch_size=10, stdevs=0.1, abs=False).sum(1)


def captum_occlusion(case: Case) -> Tensor:
    method = captum.attr.Occlusion(case.network)
    each = [method.attribute(case.x, (4, 10), baselines=case.shuffles[:, k]) for k in range(5)]
    return torch.stack(each).mean(0).mean(1)


def captum_deeplift(case: Case) -> Tensor:
    return captum.attr.DeepLift(case.with_rules).attribute(case.x, case.uniform).sum(1)


def captum_deeplift_shap(case: Case) -> Tensor:
    x, references = case.pairs()
    found = captum.attr.DeepLift(case.with_rules).attribute(x, references).sum(1)
    return found.reshape(len(case.x), REFERENCES, -1).mean(1)


def tangermeme_deeplift_shap(case: Case, **more: Any) -> Tensor:
    found = deep_lift_shap(case.with_rules, case.x, references=case.shuffles, batch_size=128, **more, **CPU)
    return found.sum(1)


def integrated_lstm(case: Case) -> Tensor:
    lstm = type(case.with_rules.recurrent)
    return tangermeme_deeplift_shap(case, additional_nonlinear_ops={lstm: integrated_gradients_op(K=8)})


#: Method, its rival, the rival's function, its references, and architectures that it applies to
RIVALS: tuple[tuple[str, str, Rival, str, tuple[str, ...]], ...] = (
    ("saliency", "tangermeme", lambda c: saliency(c.network, c.x, batch_size=256, **CPU), "", ARCHITECTURES),
    ("input-x-gradient", "Captum", lambda c: captum.attr.InputXGradient(c.network).attribute(c.x), "", ARCHITECTURES),
    ("smooth-grad", "Captum", captum_noise, "", ARCHITECTURES),
    ("deeplift", "Captum", captum_deeplift, "uniform", ARCHITECTURES),
    ("deeplift-shap", "Captum", captum_deeplift_shap, "shuffles", ARCHITECTURES),
    ("deeplift-shap", "tangermeme", tangermeme_deeplift_shap, "shuffles", ARCHITECTURES),
    ("deeplift-shap", "tangermeme, LSTM integrated (8 points)", integrated_lstm, "shuffles", ("rnn", "cnn-rnn")),
    ("integrated-gradients", f"Captum, {STEPS} points", lambda c: captum_path(c, c.x, c.uniform), "uniform",
     ARCHITECTURES),
    ("expected-gradients", f"Captum, {STEPS} points", captum_expected, "shuffles", ARCHITECTURES),
    ("ism", "tangermeme", lambda c: saturation_mutagenesis(c.network, c.x, batch_size=256, **CPU), "", ARCHITECTURES),
    ("occlusion", "Captum", captum_occlusion, "", ARCHITECTURES),
)  # fmt: skip


def errors_of(case: Case, found: Tensor, reference: str) -> np.ndarray | None:
    """Return the completeness error of each sequence."""
    if not reference:
        return None
    references = case.uniform[:, None] if reference == "uniform" else case.shuffles
    with torch.no_grad():
        target = case.network(case.x)[:, 0].numpy()
        flat = case.network(references.flatten(0, 1))[:, 0].reshape(len(case.x), -1).mean(1).numpy()
    present = found.detach().double().numpy()[:, None, :] * case.x.numpy()
    return completeness_error(present, target, flat)


def measured(case: Case, architecture: str, rounds: int) -> list[dict[str, Any]]:
    rows = []
    for method, name, rival, reference, architectures in RIVALS:
        if architecture not in architectures:
            continue
        ours = explain(method, case.model, case.data)
        errors = {"DeMo": completeness_errors(ours), "rival": errors_of(case, rival(case), reference)}
        jobs = {"DeMo": lambda m=method: explain(m, case.model, case.data), "rival": lambda r=rival: r(case)}
        times = interleaved(jobs, rounds)
        scale = 1000 / len(case.x)
        rows.append({
            "what": method, "rival_name": name, "architecture": architecture, "sequences": len(case.x),
            "DeMo": scale * statistics.median(times["DeMo"]), "rival": scale * statistics.median(times["rival"]),
            "ratio": ratio(times, "DeMo", "rival"), "rounds": rounds,
            **{f"{who}_error": e if e is None else [float(np.median(e)), float(e.max())] for who, e in errors.items()},
            "threads": torch.get_num_threads(), "torch": torch.__version__,
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("DEMO_TEST_DATA", ROOT.parent / "shared" / "data")) / "sites"
    parser.add_argument("--data", type=Path, default=default, help="folder of FACTOR/sequence.txt.gz and label.txt.gz")
    parser.add_argument("--work", type=Path, required=True, help="folder for data and models")
    parser.add_argument("--factor", default="EGR1")
    parser.add_argument("--sequences", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "rivals.json")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")  # of rivals: missing rules, and gradients of inputs
    rows = []
    for architecture in ARCHITECTURES:
        folder, peaks = trained(given.work, given.data, given.factor, architecture)
        with SequenceDataset.open(peaks) as data:
            positives = [r for r in data.rows_of_split("test") if data.labels[r, 0] == 1][: given.sequences]
            rows += measured(Case.of(Model.load(folder), data.take(positives)), architecture, given.rounds)
        given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
