import pytest
import torch
from demo_cnn.network import Cnn
from demo_cnn.options import CnnOptions
from torch import nn

from demo_core.errors import MisfitError, UsageProblem
from demo_core.testing import tiny_model


def build(length=101, n_targets=1, **options):
    torch.manual_seed(0)
    return Cnn(CnnOptions(**options), letters=4, length=length, n_targets=n_targets).eval()


def test_the_defaults_are_the_papers():
    layers = list(build().features)
    convolutions = [m for m in layers if isinstance(m, nn.Conv1d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0], c.padding[0]) for c in convolutions] == [
        (4, 128, 9, 0),
        (128, 128, 5, 0),
        (128, 128, 3, 0),
    ]
    kinds = [type(m).__name__ for m in layers]
    first = ["Conv1d", "ReLU", "MaxPool1d", "Dropout"]
    assert kinds == [*first, *first, "Conv1d", "ReLU", "Dropout"]
    assert {m.p for m in layers if isinstance(m, nn.Dropout)} == {0.5}
    assert {m.kernel_size for m in layers if isinstance(m, nn.MaxPool1d)} == {2}


def test_it_equals_the_same_network_written_by_hand():
    module = build(filters=(6, 5), widths=(5, 3), pool=3)
    x = torch.randn(3, 4, 50)
    first, second = (m for m in module.features if isinstance(m, nn.Conv1d))
    hidden = nn.functional.max_pool1d(torch.relu(first(x)), 3)
    expected = torch.relu(second(hidden)).amax(dim=2) @ module.linear.weight.T + module.linear.bias
    assert torch.allclose(module(x), expected, atol=1e-6)


def test_every_non_linearity_is_a_module_used_once():
    module = build()
    used = []
    for child in module.modules():
        if not list(child.children()):
            child.register_forward_hook(lambda m, i, o: used.append(id(m)))
    module(torch.randn(2, 4, 101))
    assert len(used) == len(set(used))
    assert sum(isinstance(m, nn.ReLU) for m in module.modules()) == 3


@pytest.mark.parametrize(
    ("filters", "widths", "pool"),
    [((8, 8, 8), (9, 5, 3), 2), ((4,), (7,), 1), ((4, 4), (5, 6), 3), ((2, 2, 2), (3, 3, 3), 1)],
)
def test_min_length_is_the_shortest_it_takes(filters, widths, pool):
    module = build(filters=filters, widths=widths, pool=pool)
    shortest = module.min_length
    for length in (shortest, shortest + 1, shortest + 50):
        assert module(torch.randn(2, 4, length)).shape == (2, 1)
    with pytest.raises(RuntimeError):
        module(torch.randn(2, 4, shortest - 1))
    with pytest.raises(ValueError, match=f"at least {shortest} bases"):
        build(length=shortest - 1, filters=filters, widths=widths, pool=pool)


def test_options_that_do_not_go_together(registry):
    for options, message in [
        ({"filters": (8,)}, "names 1 layers and --widths 2"),
        ({"filters": (), "widths": ()}, "at least one layer"),
        ({"dropout": 1.0}, "at most 0.95"),
        ({"pool": 0}, "at least 1"),
    ]:
        with pytest.raises(UsageProblem, match=message):
            tiny_model(registry=registry, **options)
    with pytest.raises(MisfitError, match="choose smaller"):
        tiny_model(registry=registry, length=5)


def test_the_first_layer_reads_the_sequence():
    assert build().first_layer.weight.shape == (128, 4, 9)
    assert build(n_targets=7)(torch.randn(2, 4, 101)).shape == (2, 7)
