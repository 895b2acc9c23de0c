"""Test attention rollout and attention received against loops over known maps, and maps of nn.MultiheadAttention."""

import sys

import numpy as np
import pytest
import torch
from deeplift_cases import model_of
from demo_adapter.attention import recorded_attention
from torch import nn

from demo_core import Explanation, Unsuitable, explain
from demo_core.testing import tiny_dataset


class Known(nn.Module):
    """A network whose attention maps depend on the sequence in a known way; positions are windows of bases."""

    def __init__(self, windows, layers=2, heads=3):
        super().__init__()
        self.windows, self.layers, self.heads = torch.tensor(windows), layers, heads
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return self.head(x.mean(2))

    def attention_positions(self, length):
        return self.windows

    def attention_maps(self, x):
        of_window = torch.stack([x[:, :, a:b].sum((1, 2)) + x[:, 0, a:b].sum(1) for a, b in self.windows], dim=1)
        scale = torch.arange(1, self.layers * self.heads + 1, dtype=x.dtype).reshape(self.layers, self.heads)
        scores = scale[None, :, :, None, None] * of_window[:, None, None, :, None] * of_window[:, None, None, None, :]
        return (scores / 10).softmax(-1)


WINDOWS = [(0, 4), (4, 8), (6, 12), (12, 16), (16, 20)]  # bases 6 and 7 are in two


@pytest.fixture
def known():
    torch.manual_seed(0)
    model, data = model_of(Known(WINDOWS).double().eval()), tiny_dataset(3, length=20, unknown=False)
    model.capabilities = frozenset({"gradients", "attention"})
    return model, data


def test_rollout_equals_a_loop(known):
    model, data = known
    found = explain("attention-rollout", model, data)
    maps = model.module.attention_maps(model.one_hot(data.codes)).numpy()
    for row in range(3):
        whole = np.eye(5)
        for layer in range(2):
            mean = sum(maps[row, layer, head] for head in range(3)) / 3
            whole = (0.5 * mean + 0.5 * np.eye(5)) @ whole
        expected = np.zeros((20, 20))
        for i in range(20):
            queries = [p for p, (a, b) in enumerate(WINDOWS) if a <= i < b]
            for q in queries:
                for p, (a, b) in enumerate(WINDOWS):
                    expected[i, a:b] += whole[q, p] / (b - a) / len(queries)
        assert np.allclose(found.values[row], expected, atol=1e-6)
    assert np.allclose(found.values.sum(2), 1, atol=1e-6)


def test_received_attention_equals_a_loop_and_names_its_heads(known):
    model, data = known
    found = explain("attention-received", model, data)
    assert found.provenance.channels == tuple(f"layer {i} head {j}" for i in (1, 2) for j in (1, 2, 3))
    maps = model.module.attention_maps(model.one_hot(data.codes)).numpy()
    for channel in range(6):
        expected = np.zeros((3, 20))
        for p, (a, b) in enumerate(WINDOWS):
            expected[:, a:b] += (maps[:, channel // 3, channel % 3, :, p].mean(1) / (b - a))[:, None]
        assert np.allclose(found.values[:, channel], expected, atol=1e-6)
    assert np.allclose(found.values.sum(2), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda m: setattr(m, "attention_maps", lambda x: x),
            r"must return \(B, layers, heads, P, P\), not \(3, 4, 20\)",
        ),
        (lambda m: setattr(m, "attention_positions", None), "have 5 positions for 20 bases; its class must offer"),
        (lambda m: setattr(m, "attention_positions", lambda n: [[0, 50]] * 5), "integers between 0 and 20"),
        (lambda m: setattr(m, "attention_positions", lambda n: [[0.5, 2.0]] * 5), "integers between 0 and 20"),
        (
            lambda m: setattr(m, "attention_positions", lambda n: [[0], [1, 2]]),
            "must return start and end of 5 positions",
        ),
        (lambda m: setattr(m, "attention_maps", None), r"its class has no attention_maps\(x\); add this method"),
    ],
)
def test_bad_maps_are_refused_in_one_line(known, change, said):
    model, data = known
    change(model.module)
    with pytest.raises(Unsuitable, match=said):
        explain("attention-rollout", model, data)


TRANSFORMER = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x.transpose(1, 2))).mean(1))
"""


def test_an_imported_transformer_is_explained_without_changes(demo, here, monkeypatch):
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "small_transformer", raising=False)
    (here / "small_transformer.py").write_text(TRANSFORMER)
    from small_transformer import Small

    torch.manual_seed(0)
    network = Small().eval()
    torch.save(network.state_dict(), here / "w.pt")
    data = tiny_dataset(8, unknown=False)
    data.save(here / "d.h5")
    line = "--architecture", "small_transformer:Small", "--length", 40, "--target", "bound", "--allow-code"
    code, _, err = demo("model", "import", "w.pt", *line, "-o", "m")
    assert code == 0, err
    for name in ("attention-rollout", "attention-received"):
        code, _, err = demo("explain", name, "m", "d.h5", "--split", "all", "-o", "e", "--allow-code")
        assert code == 0, err
    x = torch.from_numpy(data.alphabet.one_hot(data.codes)).double()
    network = network.double()
    y = network.embed(x.transpose(1, 2)).detach()
    maps = []
    for layer in network.encoder.layers:
        own = layer.self_attn
        q, k, _ = (y @ own.in_proj_weight.T + own.in_proj_bias).chunk(3, dim=2)
        heads = [
            (q[..., h * 4 : h * 4 + 4] @ k[..., h * 4 : h * 4 + 4].transpose(1, 2) / 2).softmax(-1) for h in (0, 1)
        ]
        maps.append(torch.stack(heads, dim=1).detach())
        y = layer(y).detach()
    with Explanation.open("e/m.attention-received.h5") as found:
        expected = torch.cat(maps, dim=1).mean(dim=2).numpy()
        assert found.provenance.channels == ("layer 1 head 1", "layer 1 head 2", "layer 2 head 1", "layer 2 head 2")
        assert np.allclose(found.values[:], expected, atol=1e-5)
    identity = np.eye(40)
    one, two = (maps[layer].mean(dim=1).numpy() / 2 + identity / 2 for layer in (0, 1))
    with Explanation.open("e/m.attention-rollout.h5") as found:
        assert np.allclose(found.values[:], two @ one, atol=1e-5)
    for made in ("show", "dashboard"):
        code, _, err = demo(made, "e/m.attention-rollout.h5", "e/m.attention-received.h5", "-o",
                            "f.png" if made == "show" else "r.html")  # fmt: skip
        assert code == 0, err


@pytest.mark.parametrize("inner", [47, 33])
def test_positions_of_a_padded_or_cropped_input_are_those_of_the_sequence(inner, demo, here, monkeypatch):
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delitem(sys.modules, "small_transformer", raising=False)
    (here / "small_transformer.py").write_text(TRANSFORMER)
    from small_transformer import Small

    torch.manual_seed(0)
    network = Small().eval()
    torch.save(network.state_dict(), here / "w.pt")
    data = tiny_dataset(4, unknown=False)
    data.save(here / "d.h5")
    line = "--architecture", "small_transformer:Small", "--length", 40, "--network-length", inner, "--target", "bound"
    assert demo("model", "import", "w.pt", *line, "-o", "m", "--allow-code")[0] == 0
    code, _, err = demo("explain", "attention-received", "m", "d.h5", "--split", "all", "-o", "e", "--allow-code")
    assert code == 0, err
    x = torch.from_numpy(data.alphabet.one_hot(data.codes))
    left = (inner - 40) // 2 if inner > 40 else -((40 - inner) // 2)  # bases before the sequence
    fed = nn.functional.pad(x, (left, inner - 40 - left))
    received = recorded_attention(network, lambda: network(fed)).mean(3).flatten(1, 2).detach().numpy()
    with Explanation.open("e/m.attention-received.h5") as found:
        for base in range(40):
            inside = 0 <= base + left < inner
            expected = received[:, :, base + left] if inside else 0
            assert np.allclose(found.values[:, :, base], expected, atol=1e-6)


class Using(nn.Module):
    """Uses the averaged weights of its attention, and passes flags by position."""

    def __init__(self):
        super().__init__()
        self.embed, self.attention = nn.Linear(4, 8), nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        y = self.embed(x.transpose(1, 2))
        mixed, weights = self.attention(y, y, y, None, True)
        return (weights @ mixed).mean((1, 2))[:, None]


def test_layers_get_back_what_the_network_asked_for():
    torch.manual_seed(0)
    network, x = Using().eval(), torch.rand(2, 4, 10)
    outputs = []
    maps = recorded_attention(network, lambda: outputs.append(network(x)))
    assert torch.allclose(outputs[0], network(x), atol=1e-6)
    assert maps.shape == (2, 1, 2, 10, 10) and torch.allclose(maps.sum(-1), torch.ones(2, 1, 2, 10), atol=1e-6)
    assert not network.attention._forward_hooks and not network.attention._forward_pre_hooks


def test_attention_between_inputs_and_repeated_layers_are_refused():
    layer, y = nn.MultiheadAttention(8, 2, batch_first=True), torch.rand(2, 10, 8)
    for run, said in (
        (lambda: layer(y, y + 1, y), "from one input to another"),
        (lambda: (layer(y, y, y), layer(y, y, y)), "several times"),
    ):
        with pytest.raises(Unsuitable, match=said):
            recorded_attention(layer, run)
        assert not layer._forward_hooks
