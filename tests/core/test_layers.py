import pytest
import torch
from torch import nn

from demo_core.models import Dropout, Lstm


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("last", [False, True])
def test_dropout_keeps_independent_values_with_the_right_frequency(p, last):
    """By the binomial distribution: in total, for each channel, and for neighbours in memory."""
    torch.manual_seed(0)
    n, channels, length = 200, 16, 31
    x = torch.ones(n, length, channels).transpose(1, 2) if last else torch.ones(n, channels, length)
    layer = Dropout(p)
    found = layer(x)
    kept = found > 0
    assert torch.allclose(found[kept], torch.tensor(1 / (1 - p)), rtol=2e-4)

    def check(share, count, expected):
        assert abs(share - expected) < 5 * (expected * (1 - expected) / count) ** 0.5

    check(kept.double().mean(), kept.numel(), 1 - p)
    for channel in range(channels):
        check(kept[:, channel].double().mean(), n * length, 1 - p)
    flat = kept.transpose(1, 2).reshape(-1) if last else kept.reshape(-1)
    for lag in (1, 2, 3, 4):
        both = flat[lag:] & flat[:-lag]
        check(both.double().mean(), len(both) / 2, (1 - p) ** 2)  # each value is in two pairs


def test_dropout_passes_gradients_of_what_it_keeps():
    x = torch.randn(4, 3, 5, requires_grad=True)
    found = Dropout(0.5)(x)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert torch.equal(gradient, torch.where(found != 0, 2.0, 0.0))
    assert torch.equal(found, gradient * x)


def test_dropout_is_that_of_pytorch_where_nothing_is_drawn():
    x = torch.randn(4, 3, 5)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    for p in (0.0, 1.0):
        assert torch.equal(Dropout(p)(x), nn.Dropout(p)(x))
    assert Dropout(0.5)(x[:0]).shape == (0, 3, 5)


def test_dropout_repeats_with_the_seed_and_restored_state():
    x, layer = torch.ones(50, 7), Dropout(0.3)
    torch.manual_seed(3)
    state, first = torch.get_rng_state(), layer(x)
    assert not torch.equal(layer(x), first)
    torch.set_rng_state(state)
    assert torch.equal(layer(x), first)


@pytest.mark.parametrize("layers, both", [(1, True), (1, False), (2, True)])
def test_mean_states_of_prefixes_and_suffixes_are_those_of_each_alone(layers, both):
    torch.manual_seed(0)
    layer = Lstm(4, 5, layers=layers, bidirectional=both).double().eval()
    x = torch.randn(3, 4, 9, dtype=torch.float64)
    for place in range(9):
        for of, part in (("prefixes", x[:, :, : place + 1]), ("suffixes", x[:, :, place:])):
            found = layer.means(x, of=of)[:, :, place]
            assert torch.allclose(found, layer(part).mean(dim=2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layers, both", [(1, True), (1, False), (2, True)])
@pytest.mark.parametrize("width", [0, 1, 3, 12])  # the last is more than the length
def test_mean_states_with_edges_are_those_of_each_part_alone(layers, both, width):
    torch.manual_seed(0)
    layer = Lstm(4, 5, layers=layers, bidirectional=both).double().eval()
    x, edges = torch.randn(3, 4, 9, dtype=torch.float64), torch.randn(3, 4, width, 9, dtype=torch.float64)
    for of in ("prefixes", "suffixes"):
        found = layer.means(x, of=of, edges=edges)
        for place in range(9):
            columns = list((x[:, :, : place + 1] if of == "prefixes" else x[:, :, place:]).unbind(2))
            for j in range(width):
                at = len(columns) - width + j if of == "prefixes" else j
                if 0 <= at < len(columns):
                    columns[at] = edges[:, :, j, place]
            alone = layer(torch.stack(columns, dim=2)).mean(dim=2)
            assert torch.allclose(found[:, :, place], alone, rtol=0, atol=1e-12)


def test_mean_states_heed_hooks():
    layer = Lstm(4, 5).eval()
    x = torch.randn(2, 4, 6)
    layer.lstm.register_forward_hook(lambda module, args, found: (found[0] * 2, found[1]))
    assert torch.allclose(layer.means(x, of="prefixes")[:, :, 5], layer(x).mean(dim=2), atol=1e-6)
