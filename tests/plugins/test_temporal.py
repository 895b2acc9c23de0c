"""Test temporal scores against separate runs of every prefix and suffix."""

import numpy as np
import pytest
import torch

from demo_core import explain
from demo_core.errors import MisfitError
from demo_core.models.fast import fast_network
from demo_core.testing import tiny_dataset, tiny_model

MODELS = [
    ("cnn", {}),
    ("cnn", {"filters": (6, 6, 6), "widths": (9, 5, 3)}),
    ("cnn", {"pool": 3}),
    ("cnn", {"pool": 1}),
    ("rnn", {}),
    ("rnn", {"unidirectional": True}),
    ("rnn", {"unidirectional": True, "layers": 2}),
    ("cnn-rnn", {}),
    ("cnn-rnn", {"unidirectional": True}),
    ("cnn-rnn", {"width": 4}),
]


def naive(model, codes, column=0, score=torch.sigmoid):
    """Compute scores one prefix and one suffix of one sequence at a time."""
    x = model.one_hot(codes)
    length = x.shape[2]
    values = np.full((len(x), 2, length), np.nan, np.float32)
    with torch.no_grad():
        for row in range(len(x)):
            for i in range(length):
                for channel, piece in enumerate((x[row : row + 1, :, : i + 1], x[row : row + 1, :, i:])):
                    if piece.shape[2] >= model.min_length:
                        values[row, channel, i] = float(score(model.module(piece))[0, column])
    return values


def shown(options):
    return ",".join(f"{k}={v}" for k, v in options.items()) or "defaults"


CASES = [
    (name, options, 28 if length == 20 and len(options.get("filters", ())) == 3 else length)
    for name, options in MODELS
    for length in (20, 61, *((500,) if not {"pool", "width", "layers"} & set(options) else ()))
]


@pytest.mark.parametrize(("name", "options", "length"), CASES, ids=[f"{n}:{shown(o)}:{k}" for n, o, k in CASES])
def test_equals_every_prefix_and_suffix_by_itself(registry, name, options, length):
    model = tiny_model(name, registry=registry, length=length, seed=3, **options)
    data = tiny_dataset(1 if length == 500 else 4, length)
    found = explain("temporal", model, data, registry=registry).values
    expected = naive(model, data.codes)
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected)) < 1e-5
    assert np.isnan(found[:, 0]).sum(1).tolist() == [model.min_length - 1] * len(data)
    assert np.nanstd(found) > 1e-4  # the comparison is not empty


def test_the_last_of_forward_and_the_first_of_backward_are_the_whole(registry):
    model = tiny_model("cnn-rnn", registry=registry)
    found = explain("temporal", model, tiny_dataset(6), registry=registry)
    whole = 1 / (1 + np.exp(-found.target_values))
    assert np.allclose(found.values[:, 0, -1], whole, atol=1e-6)
    assert np.allclose(found.values[:, 1, 0], whole, atol=1e-6)


@pytest.mark.parametrize("name", ["cnn", "rnn", "cnn-rnn"])
@pytest.mark.parametrize(
    ("target", "options", "score"),
    [
        ("open", {}, torch.sigmoid),
        ("open", {"score": "logit"}, lambda outputs: outputs),
        ("probability:open", {"score": "logit"}, torch.sigmoid),
    ],
)
def test_as_probability_or_logit(registry, name, target, options, score):
    model = tiny_model(name, registry=registry, targets=("bound", "open"))
    data = tiny_dataset(3, targets=("bound", "open"))
    found = explain("temporal", model, data, target=target, registry=registry, **options).values
    assert np.nanmax(np.abs(found - naive(model, data.codes, 1, score))) < 1e-5


@pytest.mark.parametrize("name", ["cnn", "rnn"])
def test_targets_of_several_outputs_and_the_loss(registry, name):
    model = tiny_model(name, registry=registry, targets=("bound", "open"))
    data = tiny_dataset(3, targets=("bound", "open"))
    difference = explain("temporal", model, data, target="difference:bound:open", registry=registry).values
    first, second = (naive(model, data.codes, column, lambda o: o) for column in (0, 1))
    assert np.nanmax(np.abs(difference - (first - second))) < 1e-5
    loss = explain("temporal", model, data, target="loss:bound", registry=registry).values
    label = data.labels[:, 0][:, None, None]
    expected = np.logaddexp(0, np.nan_to_num(first)) - label * first
    assert np.nanmax(np.abs(loss - expected)) < 1e-5


def test_the_authors_shortcut_lets_bases_leak_in(registry):
    model = tiny_model("cnn-rnn", registry=registry, width=9)
    data = tiny_dataset(4)
    exact = explain("temporal", model, data, registry=registry).values
    sliced = explain("temporal", model, data, registry=registry, sliced=True).values
    x = model.one_hot(data.codes)
    with torch.no_grad():
        first = model.module.first_layer
        features = torch.relu(torch.nn.functional.conv1d(x, first.weight, first.bias, padding=4))
        expected = torch.sigmoid(model.module.from_position_features(features[:, :, :17]))[:, 0]
    assert np.allclose(sliced[:, 0, 16], expected, atol=1e-6)
    assert np.abs(sliced - exact).max() > 1e-4
    assert np.allclose(sliced[:, 0, -1], exact[:, 0, -1], atol=1e-6)  # both agree for the whole sequence
    changed = data.take(slice(0, 4))
    changed.codes[:, 20] = (changed.codes[:, 20] + 1) % 4
    other = explain("temporal", model, changed, registry=registry, sliced=True).values
    assert np.abs(other - sliced)[:, 0, :16].max() == 0  # four bases away: no effect
    assert np.abs(other - sliced)[:, 0, 16].max() > 0  # base 20 affects the score of the prefix that ends at 16
    exact_other = explain("temporal", model, changed, registry=registry).values
    assert np.abs(exact_other - exact)[:, 0, :20].max() == 0


def test_the_shortcut_needs_a_convolution_to_slice(registry):
    for name in ("cnn", "rnn"):
        with pytest.raises(MisfitError, match="--sliced needs a network with a convolution that keeps the length"):
            explain("temporal", tiny_model(name, registry=registry), tiny_dataset(2), registry=registry, sliced=True)


def test_one_pass_where_the_network_offers_it(registry, monkeypatch):
    """Counts forward passes, to detect a loop over prefixes."""
    for name, options, passes in [
        ("cnn", {}, 0),
        ("rnn", {"unidirectional": True}, 0),
        ("rnn", {}, 0),
        ("cnn-rnn", {}, 0),
        ("without", {}, 40),
    ]:
        model = tiny_model("cnn-rnn" if name == "without" else name, registry=registry, **options)
        if name == "without":
            model.capabilities = model.capabilities - {"prefix-logits"}
        seen, kind = [], type(model.module)
        method = "fast_forward" if fast_network(model.module, torch.zeros(1)) else "forward"
        original = getattr(kind, method)
        with monkeypatch.context() as patched:
            patched.setattr(kind, method, lambda self, x, o=original, seen=seen: (seen.append(len(x)), o(self, x))[1])
            explain("temporal", model, tiny_dataset(5), registry=registry)
        seen = seen[1:-1]  # passes of the core: one sequence before, and outputs afterwards
        assert len(seen) == passes, name
        assert set(seen) <= {10}, name  # prefixes and suffixes of one length


@pytest.mark.parametrize("width", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("options", [{}, {"unidirectional": True}, {"layers": 2}])
def test_prefixes_of_a_padded_convolution_are_those_of_each_alone(registry, width, options):
    """Compare with a loop over prefixes and suffixes in float64, also for sequences shorter than the filter."""
    module = tiny_model("cnn-rnn", registry=registry, width=width, **options).module.double()
    for length in (1, 2, 3, 8, 21):
        x = torch.randn(3, 4, length, dtype=torch.float64)
        with torch.no_grad():
            for place in range(length):
                prefix, suffix = module(x[:, :, : place + 1]), module(x[:, :, place:])
                assert torch.allclose(module.prefix_logits(x)[:, :, place], prefix, rtol=0, atol=1e-12)
                assert torch.allclose(module.suffix_logits(x)[:, :, place], suffix, rtol=0, atol=1e-12)


def changed_network(how, model):
    """Change what the network computes, other than its weights."""
    module = model.module
    if how == "hook of the network":
        module.register_forward_hook(lambda m, i, o: o + 1)
    elif how == "hook of the readout":
        module.readout.register_forward_hook(lambda m, i, o: o * 3)
    elif how == "hook of all recurrent layers":
        module.recurrent.register_forward_hook(lambda m, i, o: o * 2)
    elif how == "subclass":
        module.__class__ = type(
            "Sub", (type(module),), {"forward": lambda self, x: type(module).__mro__[1].forward(self, x) * 2}
        )
    elif how == "dilated convolution":
        module.convolution.dilation, module.padding.padding = (2,), (8, 8)
    elif how == "other features":
        features = lambda self, x: type(module).__mro__[1].position_features(self, x).flip(2) ** 2  # noqa: E731
        module.__class__ = type("Sub", (type(module),), {"position_features": features})
    elif how == "exchanged dropout":
        module.dropout = torch.nn.ReLU()
    elif how == "exchanged lstm":
        kind = type(
            "Lstm2", (torch.nn.LSTM,), {"forward": lambda self, x: (torch.nn.LSTM.forward(self, x)[0] * 2, None)}
        )
        module.recurrent.lstm.__class__ = kind


OF_ALL = ("hook of the network", "subclass")
OF_RECURRENT = ("hook of the readout", "hook of all recurrent layers", "exchanged dropout", "exchanged lstm")


@pytest.mark.parametrize(
    "name, how",
    [
        (name, how)
        for name, changes in (
            ("cnn", OF_ALL),
            ("rnn", OF_ALL + OF_RECURRENT),
            ("cnn-rnn", (*OF_ALL, *OF_RECURRENT, "dilated convolution", "other features")),
        )
        for how in changes
    ],
)
def test_scores_are_those_of_the_changed_network(registry, name, how):
    """As by a loop over prefixes and suffixes with the network itself."""
    model, data = tiny_model(name, registry=registry), tiny_dataset(4)
    before = explain("temporal", model, data, registry=registry).values
    changed_network(how, model)
    found = explain("temporal", model, data, registry=registry).values
    assert np.nanmax(np.abs(found - before)) > 1e-3
    assert np.nanmax(np.abs(found - naive(model, data.codes, 0))) < 1e-5


def test_regression_outputs_stay_what_they_are(registry):
    from demo_core.models.targets import Output

    model = tiny_model("rnn", registry=registry)
    model.outputs = (Output("bound", "identity", "log counts"),)
    data = tiny_dataset(3)
    found = explain("temporal", model, data, registry=registry).values
    assert np.nanmax(np.abs(found - naive(model, data.codes, 0, lambda o: o))) < 1e-5
