"""Test in-silico mutagenesis against a float64 loop over all substitutions, and tangermeme."""

import numpy as np
import pytest
import torch
from demo_ism.edits import Edits
from demo_ism.local_front import LocalFront
from hypothesis import given, settings
from hypothesis import strategies as st
from method_cases import NETWORKS, close, float64, small
from method_cases import trained as trained_case
from torch import nn

from demo_core import explain
from demo_core.testing import tiny_dataset, tiny_model


def every_substitution(model, data, span=None):
    """Return the change of the first output against the mean over letters, one edited sequence at a time."""
    network, values = float64(model), np.zeros((len(data), 4, data.length))
    for row in range(len(data)):
        for place in span or range(data.length):
            for letter in range(4):
                edited = model.alphabet.one_hot(data.codes[row : row + 1]).astype(np.float64)
                edited[0, :, place] = 0
                edited[0, letter, place] = 1
                with torch.no_grad():
                    values[row, letter, place] = float(network(torch.from_numpy(edited))[0, 0])
    return values - values.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("method", ["auto", "plain"])
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_a_float64_loop(name, method):
    model, data = small(name, n=2)
    data.codes[1, 10:14] = 4
    assert close(explain("ism", model, data, method=method).values, every_substitution(model, data))


@pytest.mark.full
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_tangermeme_on_trained_networks(full_quickstart, name):
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    folder, done = full_quickstart
    assert done.returncode == 0, done.stderr
    model, data = trained_case(folder, name, n=3)
    x = torch.from_numpy(data.alphabet.one_hot(data.codes))
    theirs = saturation_mutagenesis(model.module, x, hypothetical=True, device="cpu", verbose=False).numpy()
    assert close(explain("ism", model, data).values, theirs)


@pytest.mark.parametrize("form", ["probability:bound", "loss:bound", "difference:bound:open"])
def test_explains_the_target(form):
    model, data = tiny_model(targets=("bound", "open")), tiny_dataset(2, targets=("bound", "open"), unknown=False)
    found = explain("ism", model, data, target=form)
    edited = data.codes.copy()
    edited[:, 7] = (edited[:, 7] + 1) % 4
    one, other = (torch.from_numpy(model.predict(codes)) for codes in (edited, data.codes))
    target = model.target(form).bind(torch.from_numpy(data.labels))
    effect = (target(one) - target(other)).numpy()
    rows = np.arange(2)
    ours = found.values[rows, edited[:, 7], 7] - found.values[rows, data.codes[:, 7], 7]
    assert np.allclose(ours, effect, atol=1e-6)


def test_a_span_leaves_the_rest_at_0():
    model, data = small("rnn", n=2)
    found = explain("ism", model, data, span="5:9").values
    assert not found[:, :, :5].any()
    assert not found[:, :, 9:].any()
    assert close(found[:, :, 5:9], every_substitution(model, data, range(5, 9))[:, :, 5:9])


def test_average_strands_is_the_mean_of_both_strands_one_substitution_at_a_time():
    model, data = small("cnn", n=2)
    found = explain("ism", model, data, average_strands=True).values
    other = tiny_dataset(2, unknown=False)
    other.codes[:] = 3 - data.codes[:, ::-1]  # A, C, G, T are 0 to 3, so the complement is 3 minus the code
    expected = (every_substitution(model, data) + every_substitution(model, other)[:, ::-1, ::-1]) / 2
    assert close(found, expected)


def test_a_span_means_the_same_bases_on_both_strands():
    model, data = small("cnn", n=2)
    whole = explain("ism", model, data, average_strands=True).values
    found = explain("ism", model, data, average_strands=True, span="5:9").values
    assert close(found[:, :, 5:9], whole[:, :, 5:9])
    assert not np.delete(found, range(5, 9), axis=2).any()


@pytest.mark.parametrize(
    ("span", "said"),
    [("30:41", "ends after the sequence of 40 bases"), ("9:9", "expected START:END"), ("a:b", "expected START:END"),
     ("7", "expected START:END"), ("-3:5", "expected START:END")],
)  # fmt: skip
def test_a_wrong_span_is_refused_in_one_line(demo, trained, tmp_path, span, said):
    code, _, err = demo("explain", "ism", trained / "one", trained / "data.h5", "--span", span, "-o", tmp_path)
    assert code in (2, 3)
    last = err.strip().splitlines()[-1]
    assert said in last
    assert not list(tmp_path.glob("*.h5"))


class Local(nn.Module):
    """A network of any local layers, with the head of the built-in cnn or one that depends on positions."""

    def __init__(self, layers, length, *, maxima):
        super().__init__()
        self.local_layers = nn.Sequential(*layers)
        with torch.no_grad():
            channels, positions = self.local_layers(torch.zeros(1, 4, length)).shape[1:]
        self.linear = nn.Linear(channels if maxima else channels * positions, 2)

    def from_local_features(self, features):
        return self.linear(features.flatten(1))

    def forward(self, x):
        return self.from_local_features(self.local_layers(x))


class LocalMaxima(Local):
    """The same, with the maximum over positions."""

    def from_channel_maxima(self, maxima):
        return self.linear(maxima)

    def forward(self, x):
        return self.from_channel_maxima(self.local_layers(x).amax(2))


def local(layers, length, *, maxima):
    return (LocalMaxima if maxima else Local)(layers, length, maxima=maxima).eval()


def layers_of(draw):
    layers, channels, length = [], 4, draw(st.integers(12, 40))
    left = length
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "pool", "relu", "gelu"]))
        if kind == "conv":
            width, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 2))
            padding = draw(st.integers(0, 3))
            after = left + 2 * padding - dilation * (width - 1)
            if after < 2:
                continue
            layers.append(nn.Conv1d(channels, 3, width, dilation=dilation, padding=padding))
            channels, left = 3, after
        elif kind == "pool" and left >= 6:
            size, step = draw(st.integers(1, 3)), draw(st.integers(1, 3))
            layers.append(nn.MaxPool1d(size, step))
            left = (left - size) // step + 1
        else:
            layers.append(nn.ReLU() if kind == "relu" else nn.GELU())
    return layers or [nn.Conv1d(4, 3, 3)], length


@settings(max_examples=150, deadline=None)
@given(st.data(), st.booleans(), st.integers(0, 2**31))
def test_windows_equal_whole_sequences(data, maxima, seed):
    layers, length = layers_of(data.draw)
    torch.manual_seed(seed)
    network = local(layers, length, maxima=maxima).double()
    for p in network.parameters():
        nn.init.normal_(p)
    front = LocalFront.of(network)
    assert front is not None
    x = nn.functional.one_hot(torch.randint(0, 4, (3, length)), 4).transpose(1, 2).double()
    x[0, :, 2] = 0  # an unknown base
    edits = Edits.of_batch(x, range(length))
    with torch.no_grad():
        assert torch.allclose(front.bound(x)(edits), network(edits.sequences()), rtol=1e-9, atol=1e-9)


def test_edits_are_all_letters_except_the_present_one():
    x = nn.functional.one_hot(torch.tensor([[0, 1, 2], [3, 3, 3]]), 4).transpose(1, 2).float()
    x[1, :, 0] = 0
    edits = Edits.of_batch(x, range(3))
    assert len(edits) == 3 * 6 + 1
    assert (edits.sequences().sum(1) <= 1).all()
    assert ((edits.sequences() != x[edits.row]).any(1).sum(1) == 1).all()


@pytest.mark.parametrize("layer", [nn.Conv1d(4, 3, 3, stride=2), nn.AvgPool1d(2), nn.BatchNorm1d(4), nn.LSTM(4, 3)])
def test_layers_without_a_rule_are_computed_in_full(layer):
    network = local([nn.Conv1d(4, 3, 3)], 20, maxima=True)
    network.local_layers.append(layer.eval())
    assert LocalFront.of(network) is None


def test_hooks_are_not_skipped():
    network = local([nn.Conv1d(4, 3, 3)], 20, maxima=True)
    assert LocalFront.of(network) is not None
    network.linear.register_forward_hook(lambda module, args, outputs: outputs + 1)
    assert LocalFront.of(network) is None


def test_a_front_that_is_not_the_network_is_found_and_said(caplog):
    model, data = small("cnn", n=2)
    honest = explain("ism", model, data, method="plain").values
    cls = type(model.module)
    model.module.__class__ = type("Other", (cls,), {
        "forward": lambda self, x: cls.forward(self, x) * 2, "from_channel_maxima": cls.from_channel_maxima,
    })  # fmt: skip
    found = explain("ism", model, data)
    assert "recomputing windows changes outputs by up to" in caplog.text
    assert close(found.values, 2 * honest)
