"""Test saliency against autograd in float64, finite differences and Captum."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import Saliency as CaptumSaliency

from demo_core import explain
from demo_core.plugins.specs import Explainer
from demo_core.running import Memory, Rows, run
from demo_core.running.job import make_job
from demo_core.testing import tiny_dataset, tiny_model

TARGETS = ["bound", "probability:bound", "loss:bound", "difference:bound:open"]


def value(name, outputs, labels):
    """Targets written out in float64."""
    logit = outputs[:, 0]
    if name == "bound":
        return logit
    if name.startswith("probability"):
        return 1 / (1 + torch.exp(-logit))
    if name.startswith("difference"):
        return logit - outputs[:, 1]
    chance = 1 / (1 + torch.exp(-logit))
    return -(labels[:, 0] * chance.log() + (1 - labels[:, 0]) * (1 - chance).log())


@pytest.fixture
def data():
    return tiny_dataset(8, targets=("bound", "open"))


@pytest.mark.parametrize("target", TARGETS)
def test_equals_autograd_in_float64(registry, data, target):
    model = tiny_model(registry=registry, targets=("bound", "open"))
    model.module.double()
    job = make_job(registry.find(Explainer, "saliency"), model, target=target, batch_size=3)
    instance = job.registered.load()(job.options)
    from demo_core.running.batch import Batch, BatchRandom

    index = np.arange(8)
    labels = torch.from_numpy(data.labels)
    x = model.one_hot(data.codes)
    assert x.dtype == torch.float64
    batch = Batch(x, torch.from_numpy(data.codes), labels, torch.from_numpy(index), BatchRandom(0, index, model.device))
    found = instance.explain(model, batch, job.target.bind(labels)).values
    for row in range(8):  # one sequence at a time, with a copy of the network
        one = torch.from_numpy(data.alphabet.one_hot(data.codes[row : row + 1]).astype(np.float64)).requires_grad_(True)
        network = copy.deepcopy(model.module)
        value(target, network(one), labels[row : row + 1].double()).sum().backward()
        assert torch.allclose(found[row], one.grad[0], rtol=1e-9, atol=1e-12)


def test_equals_finite_differences_in_float64(registry):
    model = tiny_model(registry=registry)
    model.module.double()
    x = torch.from_numpy(tiny_dataset(1).alphabet.one_hot(tiny_dataset(1).codes).astype(np.float64))
    # away from one-hot inputs, where equal subsequences tie for a maximum and no derivative exists
    x = (
        x + 0.01 * torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ).requires_grad_()
    (gradient,) = torch.autograd.grad(model.module(x).sum(), x)
    for letter, place in [(0, 3), (2, 17), (3, 39)]:
        step = torch.zeros_like(x)
        step[0, letter, place] = 1e-6
        with torch.no_grad():
            slope = (model.module(x + step) - model.module(x - step)).sum() / 2e-6
        assert float(slope) == pytest.approx(float(gradient[0, letter, place]), abs=1e-6)


def test_equals_captum(registry, data):
    model = tiny_model(registry=registry, targets=("bound", "open"))
    found = explain("saliency", model, data, target="open", registry=registry)
    x = torch.from_numpy(data.alphabet.one_hot(data.codes)).requires_grad_(True)
    expected = CaptumSaliency(model.module).attribute(x, target=1, abs=False).detach().numpy()
    assert np.allclose(found.values, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert np.abs(expected).max() > 0


def test_the_simplex_correction_takes_out_the_mean_over_letters(registry, data):
    model = tiny_model(registry=registry, targets=("bound", "open"))
    plain = explain("saliency", model, data, target="bound", registry=registry).values
    found = explain("saliency", model, data, target="bound", registry=registry, simplex=True).values
    assert np.allclose(found, plain - plain.mean(axis=1, keepdims=True), atol=1e-7)
    assert np.abs(found.sum(axis=1)).max() < 1e-5


@pytest.mark.parametrize("average_strands", [False, True])
def test_batch_size_and_order_change_nothing(registry, average_strands):
    data = tiny_dataset(40)
    model = tiny_model(registry=registry)
    spec = registry.find(Explainer, "saliency")
    rows = np.random.default_rng(0).permutation(40)

    def values(batch_size, order):
        job = make_job(spec, model, batch_size=batch_size, average_strands=average_strands)
        return run(job, Rows(data, order), Memory()).values

    whole = values(512, np.arange(40))
    for batch_size in (1, 7):
        assert np.allclose(values(batch_size, rows), whole[rows], rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_same_on_cuda_whatever_the_batch_size(registry):
    data, model = tiny_dataset(40), tiny_model(registry=registry)
    cpu = explain("saliency", model, data, registry=registry).values
    model.to("cuda")
    for batch_size in (1, 7, 512):
        cuda = explain("saliency", model, data, registry=registry, batch_size=batch_size).values
        assert np.allclose(cpu, cuda, rtol=1e-5, atol=1e-5 * np.abs(cpu).max())
