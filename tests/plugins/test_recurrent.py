"""Test rnn and cnn-rnn, and their shared parts."""

import numpy as np
import pytest
import torch
from captum.attr import Saliency as CaptumSaliency
from demo_cnn_rnn.network import CnnRnn
from demo_cnn_rnn.options import CnnRnnOptions
from demo_rnn.network import Rnn
from demo_rnn.options import RnnOptions
from demo_train.settings import TrainingSettings
from demo_train.training import Epoch, train
from torch import nn

from demo_core import explain
from demo_core.metrics import auroc
from demo_core.models.layers import MeanReadout
from demo_core.testing import tiny_dataset, tiny_model

BUILT = {"rnn": (Rnn, RnnOptions), "cnn-rnn": (CnnRnn, CnnRnnOptions)}


def build(name, n_targets=1, **options):
    network, cls = BUILT[name]
    torch.manual_seed(0)
    return network(cls(**options), letters=4, length=101, n_targets=n_targets).eval()


def test_the_defaults_are_the_papers():
    for name, channels in (("rnn", 4), ("cnn-rnn", 128)):
        module = build(name)
        lstm = module.recurrent.lstm
        assert (lstm.input_size, lstm.hidden_size, lstm.num_layers, lstm.bidirectional) == (channels, 32, 1, True)
        assert module.dropout.p == 0.5
        assert module.readout.linear.in_features == 64
        for direction in ("", "_reverse"):  # forget gate bias starts at 1
            biases = [getattr(lstm, f"bias_{which}_l0{direction}")[32:64] for which in ("ih", "hh")]
            assert float(torch.stack(biases).sum(0).mean().detach()) == pytest.approx(1, abs=0.1)
    convolution = build("cnn-rnn").first_layer
    assert convolution.weight.shape == (128, 4, 9)


def lstm_by_hand(x, weights, units, reverse):
    """One direction of one LSTM layer, gate by gate: x (B, L, C) to (B, L, units)."""
    w_in, w_state, b_in, b_state = weights
    state, memory = torch.zeros(len(x), units), torch.zeros(len(x), units)
    found = [torch.empty(0)] * x.shape[1]
    for place in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        gates = x[:, place] @ w_in.T + b_in + state @ w_state.T + b_state
        i, f, g, o = gates.split(units, dim=1)
        memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
        state = torch.sigmoid(o) * torch.tanh(memory)
        found[place] = state
    return torch.stack(found, dim=1)


@pytest.mark.parametrize("unidirectional", [False, True])
@pytest.mark.parametrize("name", ["rnn", "cnn-rnn"])
def test_it_equals_the_same_network_written_by_hand(name, unidirectional):
    small = {"filters": 6, "width": 4} if name == "cnn-rnn" else {}
    module = build(name, units=5, unidirectional=unidirectional, **small)
    x = torch.randn(3, 4, 30)
    features = x
    if name == "cnn-rnn":
        padded = nn.functional.pad(x, (1, 2))
        features = torch.relu(nn.functional.conv1d(padded, module.first_layer.weight, module.first_layer.bias))
        assert features.shape == (3, 6, 30)
    lstm = module.recurrent.lstm
    states = [
        lstm_by_hand(
            features.transpose(1, 2),
            [getattr(lstm, f"{w}_l0{end}") for w in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")],
            5,
            reverse=bool(end),
        )
        for end in ([""] if unidirectional else ["", "_reverse"])
    ]
    mean = torch.cat(states, dim=2).mean(dim=1)
    expected = mean @ module.readout.linear.weight.T + module.readout.linear.bias
    assert torch.allclose(module(x), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["rnn", "cnn-rnn"])
def test_modules_return_tensors_and_take_any_length(name):
    module = build(name, layers=2, units=4, n_targets=3)
    seen = []
    for child in (module.recurrent, module.dropout, module.readout):
        child.register_forward_hook(lambda m, i, o: seen.append(isinstance(o, torch.Tensor)))
    for length in (module.min_length, 7, 300):
        assert module(torch.randn(2, 4, length)).shape == (2, 3)
    assert all(seen)


def test_what_they_offer(registry):
    both = {"gradients", "recurrent", "variable-length"}
    for unidirectional in (False, True):
        model = tiny_model("rnn", registry=registry, unidirectional=unidirectional)
        assert model.capabilities == both | {"prefix-logits"}
    of_cnn_rnn = both | {"conv-filters", "prefix-logits"}
    assert tiny_model("cnn-rnn", registry=registry).capabilities == of_cnn_rnn
    for options in ({"unidirectional": True}, {"layers": 2}):  # prefixes share no states, so forward is as fast
        assert tiny_model("cnn-rnn", registry=registry, **options).capabilities == of_cnn_rnn - {"prefix-logits"}
    assert tiny_model("rnn", registry=registry, layers=2).capabilities == both


def test_the_readout_goes_from_maximum_to_mean_and_is_the_mean_in_use():
    readout = MeanReadout(5, 2)
    states = torch.randn(3, 5, 20)
    mean, most = readout.linear(states.mean(2)), readout.linear(states.amax(2))
    for fraction, share in [(0.0, 1.0), (0.1, 0.75), (0.2, 0.5), (0.4, 0.0), (1.0, 0.0)]:
        readout.train().set_progress(fraction)
        assert torch.allclose(readout(states), share * most + (1 - share) * mean, atol=1e-6)
        assert torch.equal(readout.eval()(states), mean)
    plain = MeanReadout(5, 2, warm_start=False).train()
    plain.set_progress(0.0)
    assert torch.allclose(plain(states), plain.linear(states.mean(2)))


def test_training_tells_the_network_how_far_it_is(registry):
    model = tiny_model("rnn", registry=registry)
    seen = []
    model.module.set_progress = seen.append
    train(model, tiny_dataset(80), TrainingSettings(epochs=2, batch_size=10))
    assert seen == pytest.approx(np.arange(8) / 8)


def test_an_epoch_of_the_warm_start_is_kept_only_for_want_of_others(registry):
    """During the warm start, validation AUROC may peak while the mean output, which is used, is barely trained."""

    def epoch(number, score, warm_up):
        return Epoch(number, 0.5, 0.5, score, 0.01, 1.0, warm_up)

    assert epoch(1, 0.99, True).rank < epoch(2, 0.7, False).rank < epoch(3, 0.8, False).rank
    assert epoch(1, 0.99, True).rank > epoch(2, 0.98, True).rank
    seen = []
    history = train(
        tiny_model("rnn", registry=registry), tiny_dataset(130),
        TrainingSettings(epochs=5, batch_size=32), lambda epoch, history: seen.append(history.best_epoch),
    )  # fmt: skip
    assert [e.warm_up for e in history.epochs] == [True, True, False, False, False]
    assert history.best_epoch >= 3
    assert seen[0] == 1 and seen[2] == 3
    plain = train(
        tiny_model("rnn", registry=registry, warm_start=False), tiny_dataset(130),
        TrainingSettings(epochs=2, batch_size=32),
    )  # fmt: skip
    assert not any(e.warm_up for e in plain.epochs)
    assert history.as_json()["epochs"][0]["warm_up"] is True


@pytest.mark.full
def test_the_rnn_learns_a_planted_word(registry):
    # enough data for every seed to converge; with half of them, some seeds do not, depending on the machine
    data = tiny_dataset(1600, length=60, word="TGCTGACTCAGCA")
    test = data.take(data.rows_of_split("test"))
    model = tiny_model("rnn", registry=registry, length=60, units=16, dropout=0.2)
    train(model, data, TrainingSettings(epochs=40, batch_size=32, learning_rate=0.02))
    assert auroc(test.labels[:, 0], model.predict(test.codes)[:, 0]) > 0.9


@pytest.mark.parametrize("name", ["rnn", "cnn-rnn"])
def test_saliency_equals_captum(registry, name):
    data = tiny_dataset(8, targets=("bound", "open"))
    model = tiny_model(name, registry=registry, targets=("bound", "open"))
    found = explain("saliency", model, data, target="open", registry=registry)
    x = torch.from_numpy(data.alphabet.one_hot(data.codes)).requires_grad_(True)
    expected = CaptumSaliency(model.module).attribute(x, target=1, abs=False).detach().numpy()
    assert np.allclose(found.values, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected).max() > 0
