"""Test DeepLIFT against tangermeme and Captum, on all architectures, recurrent layers and a transformer."""

import copy
import warnings

import numpy as np
import pytest
import torch
from captum.attr import DeepLift as CaptumDeepLift
from deeplift_cases import Both, UnrolledGru, UnrolledLstm, WithModules, by_tangermeme, model_of
from method_cases import CASES, batch_of, case_of, close, mostly_close, small
from tangermeme.deep_lift_shap import BilinearOp
from torch import nn
from torch.nn import functional

from demo_core import explain
from demo_core.results import COMPLETENESS
from demo_core.running import Background
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture(params=[c for c in CASES if c != "transformer"])
def case(request):
    """Return name, model and data: a small untrained one, or one of the quickstart."""
    return case_of(request)


def test_deeplift_shap_equals_tangermeme_with_the_same_backgrounds(case):
    name, model, data = case
    found = explain("deeplift-shap", model, data, references=3, seed=5)
    batch = batch_of(model, data, seed=5)
    references = Background("shuffle", 3).draw(model, batch).double()
    network = WithModules(name, copy.deepcopy(model.module).double(), data.length)
    assert torch.allclose(network(batch.x.double()), model.module(batch.x).double(), atol=1e-4)
    assert mostly_close(found.values, by_tangermeme(network, batch.x.double(), references), 1e-4)
    assert found.extra(COMPLETENESS).max() < 1e-4


@pytest.mark.parametrize("background", ["uniform", "zeros"])
def test_deeplift_equals_tangermeme(case, background):
    name, model, data = case
    found = explain("deeplift", model, data, background=background)
    x = model.one_hot(data.codes).double()
    references = torch.full_like(x, 0.25 if background == "uniform" else 0.0)[:, None]
    network = WithModules(name, copy.deepcopy(model.module).double(), data.length)
    assert mostly_close(found.values, by_tangermeme(network, x, references))
    at_reference = network(references[:, 0])[:, 0].detach().numpy()
    assert np.allclose(found.baseline, at_reference, atol=1e-4)
    assert found.extra(COMPLETENESS).max() < 1e-4


def test_deeplift_equals_captum_on_the_cnn():
    # not on the trained one: with two poolings, Captum's multipliers of sequence and reference differ where inputs are
    # equal, and its sums miss the difference (benchmarks/rivals.py)
    model, data = small("cnn")
    found = explain("deeplift", model, data)
    x = model.one_hot(data.codes)
    network = WithModules("cnn", copy.deepcopy(model.module), data.length)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        theirs = CaptumDeepLift(network).attribute(x, torch.full_like(x, 0.25)).detach().numpy()
    assert mostly_close((found.values * found.one_hot(slice(None))).sum(1), theirs.sum(1))


@pytest.mark.parametrize(("kind", "unrolled"), [(nn.GRU, UnrolledGru), (nn.LSTM, UnrolledLstm)])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_layers_of_foreign_classes_equal_an_unrolled_network_in_tangermeme(kind, unrolled, layers):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = kind(4, 5, layers, batch_first=True, bidirectional=True)
            self.head = nn.Linear(10, 1)

        def forward(self, x):
            return self.head(self.layer(x.transpose(1, 2))[0].mean(1))

    class Same(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.layer, self.head = Both(network.layer), network.head

        def forward(self, x):
            return self.head(self.layer(x.transpose(1, 2)).mean(1))

    torch.manual_seed(0)
    network = Network().double().eval()
    for p in network.parameters():
        nn.init.normal_(p, std=0.8)
    model, data = model_of(network), tiny_dataset(4, length=20, unknown=False)
    found = explain("deeplift-shap", model, data, references=3)
    batch = batch_of(model, data)
    expected = by_tangermeme(Same(network), batch.x, Background("shuffle", 3).draw(model, batch))
    assert close(found.values, expected)


def test_a_transformer_equals_one_of_modules_in_tangermeme():
    class Head(nn.Module):
        """Attention of one head, of modules."""

        def __init__(self, theirs):
            super().__init__()
            self.theirs = theirs
            self.scores, self.mix, self.softmax = BilinearOp(), BilinearOp(), nn.Softmax(dim=-1)

        def forward(self, x):
            own, size = self.theirs, self.theirs.embed_dim
            q, k, v = functional.linear(x, own.in_proj_weight, own.in_proj_bias).chunk(3, dim=2)
            weights = self.softmax(self.scores(q * size**-0.5, k.transpose(1, 2)))
            return own.out_proj(self.mix(weights, v))

    class Same(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network
            self.attention, self.relu = Head(network.layer.self_attn), nn.ReLU()

        def forward(self, x):
            layer = self.network.layer
            x = self.network.embed(x.transpose(1, 2))
            x = layer.norm1(x + self.attention(x))
            x = layer.norm2(x + layer.linear2(self.relu(layer.linear1(x))))
            return self.network.head(x.mean(1))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Linear(4, 8), nn.Linear(8, 1)
            self.layer = nn.TransformerEncoderLayer(8, 1, 16, batch_first=True)

        def forward(self, x):
            return self.head(self.layer(self.embed(x.transpose(1, 2))).mean(1))

    torch.manual_seed(0)
    network = Network().double().eval()
    for p in network.parameters():
        p.data *= 2
    model, data = model_of(network), tiny_dataset(4, length=20, unknown=False)
    found = explain("deeplift-shap", model, data, references=3)
    batch = batch_of(model, data)
    expected = by_tangermeme(Same(network), batch.x, Background("shuffle", 3).draw(model, batch))
    assert close(found.values, expected)


def test_unknown_bases_add_nothing():
    model, data = tiny_model("cnn-rnn"), tiny_dataset(6)
    data.codes[:, 5:9] = 4
    for method in ("deeplift", "deeplift-shap"):
        found = explain(method, model, data)
        assert found.extra(COMPLETENESS).max() < 1e-4


def test_the_network_needs_no_gradient_of_its_weights_and_keeps_that_setting():
    model, data = tiny_model("rnn"), tiny_dataset(4)
    model.module.readout.linear.weight.requires_grad_(False)
    before = [p.requires_grad for p in model.module.parameters()]
    explain("deeplift", model, data)
    assert [p.requires_grad for p in model.module.parameters()] == before
