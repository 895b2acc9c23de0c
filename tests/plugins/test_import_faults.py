"""Test that imports refuse unsuitable networks and checkpoints."""

import zipfile
from pathlib import Path

import foreign_networks as foreign
import numpy as np
import pytest
import torch
from torch import nn

from demo_core import Explanation, Model, explain
from demo_core.testing import tiny_dataset

LENGTH = 40


class Sigmoid(nn.Module):
    def __init__(self, last="sigmoid"):
        super().__init__()
        self.conv, self.head = nn.Conv1d(4, 4, 5), nn.Linear(4, 2)
        ends = {
            "sigmoid": nn.Sigmoid(),
            "softmax": nn.Softmax(1),
            "log": nn.LogSoftmax(1),
            "log-sigmoid": nn.LogSigmoid(),
        }
        self.last = ends.get(last, nn.Identity())
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.head.bias.fill_(0.5)  # so that logits lie within 0 and 1 too

    def forward(self, x):
        return self.last(self.head(torch.relu(self.conv(x)).amax(2)))


class Lengths(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 1, 5)

    def forward(self, x, lengths, weight):
        assert lengths.dtype == torch.int64 and lengths.shape == (len(x),) and weight.dtype == torch.float32
        return self.conv(x).sum(2) / lengths[:, None] * weight[:, None] * 100


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(4, 8)

    def forward(self, x):
        return self.embedding(x).mean((1, 2))


@pytest.fixture
def imported(tmp_path, demo, monkeypatch):
    """Import a network of this module. Returns exit code, stdout and stderr."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def call(network, *more, file=None, out="m", module=__name__):
        torch.save(network.state_dict(), tmp_path / "w.pt")
        name = f"{module}:{type(network).__name__}"
        return demo("--allow-code", "model", "import", file or tmp_path / "w.pt", "--architecture", name, "--length",
                    LENGTH, "-o", tmp_path / out, *more)  # fmt: skip

    return call


@pytest.mark.parametrize("last", ["sigmoid", "softmax"])
def test_probabilities_are_not_taken_for_logits(imported, tmp_path, last):
    torch.manual_seed(0)
    network = Sigmoid(last).eval()
    option = ["--option", f"last={last}"]
    targets = ["--target", "a", "--target", "b"]
    code, _, err = imported(network, *option, *targets)
    assert code == 3 and not (tmp_path / "m").exists()
    assert all(way in err for way in ("--without", "--logit", "--target NAME:identity", "--outputs-are-logits"))
    identity = ["--target", "a:identity:share", "--target", "b:identity:share"]
    ways = {"logit": ["--logit", *targets], "confirmed": ["--outputs-are-logits", *targets], "regression": identity}
    ways |= {"without": ["--without", "last", *targets]} if last == "sigmoid" else {}
    for name, way in ways.items():
        assert imported(network, *option, *way, out=name)[0] == 0, name
    from demo_core.models.trust import code_allowed

    data = tiny_dataset(4, LENGTH)
    with code_allowed(), torch.no_grad():
        model = Model.load(tmp_path / "logit", allow_code=True)
        said = model.activate(model.predict(data.codes))
        assert said == pytest.approx(network(torch.from_numpy(data.alphabet.one_hot(data.codes))).numpy(), abs=1e-5)


def test_logits_within_0_and_1_by_chance_are_taken_as_they_are(imported):
    torch.manual_seed(0)
    code, _, err = imported(Sigmoid("none"), "--option", "last=none")
    assert code == 0, err


def test_entries_that_are_no_part_of_the_network_can_be_dropped(imported, tmp_path):
    network = foreign.Plain()
    torch.save({"state_dict": {**network.state_dict(), "criterion.pos_weight": torch.tensor(3.0)}}, tmp_path / "l.ckpt")
    how = {"file": tmp_path / "l.ckpt", "module": "foreign_networks", "out": "a/b/m"}
    code, _, err = imported(network, **how)
    assert code == 3 and "criterion.pos_weight" in err and "--drop REGEX" in err
    assert not (tmp_path / "a").exists()
    code, _, err = imported(network, "--drop", "criterian", **how)
    assert code == 2 and "matches no entry" in err
    code, _, err = imported(network, "--drop", "^criterion[.]", **how)
    assert code == 0 and (tmp_path / "a/b/m/model.json").is_file(), err


def test_scalar_and_integer_inputs(imported):
    code, _, err = imported(Lengths(), "--extra-input", "lengths::60", "--extra-input", "weight::2.0")
    assert code == 0, err
    code, _, err = imported(Lengths(), "--extra-input", "lengths::60", "--extra-input", "weight::2.0.0", out="n")
    assert code == 2 and "is not a number" in err


def test_a_layout_that_does_not_fit_names_those_that_do(imported):
    code, _, err = imported(foreign.Plain(), "--layout", "BLA", module="foreign_networks")
    assert code == 3 and "it runs with --layout BAL" in err


def test_a_network_of_tokens_is_told_as_such(imported):
    code, _, err = imported(Tokens())
    assert code == 3 and "expects integer tokens" in err and "embedding matrix" in err


def test_models_of_other_frameworks_are_named(imported, tmp_path):
    network = foreign.Plain()
    torch.jit.trace(network, torch.zeros(2, 4, LENGTH)).save(str(tmp_path / "script.pt"))
    (tmp_path / "net.onnx").write_bytes(b"\x08\x07\x12\x07pytorch")
    (tmp_path / "net.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 64)
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as file:
        file.writestr("model.weights.h5", b"x")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    for name, said in (("script.pt", "TorchScript"), ("net.onnx", "an ONNX model"), ("net.h5", "a Keras model"),
                       ("net.keras", "a Keras model"), ("saved", "TensorFlow SavedModel")):  # fmt: skip
        code, _, err = imported(network, file=tmp_path / name, module="foreign_networks")
        assert code == 1 and said in err and "PyTorch" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("reduce", ["profile", "profile-detached"])
def test_profile_reductions_are_those_of_a_float64_loop(imported, tmp_path, reduce):
    torch.manual_seed(0)
    network = foreign.Positions()
    code, _, err = imported(network, "--reduce", reduce, "--channels", "last", "--target", "p:identity:x",
                            module="foreign_networks")  # fmt: skip
    assert code == 0, err
    model = Model.load(tmp_path / "m", allow_code=True)
    data = tiny_dataset(5, LENGTH)
    found = explain("saliency", model, data)
    raw = network.double().eval()
    for row in range(5):
        x = torch.from_numpy(data.alphabet.one_hot(data.codes[row : row + 1])).double().requires_grad_(True)
        logits = raw(x)[0]  # (L, T)
        centre = logits.mean()
        total = torch.exp(logits - centre).sum()
        value = 0
        for one in logits.flatten():
            weight = torch.exp(one - centre) / total
            value = value + (one - centre) * (weight if reduce == "profile" else float(weight))
        (gradient,) = torch.autograd.grad(value, x)
        assert found.values[row] == pytest.approx(gradient[0].numpy(), rel=1e-4, abs=1e-6)
        assert found.target_values[row] == pytest.approx(float(value), rel=1e-4)


def test_the_two_profile_reductions_differ_where_it_matters(imported, tmp_path):
    torch.manual_seed(0)
    values = []
    for way in ("profile", "profile-detached"):
        code, _, err = imported(foreign.Positions(), "--reduce", way, "--channels", "last", "--target", "p:identity:x",
                                module="foreign_networks", out=way)  # fmt: skip
        assert code == 0, err
        torch.manual_seed(0)
        model = Model.load(tmp_path / way, allow_code=True)
        with torch.no_grad():
            model.module.network.conv.weight.mul_(5)
        values.append(explain("saliency", model, tiny_dataset(5, LENGTH)).values)
    assert np.abs(values[0] - values[1]).max() > 0.05 * np.abs(values[0]).max()


def test_a_network_that_writes_into_its_input_is_read_as_it_is(imported, tmp_path, demo):
    torch.manual_seed(0)
    network = foreign.Subtracts().eval()
    code, _, err = imported(network, "--shortest", "10", module="foreign_networks")
    assert code == 0, err
    tiny_dataset(4, LENGTH).save(tmp_path / "d.h5")
    for explainer, more in (("temporal", ["--score", "logit"]), ("saliency", [])):
        command = ["explain", explainer, tmp_path / "m", tmp_path / "d.h5", "-o", tmp_path, "--name", explainer]
        code, _, err = demo("--allow-code", *command, *more, "--split", "all")
        assert code == 0, err
    with Explanation.open(tmp_path / "temporal.h5") as found, torch.no_grad():
        x = torch.from_numpy(found.one_hot(slice(None)))
        for end in range(10, LENGTH + 1):
            assert found.values[:, 0, end - 1] == pytest.approx(network(x[:, :, :end].clone())[:, 0].numpy(), abs=1e-5)


def test_a_network_that_reads_values_while_it_is_made_is_opened_again(imported, tmp_path, demo):
    code, _, err = imported(foreign.BuiltWithValues(), "--outputs-are-logits", module="foreign_networks")
    assert code == 0, err
    tiny_dataset(4, LENGTH).save(tmp_path / "d.h5")
    code, _, err = demo("--allow-code", "predict", tmp_path / "m", tmp_path / "d.h5")
    assert code == 0, err


@pytest.mark.parametrize("last", ["log", "log-sigmoid"])
def test_logarithms_of_probabilities_are_not_taken_for_logits(imported, last):
    torch.manual_seed(0)
    for more in (["--target", "a", "--target", "b"], ["--target", "a", "--column", "1"]):
        code, _, err = imported(Sigmoid(last), "--option", f"last={last}", *more)
        assert code == 3 and "never above 0, as after a log-softmax" in err, err


def test_each_output_is_looked_at_by_itself(imported):
    torch.manual_seed(0)
    network = Sigmoid("softmax")
    targets = ["--target", "a", "--target", "b:identity:share"]
    code, _, err = imported(network, "--option", "last=softmax", *targets)
    assert code == 3 and "output 'a'" in err
