"""Test the Captum explainer against Captum called directly, and its parameters."""

import importlib.util
import warnings

import captum.attr
import numpy as np
import pytest
import torch
from demo_captum.methods import find_method, usable_methods
from method_cases import batch_of, close, small

from demo_core import Unsuitable, UsageProblem, explain
from demo_core.running import Background
from demo_core.testing import tiny_dataset, tiny_model

METHODS = sorted(set(usable_methods()) - {"LRP", "ShapleyValues"})


def present(found):
    return found.values.sum(1)


def test_every_attribution_class_of_captum_is_usable_or_says_why_not():
    for name in captum.attr.__all__:
        cls = getattr(captum.attr, name)
        if not (isinstance(cls, type) and issubclass(cls, captum.attr.Attribution)) or name in usable_methods():
            continue
        with pytest.raises(Unsuitable, match=f"{name} (needs|permutes)"):
            find_method(name, 40)


@pytest.mark.parametrize("name", METHODS)
def test_every_class_gives_values_of_present_letters(name):
    model, data = small("cnn", 3)
    options = {"background": "shuffle", "references": 2} if name == "DeepLiftShap" else {}
    found = explain("captum", model, data, method=name, **options)
    one_hot = found.one_hot(slice(None))
    assert found.values.shape == one_hot.shape and not found.values[one_hot == 0].any()
    if name != "Lime":  # whose default model sets small effects to 0
        assert np.abs(found.values).max() > 0
    again = explain("captum", model, data.take([2]), method=name, **options)
    if name not in ("GradientShap", "KernelShap", "Lime", "ShapleyValueSampling", "DeepLiftShap"):  # draw by row number
        assert close(again.values[0], found.values[2])


def test_integrated_gradients_and_its_parameters_equal_captum():
    model, data = small("cnn-rnn", 3)
    found = explain("captum", model, data, parameters="n_steps=7, method=riemann_right", background="zeros")
    x = model.one_hot(data.codes)
    theirs, delta = captum.attr.IntegratedGradients(model.module).attribute(
        x, torch.zeros_like(x), n_steps=7, method="riemann_right", return_convergence_delta=True
    )
    assert close(present(found), theirs.sum(1).detach().numpy())
    assert np.allclose(found.extra("convergence-delta"), delta.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("name", ["GradientShap", "KernelShap", "ShapleyValueSampling"])
def test_random_draws_depend_on_seed_and_row_only(name):
    model, data = small("cnn", 4)
    options = {"method": name, "parameters": "n_samples=6"}
    every = explain("captum", model, data, seed=3, **options)
    some = explain("captum", model, data, rows=[2, 0], seed=3, batch_size=1, **options)
    assert np.array_equal(every.values[[2, 0]], some.values)
    other = explain("captum", model, data, seed=4, **options)
    assert not np.array_equal(every.values, other.values)
    state = np.random.get_state()[1].copy()
    explain("captum", model, data, **options)
    assert np.array_equal(np.random.get_state()[1], state)


def test_shuffled_baselines_are_averaged_and_loss_is_of_each_sequence():
    model, data = small("cnn", 3)
    found = explain("captum", model, data, method="DeepLift", background="shuffle", references=3, seed=2)
    references = Background("shuffle", 3).draw(model, batch_of(model, data, seed=2))
    x = model.one_hot(data.codes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = sum(captum.attr.DeepLift(model.module).attribute(x, references[:, k]) for k in range(3)) / 3
    assert close(present(found), theirs.detach().sum(1).numpy())
    loss = explain("captum", model, data, method="Saliency", parameters="abs=False", target="loss:bound")
    saliency = explain("saliency", model, data, target="loss:bound")
    assert close(present(loss), (saliency.values * saliency.one_hot(slice(None))).sum(1))


def test_a_position_is_one_feature():
    model, data = small("cnn", 2)
    found = explain("captum", model, data, method="FeatureAblation", background="zeros")
    x = model.one_hot(data.codes)
    expected = np.zeros((2, 40), np.float32)
    with torch.no_grad():
        for place in range(40):
            without = x.clone()
            without[:, :, place] = 0
            expected[:, place] = (model.module(x) - model.module(without))[:, 0]
    assert close(present(found), expected)


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"method": "IntegratedGradient"}, UsageProblem, "did you mean 'IntegratedGradients'"),
        ({"method": "LayerConductance"}, Unsuitable, "LayerConductance needs layer"),
        (
            {"method": "ShapleyValues"},
            Unsuitable,
            "evaluates all permutations of 40 bases (at most 8); use ShapleyValueSampling",
        ),
        ({"method": "DeepLiftShap"}, Unsuitable, "needs several baselines; use --background shuffle"),
        ({"method": "LRP"}, Unsuitable, "Captum's LRP cannot explain this network"),
        ({"parameters": "steps=3"}, UsageProblem, "unknown parameter of IntegratedGradients 'steps'"),
        ({"parameters": "n_steps=many"}, UsageProblem, "n_steps must be an integer, not 'many'"),
        ({"parameters": "n_steps=True"}, UsageProblem, "n_steps must be an integer, not True"),
        ({"parameters": "n_steps=0"}, UsageProblem, "n_steps must be 1 or more, not 0"),
        ({"method": "GradientShap", "parameters": "stdevs=-1"}, UsageProblem, "stdevs must be 0 or more, not -1"),
        ({"parameters": "n_steps=3, n_steps=4"}, UsageProblem, "write NAME=VALUE, ..."),
        ({"parameters": "3"}, UsageProblem, "write NAME=VALUE, ..."),
        ({"parameters": "n_steps=__import__('os')"}, UsageProblem, "write NAME=VALUE, ..."),
        ({"parameters": "method=nonsense"}, Unsuitable, "cannot explain this network"),
    ],
)
def test_bad_input_is_one_line(options, kind, said):
    model, data = small("cnn", 2)
    with pytest.raises(kind, match="^[^\n]*" + said.replace("(", r"\(").replace(")", r"\)").replace("...", r"\.\.\.")):
        explain("captum", model, data, **options)


def test_without_captum_the_explainer_is_listed_as_unavailable(monkeypatch, demo, tmp_path):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "demo_core.plugins.registry.find_spec", lambda name, *more: None if name == "captum" else found(name, *more)
    )
    needed = "needs captum, which is not installed: pip install 'deep-motif-dashboard[explainers]'"
    code, out, _ = demo("plugins", "--show", "captum")
    assert code == 0 and needed in " ".join(out.split())
    tiny_model().save(tmp_path / "model")
    tiny_dataset(4).save(tmp_path / "data.h5")
    code, _, err = demo("explain", "captum", tmp_path / "model", tmp_path / "data.h5", "-o", tmp_path)
    assert code == 2 and needed in " ".join(err.split())


def test_its_flags_have_help(demo_process):
    done = demo_process("explain", "captum", "--help")
    assert done.returncode == 0 and "--parameters" in done.stdout
