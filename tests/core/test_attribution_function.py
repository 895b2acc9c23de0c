"""Test explainers as plain functions, which tangermeme's own tools call."""

import numpy as np
import pytest
import torch
from tangermeme.ablate import ablate
from tangermeme.marginalize import marginalize
from tangermeme.seqlet import recursive_seqlets
from tangermeme.variant_effect import substitution_effect

from demo_core import UsageProblem, as_attribution_function, explain
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture(params=["cnn", "rnn"])
def case(request):
    model, data = tiny_model(request.param), tiny_dataset(6, unknown=False)
    return model, data, model.one_hot(data.codes)


@pytest.mark.parametrize("name", ["saliency", "deeplift", "ism"])
def test_values_are_those_of_the_explainer(case, name):
    model, data, x = case
    found = explain(name, model, data)
    for network in (model, model.module):
        values = as_attribution_function(name)(network, x, hypothetical=True)
        assert np.allclose(values.numpy(), found.values, atol=1e-6)
        assert torch.equal(as_attribution_function(name)(network, x), values * x)


def test_tools_of_tangermeme_accept_it(case):
    model, data, x = case
    function = as_attribution_function("deeplift")
    before, after = marginalize(model.module, x, "TGCTGAC", func=function, batch_size=4)
    middle = 40 // 2 - 7 // 2
    with_motif = x.clone()
    with_motif[:, :, middle : middle + 7] = torch.eye(4)[["ACGT".index(base) for base in "TGCTGAC"]].T
    assert torch.equal(before, function(model.module, x))
    assert torch.allclose(after, function(model.module, with_motif), atol=1e-6)
    whole, shuffled = ablate(model.module, x, 10, 20, n=2, func=function, random_state=0)
    assert whole.shape == x.shape and shuffled.shape == (6, 2, 4, 40)
    reference, variant = substitution_effect(model.module, x, torch.tensor([[0, 5, 2], [1, 7, 3]]), func=function)
    assert torch.equal(reference, before) and variant.shape == x.shape
    seqlets = recursive_seqlets(before.sum(dim=1))
    assert {"example_idx", "start", "end"} <= set(seqlets.columns)


def test_the_network_keeps_its_mode_and_other_outputs_can_be_explained():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv1d(4, 3, 5), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(48, 2))
    x = torch.eye(4)[torch.randint(0, 4, (3, 20))].transpose(1, 2)
    x[0, :, 4] = 0  # unknown
    assert network.training
    function = as_attribution_function("input-x-gradient")
    first, second = function(network, x), function(network, x, target=1)
    assert network.training and not torch.equal(first, second)
    z = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(network(z)[:, 1].sum(), z)
    assert torch.allclose(second, expected * x, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("saliency", lambda x: x * 0.5, "X must be one-hot DNA"),
        ("saliency", lambda x: x.sum(1), "X must be one-hot DNA"),
        ("saliency", torch.ones_like, "X must be one-hot DNA"),
        ("temporal", lambda x: x, "is of kind trace; choose an explainer of kind attribution"),
    ],
)
def test_bad_input_is_one_line(name, change, said):
    model, data = tiny_model("rnn"), tiny_dataset(2, unknown=False)
    with pytest.raises(UsageProblem, match=said):
        as_attribution_function(name)(model, change(model.one_hot(data.codes)))


def test_further_inputs_are_refused():
    model, data = tiny_model(), tiny_dataset(2, unknown=False)
    with pytest.raises(UsageProblem, match="args must be None"):
        as_attribution_function("saliency")(model, model.one_hot(data.codes), args=(torch.zeros(2),))


def test_an_unknown_target_is_refused():
    model, data = tiny_model(), tiny_dataset(2, unknown=False)
    with pytest.raises(UsageProblem, match="target must be a name, or a number from 0 to 0, not 5"):
        as_attribution_function("saliency")(model, model.one_hot(data.codes), target=5)


def test_modes_of_all_modules_are_restored_also_on_errors():
    network = torch.nn.Sequential(
        torch.nn.Conv1d(4, 3, 5), torch.nn.BatchNorm1d(3), torch.nn.Flatten(), torch.nn.Linear(48, 1)
    )
    network[1].eval()  # frozen, as in fine-tuning
    x = torch.eye(4)[torch.randint(0, 4, (3, 20))].transpose(1, 2)
    as_attribution_function("saliency")(network, x)
    with pytest.raises(RuntimeError):
        as_attribution_function("saliency")(network, x[:, :, :10])
    assert [m.training for m in network] == [True, False, True, True]


def test_other_random_states_are_refused():
    model, data = tiny_model(), tiny_dataset(2, unknown=False)
    with pytest.raises(UsageProblem, match="random_state must be an integer or None, not RandomState"):
        as_attribution_function("saliency")(model, model.one_hot(data.codes), random_state=np.random.RandomState(0))


def test_what_is_no_network_of_targets_is_refused():
    x = torch.eye(4)[torch.randint(0, 4, (3, 20))].transpose(1, 2)
    function = as_attribution_function("saliency")
    with pytest.raises(UsageProblem, match="model must be a torch.nn.Module or a Model, not function"):
        function(lambda x: x, x)
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(80, 1), torch.nn.Flatten(0))
    with pytest.raises(UsageProblem, match=r"must return a tensor \(N, T\), not shape \(1,\)"):
        function(flat, x)
    with pytest.raises(UsageProblem, match="unknown option 'simplexx'"):
        as_attribution_function("saliency", simplexx=True)
