"""Networks on which explainers are compared with references: small ones, and the trained ones of the quickstart."""

import copy

import numpy as np
import pytest
import torch

from demo_core import Batch, BatchRandom, Model, SequenceDataset
from demo_core.testing import tiny_dataset, tiny_model

ARCHITECTURES = ["cnn", "rnn", "cnn-rnn"]
NETWORKS = [*ARCHITECTURES, "transformer"]

#: Small networks, then trained ones of the quickstart, which the tests marked full wait for
CASES = [
    *NETWORKS,
    *(pytest.param(f"trained {name}", marks=pytest.mark.full) for name in ARCHITECTURES),
]


def case_of(request):
    """Return name, model and data of a parameter from ``CASES``."""
    kind, _, name = request.param.rpartition(" ")
    if not kind:
        return name, *small(name)
    folder, done = request.getfixturevalue("full_quickstart")
    assert done.returncode == 0, done.stderr
    return name, *trained(folder, name)


class Transformer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Linear(4, 16)
        layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = torch.nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x.transpose(1, 2))).mean(1))


def transformer(length=40):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = Transformer().eval()
    model = tiny_model(length=length)
    model.module, model.capabilities, model.name = network, frozenset({"gradients"}), "transformer"
    return model


def small(name, n=6):
    """Return a small untrained model and data."""
    model = transformer() if name == "transformer" else tiny_model(name)
    return model, tiny_dataset(n, unknown=False)


def trained(folder, name, n=3):
    """Return a model of the quickstart and some of its data; a transformer is untrained."""
    with SequenceDataset.open(folder / "q" / "planted.h5") as data:
        some = data.take(data.rows_of_split("test")[:n])
    model = transformer(some.length) if name == "transformer" else Model.load(folder / "q" / "models" / name)
    return model, some


def batch_of(model, data, seed=0):
    index = np.arange(len(data))
    return Batch(
        model.one_hot(data.codes), torch.tensor(data.codes), torch.tensor(data.labels), torch.tensor(index),
        BatchRandom(seed, index, torch.device("cpu")),
    )  # fmt: skip


def float64(model):
    """Return a copy of the network in double precision."""
    return copy.deepcopy(model.module).double()


def float64_gradients(network, x):
    x = x.double().requires_grad_(True)
    return torch.autograd.grad(network(x)[:, 0].sum(), x)[0]


def close(found, expected, to=1e-5):
    return np.allclose(found, expected, rtol=to, atol=to * np.abs(expected).max())


def mostly_close(found, expected, to=1e-5):
    """Compare all values except 1 %: at a kink of a network, rounding decides which gradient it has."""
    return np.isclose(found, expected, rtol=to, atol=to * np.abs(expected).max()).mean() > 0.99
