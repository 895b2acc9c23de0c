"""Test the DeepLIFT rule of each operation: completeness holds, and operations without a rule are reported."""

import copy
import threading

import numpy as np
import pytest
import torch
from deeplift_cases import foreign, model_of
from method_cases import batch_of, close
from torch import nn
from torch.nn import functional

from demo_core import Unsuitable, explain
from demo_core.results import COMPLETENESS
from demo_core.running import Background
from demo_core.testing import tiny_dataset


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


def causal(x):
    scores = (x.transpose(1, 2) @ x).masked_fill(torch.ones(20, 20).triu(1).bool(), -torch.inf)
    return (scores.softmax(-1) @ x.transpose(1, 2)).transpose(1, 2)


def slice_in_place(x):
    y = x * 1
    y[:, :4] = x[:, 4:] * 2
    y[:, 2:6] -= x[:, :4]
    return torch.tanh(y)


def reused_after_relu(x):
    y = x * 1
    z = functional.relu(y, inplace=True)
    return y + z * torch.sigmoid(x)


class StatesInPlace(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer = kind(8, 8, batch_first=True)

    def forward(self, x):
        states, _ = self.layer(x.transpose(1, 2))
        states += x.transpose(1, 2)
        return states.tanh().transpose(1, 2)


def running_maximum(x):
    highest = torch.full_like(x[:, :, 0], -torch.inf)
    for place in range(0, 20, 5):
        highest = torch.maximum(highest, x[:, :, place])
    return highest


RULES = {
    "running maximum": running_maximum,
    "root of relu": lambda x: torch.sqrt(torch.relu(x)),
    "absolute": lambda x: torch.absolute(x) + torch.arctan(x) + functional.rrelu(x),
    "softmax of another type": lambda x: functional.softmax(x, -1, dtype=torch.float64) * 20,
    "softmin": lambda x: functional.softmin(x, -1) * 20,
    "special softmax": lambda x: torch.special.softmax(x, 1) * 20,
    "softmax by name": lambda x: torch.softmax(input=x, dim=1) * 20,
    "shifted logits": lambda x: (x + 900 * torch.tanh(x[:, :, 9:10])).softmax(2) * 20,
    "causal mask": causal,
    "maximum by name": lambda x: torch.maximum(x, other=x.flip(2)),
    "amax by name": lambda x: torch.amax(input=x, dim=2),
    "slices in place": slice_in_place,
    "relu in place, used again": reused_after_relu,
    "states in place, gru": lambda: StatesInPlace(nn.GRU),
    "states in place, rnn": lambda: StatesInPlace(nn.RNN),
    "states in place, lstm": lambda: StatesInPlace(nn.LSTM),
    "rounded quotient": lambda x: torch.div(x, 0.3, rounding_mode="floor"),
    "threshold": lambda x: functional.threshold(x, 0.5, 2.0),
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
    assert error < 1e-8 and difference > 1e-6
    assert "integrating" not in caplog.text


@pytest.mark.parametrize("target", ["probability:bound", "loss:bound"])
def test_every_target_adds_up(target):
    model, data = foreign(functional.relu), tiny_dataset(4, length=20, unknown=False)
    error, difference = completeness(model, data, target=target)
    assert error < 1e-9 and difference > 1e-6


def test_an_operation_without_a_rule_is_integrated_along_the_path_and_reported(caplog):
    def smooth(x):
        return torch.logsumexp(x, dim=2)

    model, data = foreign(smooth), tiny_dataset(4, length=20, unknown=False)
    found = explain("deeplift", model, data)
    assert "without a rule numerically (32 points): logsumexp" in caplog.text
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
    with pytest.raises(Unsuitable, match=r"DeepLIFT has no rule for opaque \(2 times\); use integrated-gradients"):
        explain("deeplift", model, tiny_dataset(4, length=20, unknown=False))


def test_a_mask_computed_from_the_sequence_is_reported(caplog):
    model = foreign(lambda x: torch.where(x > 0, x, 0.1 * x))
    found = explain("deeplift", model, tiny_dataset(4, length=20, unknown=False))
    assert "masks or indices from the sequence, which DeepLIFT treats as constant: where" in caplog.text
    assert found.extra(COMPLETENESS).max() > 0.01


def test_statistics_of_the_batch_are_refused():
    model = foreign(nn.BatchNorm1d(8, track_running_stats=False))
    with pytest.raises(Unsuitable, match="uses statistics of the batch"):
        explain("deeplift", model, tiny_dataset(4, length=20, unknown=False))


def test_a_network_whose_operations_depend_on_the_sequence_is_refused():
    class Moody(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x.relu() if self.calls % 2 else x.tanh()

    with pytest.raises(Unsuitable, match="runs different operations for references, or for batches of another size"):
        explain("deeplift", foreign(Moody()), tiny_dataset(4, length=20, unknown=False))


class Select(torch.autograd.Function):
    """A ReLU with the name of a linear operation of PyTorch."""

    forward, backward = Opaque.forward, Opaque.backward


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: Select.apply(x) + x, "select"),
        (lambda x: (x * 1).relu_() + x, r"relu_ \(in place\);"),
        (lambda x: (x * 1).mul_(x.sigmoid()), r"mul_ \(in place\);"),
    ],
)
def test_functions_that_are_not_what_their_name_says_are_refused(function, said):
    with pytest.raises(Unsuitable, match=f"DeepLIFT has no rule for {said}"):
        explain("deeplift", foreign(function), tiny_dataset(4, length=20, unknown=False))


def without_gradient(x):
    with torch.no_grad():
        gate = (x > 0).to(x.dtype)
    return x * gate


@pytest.mark.parametrize(("function", "named"), [(without_gradient, "mul"), (lambda x: x * x.to(torch.int64), "mul")])
def test_values_without_a_gradient_are_reported(function, named, caplog):
    explain("deeplift", foreign(function), tiny_dataset(4, length=20, unknown=False))
    assert f"which DeepLIFT treats as constant: {named}" in caplog.text


def test_complex_values_are_integrated(caplog):
    model = foreign(lambda x: torch.fft.irfft(torch.tanh(0.05 * torch.fft.rfft(x))))
    error, difference = completeness(model, tiny_dataset(4, length=20, unknown=False))
    assert "integrating operations without a rule numerically (32 points): tanh" in caplog.text
    assert error < 1e-4 * difference


class Smooth(nn.Module):
    """Dilated convolutions with a curved activation, whose inputs differ little from reference to sequence."""

    def __init__(self, activation):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv1d(4 if i == 0 else 16, 16, 3, dilation=2**i) for i in range(5)])
        self.activation, self.head = activation, nn.Linear(16, 1)

    def forward(self, x):
        for layer in self.layers:
            x = self.activation(layer(x))
        return self.head(x.mean(2))


@pytest.mark.parametrize("activation", [nn.Softplus(), nn.SiLU(), nn.GELU()])
def test_curved_activations_are_precise_and_independent_of_the_batch(activation):
    torch.manual_seed(0)
    network, data = Smooth(activation).eval(), tiny_dataset(6, length=120, unknown=False)
    model = model_of(network, 120)
    found = explain("deeplift", model, data, batch_size=6).values
    single = explain("deeplift", model, data, batch_size=1).values
    double = explain("deeplift", model_of(copy.deepcopy(network).double(), 120), data).values
    assert np.abs(found - double).max() < 1e-5 * np.abs(double).max()
    assert np.abs(found - single).max() < 1e-5 * np.abs(double).max()


def test_sequences_may_need_other_operations_than_the_first_ones():
    class Patching(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 1)

        def forward(self, x):
            if bool((x.sum(1) == 0).any()):
                x = x + 0.25 * (1 - x.sum(1, keepdim=True))
            return self.head(x.tanh().max(2).values)

    torch.manual_seed(0)
    model, data = model_of(Patching().double().eval()), tiny_dataset(40, length=20, unknown=False)
    data.codes[30, 5] = 4
    found = explain("deeplift", model, data)
    assert found.extra(COMPLETENESS).max() < 1e-4


def test_foreign_recurrent_networks_run_in_one_thread():
    class Keeping(nn.Module):
        """Keeps something of each call, as a network may."""

        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.GRU(4, 4, batch_first=True), nn.Linear(4, 1)

        def forward(self, x):
            self.skip = x.transpose(1, 2)
            self.threads = {*getattr(self, "threads", ()), threading.get_ident()}
            return self.head(torch.tanh(self.layer(self.skip)[0] + self.skip).mean(1))

    torch.manual_seed(0)
    network = Keeping().eval()
    model = model_of(network, 1000)
    model.capabilities = frozenset({"gradients", "recurrent"})
    explain("deeplift", model, tiny_dataset(60, length=1000, unknown=False))
    assert len(network.threads) == 1


def test_values_that_do_not_add_up_are_reported_in_python(caplog):
    explain("deeplift", foreign(lambda x: torch.where(x > 0, x, 0.1 * x)), tiny_dataset(4, length=20, unknown=False))
    assert "deeplift: values miss the output difference by more than 0.1 %" in caplog.text
