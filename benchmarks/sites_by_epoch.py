"""Print AUROC, loss and site recovery of saliency after each training epoch.

    demo data import ../shared/data/sites/GATA2/sequence.txt.gz --pairs -o GATA2.h5
    python benchmarks/sites_by_epoch.py GATA2.h5 cnn-rnn --epochs 47 [--seed 0]

Site recovery is measured on held-out positives, as in benchmarks/sites.py. AUROC and loss are those of the validation
split, which selects the epoch to keep.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from demo_train.settings import TrainingSettings
from demo_train.training import Epoch, History, train

from demo_core import SequenceDataset, explain
from demo_core.metrics import site_recovery
from demo_core.models.model import build_model
from demo_core.models.targets import Output
from demo_core.plugins.discovery import discover
from demo_core.plugins.specs import Architecture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("architecture")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    given = parser.parse_args()
    found = discover().registry.find(Architecture, given.architecture)
    with SequenceDataset.open(given.data) as data:
        test = data.take(data.rows_of_split("test"))
        positives = test.take(np.flatnonzero(test.labels[:, 0] > 0.5))
        torch.manual_seed(given.seed)
        outputs = [Output(data.targets[0])]
        model = build_model(found, {}, alphabet=data.alphabet, length=data.length, outputs=outputs)
        settings = TrainingSettings(**{**found.spec.training, "seed": given.seed, "epochs": given.epochs})
        print("epoch\twarm_up\tvalidation_score\tvalidation_loss\tsite_recovery")

        def report(epoch: Epoch, history: History) -> None:
            model.module.eval()
            values = explain("saliency", model, positives)
            recovery = site_recovery(values.values, values.one_hot(slice(None)), positives.sites).mean
            measured = (epoch.validation_score, epoch.validation_loss, recovery)
            print(epoch.epoch, epoch.warm_up, *(f"{m:.4f}" for m in measured), sep="\t", flush=True)

        history = train(model, data, settings, report)
    print(f"kept: epoch {history.best_epoch}")


if __name__ == "__main__":
    main()
