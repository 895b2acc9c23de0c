"""Test occlusion against Captum with the same references, and on a network whose effects are known."""

import numpy as np
import pytest
from captum.attr import Occlusion as CaptumOcclusion
from method_cases import NETWORKS, batch_of, close, small

from demo_core import DemoError, explain
from demo_core.running import Background
from demo_core.testing import tiny_dataset, tiny_model
from demo_core.testing.networks import linear_model


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("window", "stride"), [(7, 1), (6, 3)])
def test_equals_captum_with_the_same_references(name, window, stride):
    model, data = small(name, n=3)
    k = 2
    found = explain("occlusion", model, data, window=window, stride=stride, references=k, seed=4)
    batch = batch_of(model, data, seed=4)
    references = Background("shuffle", k).draw(model, batch)
    starts = sorted({*range(0, 40 - window + 1, stride), 40 - window})
    if stride == 1:  # Captum's last window is shorter if the stride does not divide the rest
        method = CaptumOcclusion(model.module)
        theirs = sum(
            method.attribute(batch.x, (4, window), strides=(4, stride), baselines=references[:, c]) for c in range(k)
        ) / k  # fmt: skip
        expected = theirs.detach().numpy()[:, :1] * batch.x.numpy()
    else:
        expected = naive(model, batch.x, references, starts, window)
    assert close(found.values, expected)


def naive(model, x, references, starts, window):
    """Replace one window of one sequence at a time."""
    total, count = np.zeros(x.shape), np.zeros(x.shape[2])
    for start in starts:
        count[start : start + window] += 1
        for row in range(len(x)):
            effects = []
            for reference in references[row]:
                edited = x[row].clone()
                edited[:, start : start + window] = reference[:, start : start + window]
                effects.append(float(model.module(x[row : row + 1])[0, 0] - model.module(edited[None])[0, 0]))
            total[row, :, start : start + window] += np.mean(effects)
    return total / count * x.numpy()


def test_the_effect_of_a_window_of_a_linear_network_is_known():
    model, data = linear_model(), tiny_dataset(4, unknown=False)
    found = explain("occlusion", model, data, window=1, background_file=tiny_dataset(30, seed=2, unknown=False),
                    references=30)  # fmt: skip
    weight = model.module.first_layer.weight[0, :, 0].detach().numpy()
    everything = tiny_dataset(30, seed=2, unknown=False).codes
    expected = weight[data.codes] - weight[everything].mean(axis=0)
    assert np.allclose(found.values.sum(1), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"window": 41}, "exceeds the length of 40 bases"), ({"window": 3, "stride": 4}, "would skip bases")],
)
def test_unsuitable_windows_are_refused(options, said):
    with pytest.raises(DemoError, match=said):
        explain("occlusion", tiny_model(), tiny_dataset(2), **options)
