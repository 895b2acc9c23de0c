"""Test fast computation of outputs and gradients against PyTorch's own modules, one sequence at a time in float64."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from demo_core.models import Output, build_model, fast_convolution, fast_layers, outputs_and_gradients
from demo_core.models.fast import fast_network
from demo_core.models.pieces import in_pieces
from demo_core.plugins import Architecture, installed
from demo_core.sequences import DNA

NETWORKS = ["cnn", "rnn", "cnn-rnn"]


def model_of(name, length=101, targets=("bound",), **options):
    torch.manual_seed(0)
    outputs = [Output(name) for name in targets]
    return build_model(installed().find(Architecture, name), options, alphabet=DNA, length=length, outputs=outputs)


def codes_of(n, length, seed=0):
    codes = np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)
    codes[0] = 0  # one letter, so that all positions tie
    codes[1, : length // 3] = DNA.unknown
    codes[2] = np.tile([0, 3], length)[:length]
    return codes


def by_autograd(model, codes, target):
    """Outputs and gradients of a float64 copy of the network, one sequence at a time."""
    network = copy.deepcopy(model.module).double().eval()
    found = []
    for row, code in enumerate(codes):
        x = torch.from_numpy(DNA.one_hot(code[None])).double().requires_grad_(True)
        outputs = network(x)
        (gradient,) = torch.autograd.grad(target.rows(slice(row, row + 1))(outputs).sum(), x)
        found.append((outputs.detach(), gradient))
    return torch.cat([o for o, _ in found]), torch.cat([g for _, g in found])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("text", ["a", "probability:b", "difference:a:b", "loss:b"])
def test_values_are_those_of_a_loop_in_float64(name, text):
    model = model_of(name, targets=("a", "b"))
    codes = codes_of(105, 101)  # two pieces of different size
    target = model.target(text).bind(torch.from_numpy(np.random.default_rng(1).integers(0, 2, (105, 2)).astype("f4")))
    outputs, gradients = outputs_and_gradients(model, model.one_hot(codes), target)
    true = by_autograd(model, codes, target)
    assert torch.allclose(outputs.double(), true[0], rtol=0, atol=1e-5 * float(true[0].abs().max()))
    assert float((gradients - true[1]).abs().max()) <= 1e-5 * float(true[1].abs().max())
    assert np.allclose(model.predict(codes), true[0], rtol=0, atol=1e-5 * float(true[0].abs().max()))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_precision_is_that_of_the_network(name, dtype):
    model = model_of(name, **({"filters": (8, 8, 8)} if name == "cnn" else {"units": 4}))
    codes = codes_of(40, 101)
    true = by_autograd(model, codes, model.target())
    model.module.to(dtype)
    outputs, gradients = outputs_and_gradients(model, model.one_hot(codes), model.target())
    assert outputs.dtype == gradients.dtype == dtype
    error = float((gradients.double() - true[1]).abs().max() / true[1].abs().max())
    if dtype == torch.bfloat16:  # the network's own forward
        x = model.one_hot(codes).requires_grad_(True)
        (own,) = torch.autograd.grad(model.module(x).sum(), x)
        assert torch.equal(gradients, own)
    else:
        assert error < 1e-12


@st.composite
def stacks(draw):
    """Convolutions with ReLU and pooling. All numbers are exact in float64, so maxima tie in any order of sums."""
    channels, layers = draw(st.integers(1, 4)), []
    for _ in range(draw(st.integers(1, 3))):
        groups = draw(st.sampled_from([1, channels]))
        filters = groups * draw(st.integers(1, 3))
        layers.append(nn.Conv1d(channels, filters, draw(st.integers(1, 4)), stride=draw(st.integers(1, 2)),
                                padding=draw(st.integers(0, 2)), dilation=draw(st.integers(1, 2)), groups=groups,
                                bias=draw(st.booleans())))  # fmt: skip
        if draw(st.booleans()):
            layers.append(draw(st.sampled_from([nn.ReLU(), nn.LeakyReLU(0.5), nn.ReLU(inplace=True)])))
        if draw(st.booleans()):
            layers.append(draw(st.sampled_from([nn.MaxPool1d(2), nn.MaxPool1d(3, 2, 1), nn.MaxPool1d(2, 1),
                                                nn.MaxPool1d(2, ceil_mode=True), nn.AvgPool1d(2)])))  # fmt: skip
        layers.append(nn.Dropout(0.5))
        channels = filters
    network = nn.Sequential(*layers).double().eval()
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**30)))
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randint(-1, 2, weight.shape, generator=generator))
    x = torch.randint(0, 2, (2, layers[0].in_channels, draw(st.integers(200, 211))), generator=generator)
    return network, x.double()


@settings(max_examples=60, deadline=None)
@given(stacks())
def test_layers_give_the_values_and_gradients_of_their_modules(case):
    network, x = case
    results = []
    for forward in (network, lambda x: fast_layers(network, x)):
        given_x = x.clone().requires_grad_(True)
        found = forward(given_x)
        weights = torch.linspace(1, 2, found.numel(), dtype=x.dtype).view(found.shape)
        results.append((found.detach(), torch.autograd.grad((found * weights).sum(), given_x)[0]))
    for ours, theirs in zip(results[1], results[0], strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(fast_layers(network, x), results[0][0], rtol=1e-12, atol=1e-12)


def test_a_second_backward_pass_is_refused():
    """Memory of the first pass is used again, so it would give wrong numbers."""
    layers = nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.MaxPool1d(2)).eval()
    x = torch.randn(2, 4, 20, requires_grad=True)
    found = fast_layers(layers, x).sum()
    torch.autograd.grad(found, x, retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(found, x)


def test_a_layer_that_writes_into_its_input_may_follow():
    layers = nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.MaxPool1d(2), nn.ELU(inplace=True)).double().eval()
    x = torch.randn(2, 4, 20, dtype=torch.float64, requires_grad=True)
    found = [torch.autograd.grad(forward(x).sum(), x)[0] for forward in (layers, lambda x: fast_layers(layers, x))]
    assert torch.allclose(*found, rtol=1e-12, atol=1e-12)


def test_a_subclass_with_other_features_is_heeded():
    model = model_of("cnn-rnn", filters=8, units=4)
    kind = type(model.module)
    model.module.__class__ = type(
        "Sub", (kind,), {"position_features": lambda self, x: 2 * kind.position_features(self, x)}
    )
    codes = codes_of(8, 101)
    true = by_autograd(model, codes, model.target())
    found = outputs_and_gradients(model, model.one_hot(codes), model.target())[1].double()
    assert torch.allclose(found, true[1], rtol=0, atol=1e-5 * float(true[1].abs().max()))


def test_other_convolutions_are_called_as_they_are():
    for layer in (nn.Conv1d(4, 3, 5, padding="same"), nn.Conv1d(4, 3, 5, padding=2, padding_mode="circular")):
        x = torch.randn(2, 4, 20)
        assert torch.equal(fast_convolution(layer, x), layer(x))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_hooks_runs_its_own_forward(name):
    model = model_of(name)
    x = model.one_hot(codes_of(40, 101))
    assert fast_network(model.module, x) is not None
    seen = []
    inner = next(m for m in model.module.modules() if isinstance(m, nn.Dropout))
    for register in (inner.register_forward_hook, inner.register_forward_pre_hook, inner.register_full_backward_hook):
        handle = register(lambda *_: seen.append(threading.current_thread()))
        outputs_and_gradients(model, x, model.target())
        assert seen == [threading.main_thread()]
        seen.clear()
        handle.remove()
    with nn.modules.module.register_module_forward_hook(lambda *_: seen.append(1)):
        assert fast_network(model.module, x) is None
    inner.forward = lambda x: x * 2
    assert fast_network(model.module, x) is None
    true = by_autograd(model, codes_of(40, 101), model.target())
    assert torch.allclose(outputs_and_gradients(model, x, model.target())[1].double(), true[1], atol=1e-5)


def test_a_changed_network_gives_its_own_values():
    """A subclass with another forward, and layers that were exchanged."""
    model = model_of("cnn", filters=(8, 8, 8))
    codes = codes_of(20, 101)

    class Doubled(type(model.module)):
        def forward(self, x):
            return 2 * super().forward(x)

    model.module.features[1] = nn.GELU()
    model.module.features[6] = nn.AvgPool1d(2)
    true = by_autograd(model, codes, model.target())
    found = outputs_and_gradients(model, model.one_hot(codes), model.target())
    assert torch.allclose(found[1].double(), true[1], rtol=0, atol=1e-5 * float(true[1].abs().max()))
    model.module.__class__ = Doubled
    doubled = outputs_and_gradients(model, model.one_hot(codes), model.target())
    assert torch.allclose(doubled[1], 2 * found[1], atol=1e-6)


def test_weights_have_no_gradient_and_nothing_changes():
    model = model_of("cnn")
    x = model.one_hot(codes_of(70, 101))
    before = x.clone()
    outputs, gradients = outputs_and_gradients(model, x, model.target())
    assert torch.equal(x, before) and not x.requires_grad
    assert not outputs.requires_grad and not gradients.requires_grad
    assert all(p.grad is None and p.requires_grad for p in model.module.parameters())


def test_threads_keep_the_number_of_cores_and_their_order():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        x, seen = torch.zeros(99, 4, 3000), set()

        def compute(rows):
            seen.add(torch.get_num_threads())
            return rows.start

        assert in_pieces(x, compute, at_once=True, per_thread=4000) == list(range(99))
        assert seen == {1}
        assert in_pieces(x, lambda rows: (rows.start, rows.stop), at_once=False, per_thread=4000) == [(0, 99)]
        sizes = in_pieces(x[:, :, :100], lambda rows: rows.stop - rows.start, at_once=True, per_thread=4000)
        assert sizes == [33, 33, 33]  # as many pieces for each thread
        seen.clear()
        assert len(in_pieces(x, compute, at_once=True)) == 12
        assert seen == {3}  # all cores for one piece after the other
        assert in_pieces(x[:0], lambda rows: (rows.start, rows.stop), at_once=True, per_thread=4000) == [(0, 0)]
        assert torch.get_num_threads() == 3
        others = []
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("demo-piece")]
        thread = threading.Thread(target=lambda: others.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert others == [3]
        with pytest.raises(ZeroDivisionError):
            in_pieces(x, lambda rows: 1 // (rows.start - 7), at_once=True, per_thread=4000)
        torch.set_num_threads(1)
        alone = in_pieces(x, lambda rows: threading.current_thread(), at_once=True, per_thread=4000)
        assert set(alone) == {threading.main_thread()}
    finally:
        torch.set_num_threads(before)


def test_an_empty_batch_has_no_outputs():
    model = model_of("cnn", filters=(4, 4, 4))
    assert model.predict(codes_of(4, 101)[:0]).shape == (0, 1)
