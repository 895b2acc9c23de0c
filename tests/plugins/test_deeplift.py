"""Test DeepLIFT against tangermeme, Captum and float64 path integrals, on all architectures and single operations."""

import copy
import warnings

import numpy as np
import pytest
import torch
from captum.attr import DeepLift as CaptumDeepLift
from method_cases import CASES, batch_of, case_of, close, mostly_close
from tangermeme.deep_lift_shap import BilinearOp, deep_lift_shap
from torch import nn
from torch.nn import functional

from demo_core import Model, Unsuitable, explain
from demo_core.models import Output
from demo_core.results import COMPLETENESS
from demo_core.running import Background
from demo_core.sequences import DNA
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture(params=[c for c in CASES if c != "transformer"])
def case(request):
    """Return name, model and data: a small untrained one, or one of the quickstart."""
    return case_of(request)


class UnrolledLstm(nn.Module):
    """One direction of an LSTM in modules that have rules in tangermeme: (B, L, C) to (B, L, units)."""

    def __init__(self, weights, reverse):
        super().__init__()
        self.weights, self.reverse = weights, reverse
        self.sigmoid, self.tanh, self.squash = nn.Sigmoid(), nn.Tanh(), nn.Tanh()
        self.forget, self.write, self.show = (BilinearOp("...,...->...") for _ in range(3))

    def forward(self, x):
        w_x, w_h, b_x, b_h = self.weights
        h = c = x.new_zeros(len(x), w_h.shape[1])
        states = []
        for t in reversed(range(x.shape[1])) if self.reverse else range(x.shape[1]):
            before = x[:, t] @ w_x.T + h @ w_h.T + b_x + b_h
            i, f, g, o = before.chunk(4, dim=1)
            i, f, o = self.sigmoid(torch.cat([i, f, o], dim=1)).chunk(3, dim=1)
            c = self.forget(f, c) + self.write(i, self.tanh(g))
            h = self.show(o, self.squash(c))
            states.append(h)
        return torch.stack(states[::-1] if self.reverse else states, dim=1)


class UnrolledGru(UnrolledLstm):
    def forward(self, x):
        w_x, w_h, b_x, b_h = self.weights
        h = x.new_zeros(len(x), w_h.shape[1])
        states = []
        for t in reversed(range(x.shape[1])) if self.reverse else range(x.shape[1]):
            of_x, of_h = (x[:, t] @ w_x.T + b_x).chunk(3, dim=1), (h @ w_h.T + b_h).chunk(3, dim=1)
            r, z = self.sigmoid(torch.cat([of_x[0] + of_h[0], of_x[1] + of_h[1]], dim=1)).chunk(2, dim=1)
            n = self.tanh(of_x[2] + self.forget(r, of_h[2]))
            h = n + self.write(z, h - n)
            states.append(h)
        return torch.stack(states[::-1] if self.reverse else states, dim=1)


class Both(nn.Module):
    """All layers and directions of a recurrent module."""

    def __init__(self, recurrent):
        super().__init__()
        kind = UnrolledGru if isinstance(recurrent, nn.GRU) else UnrolledLstm
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        self.ends = nn.ModuleList()
        self.both = recurrent.bidirectional
        for layer in range(recurrent.num_layers):
            for way in range(2 if self.both else 1):
                end = f"_l{layer}" + ("_reverse" if way else "")
                self.ends.append(kind([getattr(recurrent, name + end).detach() for name in names], bool(way)))

    def forward(self, x):
        step = 2 if self.both else 1
        for place in range(0, len(self.ends), step):
            x = torch.cat([end(x) for end in self.ends[place : place + step]], dim=2)
        return x


class WithModules(nn.Module):
    """The paper's networks, of modules that have rules in tangermeme and Captum."""

    def __init__(self, name, network, length):
        super().__init__()
        self.name, self.network = name, network
        if name == "cnn":
            positions = network.features(torch.zeros(1, 4, length, dtype=network.linear.weight.dtype)).shape[2]
            network.global_max = nn.Sequential(nn.MaxPool1d(positions), nn.Flatten())
        else:
            self.recurrent = Both(network.recurrent.lstm)
        self.eval()

    def forward(self, x):
        if self.name == "cnn":
            return self.network(x)
        x = self.network.position_features(x) if self.name == "cnn-rnn" else x
        return self.network.readout.linear(self.recurrent(x.transpose(1, 2)).mean(dim=1))


def by_tangermeme(network, x, references):
    """Return hypothetical attributions (B, A, L), the mean over references (B, n, A, L)."""
    b, n = references.shape[:2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # that sums do not match, or an operation has no rule
        found = deep_lift_shap(
            network, x, references=lambda x, n: references.reshape(b * references.shape[1], 1, *x.shape[1:]),
            n_shuffles=n, batch_size=b * n, hypothetical=True, device="cpu", dtype=torch.float64,
        )  # fmt: skip
    return found.numpy()


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


@pytest.mark.parametrize("case", ["cnn", pytest.param("trained cnn", marks=pytest.mark.full)], indirect=True)
def test_deeplift_equals_captum_on_the_cnn(case):
    _, model, data = case
    found = explain("deeplift", model, data)
    x = model.one_hot(data.codes)
    network = WithModules("cnn", copy.deepcopy(model.module), data.length)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        theirs = CaptumDeepLift(network).attribute(x, torch.full_like(x, 0.25)).detach().numpy()
    assert mostly_close((found.values * found.one_hot(slice(None))).sum(1), theirs.sum(1))


class Foreign(nn.Module):
    """A network of someone else: embeds three bases, and applies a function to (B, 8, 20)."""

    def __init__(self, middle):
        super().__init__()
        self.embed, self.middle, self.head = nn.Conv1d(4, 8, 3, padding=1), middle, nn.Linear(8, 1)

    def forward(self, x):
        y = self.middle(self.embed(x))
        if y.ndim > 2:
            y = y.flatten(2)
            y = y @ torch.linspace(-1, 2, y.shape[2], dtype=y.dtype)
        return self.head(y)


def foreign(middle, length=20):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Foreign(middle() if isinstance(middle, type) else middle).double().eval()
        for p in network.parameters():
            nn.init.normal_(p, std=0.7)
    return model_of(network, length)


def model_of(network, length=20):
    return Model(
        network, (Output("bound", "sigmoid", "logit"),), DNA, length, frozenset({"gradients"}),
        {"name": "foreign", "plugin": "foreign"}, {}, name="foreign",
    )  # fmt: skip


class Attention(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, **options)

    def forward(self, x):
        x = x.permute(0, 2, 1) if self.attention.batch_first else x.permute(2, 0, 1)
        y, _ = self.attention(x, x, x)
        return y.permute(0, 2, 1) if self.attention.batch_first else y.permute(1, 2, 0)


class Recurrent(nn.Module):
    """A recurrent layer inside a foreign class, which uses its last state as well."""

    def __init__(self, kind, **options):
        super().__init__()
        self.layer, self.first = kind(8, 4, **options), options.get("batch_first", False)

    def forward(self, x):
        states, last = self.layer(x.permute(0, 2, 1) if self.first else x.permute(2, 0, 1))
        last = torch.cat(last) if isinstance(last, tuple) else last
        states = states if self.first else states.transpose(0, 1)
        every = torch.cat([states.mean(1), last.permute(1, 0, 2).flatten(1)], dim=1)
        return functional.pad(every, (0, 8))[:, :8]


def encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu", norm_first=True)
    inner = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x.transpose(1, 2)).transpose(1, 2)

    return Turned


def skip_in_place(x):
    y = functional.relu(x)
    y += 0.5 * torch.tanh(x)
    return y


RULES = {
    "relu function": functional.relu,
    "relu method": lambda x: x.relu(),
    "relu in place": lambda x: functional.relu(x * 1, inplace=True),
    "sum in place": skip_in_place,
    "powers": lambda x: x**2 + torch.exp(-x.abs()) + 1 / (2 + x**2) + 2 ** (x / 4),
    "gate": lambda x: x * torch.sigmoid(x.flip(1)),
    "glu": lambda x: functional.glu(torch.cat([x, x.flip(1)], 1), dim=1),
    "quotient": lambda x: x / (1 + x**2).sum(1, keepdim=True),
    "softmax": lambda x: x.softmax(2) * 20,
    "attention pooling": lambda x: (x * functional.softmax(3 * x[:, :1], dim=-1)).sum(2),
    "amax": lambda x: x.amax(2),
    "max": lambda x: x.max(dim=-1).values,
    "min": lambda x: torch.min(x, 2, keepdim=True)[0],
    "amax of two": lambda x: x.unflatten(2, (4, 5)).amax((2, 3), keepdim=True),
    "maximum": lambda x: torch.maximum(x, x.flip(2)) - torch.minimum(x, x.roll(3, 2)),
    "max pool": lambda x: functional.max_pool1d(x, 4, 2, padding=1),
    "max pool module": lambda: nn.MaxPool1d(3),
    "adaptive": lambda x: functional.adaptive_max_pool1d(x, 3),
    "max pool 2d": lambda x: functional.max_pool2d(x.unflatten(2, (4, 5)), 2).flatten(2),
    "layer norm": lambda: nn.LayerNorm([8, 20]),
    "group norm": lambda: nn.GroupNorm(2, 8),
    "instance norm": lambda: nn.InstanceNorm1d(8, affine=True),
    "rms norm": lambda: nn.RMSNorm([20]),
    "batch norm": lambda: nn.BatchNorm1d(8),
    "einsum": lambda x: torch.einsum("bcl,bdl->bcd", x, x.sigmoid()),
    "dot products": lambda x: functional.scaled_dot_product_attention(x, x.flip(2), x, is_causal=True),
    "attention": lambda: Attention(batch_first=True),
    "attention, positions first": Attention,
    "lstm": lambda: Recurrent(nn.LSTM, batch_first=True, bidirectional=True, num_layers=2),
    "lstm, positions first, no bias": lambda: Recurrent(nn.LSTM, bias=False),
    "gru": lambda: Recurrent(nn.GRU, batch_first=True, bidirectional=True),
    "gru, positions first": lambda: Recurrent(nn.GRU, num_layers=2),
    "tanh rnn": lambda: Recurrent(nn.RNN, batch_first=True),
    "relu rnn": lambda: Recurrent(nn.RNN, nonlinearity="relu", bias=False),
    "transformer": encoder(),
}  # fmt: skip


def made(middle):
    try:
        return middle()
    except TypeError:
        return middle


def completeness(model, data, **options):
    """Return the largest error of a sum, and the smallest difference of outputs, in float64."""
    batch = batch_of(model, data)
    references = Background("shuffle", 3).draw(model, batch)
    from demo_deeplift.multipliers import Multipliers

    x, target = batch.x.repeat_interleave(3, 0), model.target(options.get("target"))
    target = target.bind(batch.labels.repeat_interleave(3, 0))
    r = references.flatten(0, 1)
    found, outputs, at_reference = Multipliers("deeplift").of(model, x, r, target)
    difference = target(outputs) - target(at_reference)
    assert torch.allclose(outputs, model.module(x), atol=1e-10)
    return float(((found * (x - r)).sum((1, 2)) - difference).abs().max()), float(difference.abs().min())


@pytest.mark.parametrize("name", RULES)
def test_every_rule_adds_up_exactly(name, caplog):
    model, data = foreign(made(RULES[name])), tiny_dataset(4, length=20, unknown=False)
    error, difference = completeness(model, data)
    assert error < 1e-9 and difference > 1e-6
    assert "integrated" not in caplog.text


@pytest.mark.parametrize("target", ["probability:bound", "loss:bound"])
def test_every_target_adds_up(target):
    model, data = foreign(functional.relu), tiny_dataset(4, length=20, unknown=False)
    error, difference = completeness(model, data, target=target)
    assert error < 1e-9 and difference > 1e-6


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


def test_an_operation_without_a_rule_is_integrated_along_the_path_and_reported(caplog):
    def smooth(x):
        return torch.logsumexp(x, dim=2)

    model, data = foreign(smooth), tiny_dataset(4, length=20, unknown=False)
    found = explain("deeplift", model, data)
    assert "integrated numerically (32 points): logsumexp" in caplog.text
    x = model.one_hot(data.codes)
    reference = torch.full_like(x, 0.25)
    points = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    mean = 0
    for point in points:  # the rest of the network is linear, so this is its path integral
        z = torch.lerp(reference, x, point).requires_grad_()
        mean = mean + torch.autograd.grad(model.module(z).sum(), z)[0] / len(points)
    expected = (mean - (mean * reference).sum(1, keepdim=True)).numpy()
    assert close(found.values, expected, 1e-5)
    assert found.extra(COMPLETENESS).max() < 1e-5


class Opaque(torch.autograd.Function):
    """An operation of which PyTorch sees only the gradient."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(ctx, upper):
        return upper * (ctx.saved_tensors[0] > 0)


def test_an_operation_that_cannot_be_seen_is_refused():
    model = foreign(lambda x: Opaque.apply(x) + Opaque.apply(-x))
    with pytest.raises(Unsuitable, match=r"without a DeepLIFT rule: opaque \(2 times\); use integrated-gradients"):
        explain("deeplift", model, tiny_dataset(4, length=20, unknown=False))


def test_a_mask_computed_from_the_sequence_is_reported(caplog):
    model = foreign(lambda x: torch.where(x > 0, x, 0.1 * x))
    found = explain("deeplift", model, tiny_dataset(4, length=20, unknown=False))
    assert "masks or indices from the sequence, which DeepLIFT treats as constant: where" in caplog.text
    assert found.extra(COMPLETENESS).max() > 0.01


def test_statistics_of_the_batch_are_refused():
    model = foreign(nn.BatchNorm1d(8, track_running_stats=False))
    with pytest.raises(Unsuitable, match="normalises over the batch"):
        explain("deeplift", model, tiny_dataset(4, length=20, unknown=False))


def test_a_network_whose_operations_depend_on_the_sequence_is_refused():
    class Moody(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x.relu() if self.calls % 2 else x.tanh()

    with pytest.raises(Unsuitable, match="computes other operations for other sequences"):
        explain("deeplift", foreign(Moody()), tiny_dataset(4, length=20, unknown=False))


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
