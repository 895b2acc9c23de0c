"""Test path integrals, SmoothGrad and input times gradient against float64 loops and Captum on trained networks."""

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient as CaptumInputXGradient
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from method_cases import CASES, batch_of, case_of, close, float64, float64_gradients, mostly_close

from demo_core import BatchRandom, DemoError, explain
from demo_core.results import COMPLETENESS, completeness_error, completeness_sentence
from demo_core.running import Background, Memory, Rows, make_job, run
from demo_core.testing import tiny_dataset, tiny_model
from demo_core.testing.networks import linear_model


@pytest.fixture(params=CASES)
def case(request):
    """Return a model and data: small untrained ones, or those of the quickstart."""
    return case_of(request)[1:]


def hypothetical(mean_gradient, reference):
    return (mean_gradient - (mean_gradient * reference).sum(dim=1, keepdim=True)).numpy()


@pytest.mark.parametrize("background", ["uniform", "zeros"])
def test_integrated_gradients_equal_a_float64_loop_and_captum(case, background):
    (model, data), steps = case, 20
    found = explain("integrated-gradients", model, data, background=background, steps=steps, max_steps=steps)
    x = model.one_hot(data.codes)
    reference = torch.full_like(x, 0.25 if background == "uniform" else 0.0)
    network = float64(model)
    points = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    mean = sum(float64_gradients(network, reference + a * (x - reference)) for a in points) / steps
    expected = hypothetical(mean, reference.double())
    assert mostly_close(found.values, expected)
    method = CaptumIntegratedGradients(model.module, multiply_by_inputs=True)
    theirs = method.attribute(x, reference, n_steps=steps, method="riemann_middle").detach().numpy()
    ours = (found.values * found.one_hot(slice(None))).sum(1)
    assert mostly_close(ours, theirs.sum(1))


def test_refined_paths_reach_the_integral_of_a_fine_float64_grid(case):
    model, data = case
    data = data.take([0, 1, 2])
    found = explain("integrated-gradients", model, data, tolerance=1e-3, max_steps=400)
    assert found.extra(COMPLETENESS).max() < 3e-3
    x = model.one_hot(data.codes)
    reference = torch.full_like(x, 0.25)
    network = float64(model)
    points = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    mean = sum(float64_gradients(network, reference + a * (x - reference)) for a in points) / len(points)
    expected = hypothetical(mean, reference.double())
    assert np.abs(found.values - expected).max() < 0.02 * np.abs(expected).max()


def test_expected_gradients_equal_captum_with_the_same_backgrounds(case):
    (model, data), steps, k = case, 10, 3
    options = {"references": k, "steps": steps, "max_steps": steps}
    found = explain("expected-gradients", model, data, seed=5, **options)
    references = Background("shuffle", k).draw(model, batch_of(model, data, seed=5))
    method = CaptumIntegratedGradients(model.module, multiply_by_inputs=True)
    x = model.one_hot(data.codes)
    theirs = sum(
        method.attribute(x, references[:, c], n_steps=steps, method="riemann_middle") for c in range(k)
    ) / k  # fmt: skip
    ours = (found.values * found.one_hot(slice(None))).sum(1)
    expected = theirs.detach().sum(1).numpy()
    assert mostly_close(ours, expected, 1e-4)
    outputs = model.module(references.reshape(-1, 4, data.length))[:, 0].reshape(len(data), k).mean(1)
    assert close(found.baseline, outputs.detach().numpy(), 1e-4)


@pytest.mark.parametrize("name", ["integrated-gradients", "expected-gradients"])
def test_values_add_up(case, name):
    model, data = case
    found = explain(name, model, data)
    present = (found.values.astype(np.float64) * found.one_hot(slice(None))).sum((1, 2))
    gap = np.abs(present - (found.target_values - found.baseline))
    assert (gap <= 0.01 * np.abs(found.values * found.one_hot(slice(None))).sum((1, 2)) + 1e-6).all()
    assert (found.extra(COMPLETENESS) <= 0.01).all()
    assert "sum to the output difference within" in completeness_sentence(found)


def test_smooth_grad_is_the_mean_gradient_with_that_noise(case):
    model, data = case
    found = explain("smooth-grad", model, data, samples=3, noise=0.2, seed=7)
    batch, network = batch_of(model, data, seed=7), float64(model)
    noise = [batch.random.normal(4 * data.length).reshape(len(data), 4, data.length) for _ in range(3)]
    expected = (sum(float64_gradients(network, batch.x + 0.2 * n) for n in noise) / 3).numpy()
    assert mostly_close(found.values, expected, 1e-4)


def test_smooth_grad_without_noise_is_the_gradient():
    model, data = tiny_model("rnn"), tiny_dataset(6)
    assert close(explain("smooth-grad", model, data, noise=0.0).values, explain("saliency", model, data).values)


def test_noise_is_standard_normal():
    drawn = BatchRandom(0, np.arange(200), torch.device("cpu")).normal(500).numpy().reshape(-1)
    assert abs(drawn.mean()) < 5 / np.sqrt(len(drawn))
    assert abs(drawn.std() - 1) < 0.01
    from math import erf

    below = [(drawn < t).mean() for t in (-2, -1, 0.5, 1.5)]
    assert np.allclose(below, [(1 + erf(t / 2**0.5)) / 2 for t in (-2, -1, 0.5, 1.5)], atol=0.01)


def test_input_x_gradient_equals_captum(case):
    model, data = case
    found = explain("input-x-gradient", model, data)
    x = model.one_hot(data.codes).requires_grad_(True)
    assert close(found.values, CaptumInputXGradient(model.module).attribute(x).detach().numpy())


@pytest.mark.parametrize("target", ["probability:bound", "loss:bound", "difference:bound:open"])
def test_every_target_has_its_own_sum(target):
    model, data = tiny_model(targets=("bound", "open")), tiny_dataset(6, targets=("bound", "open"), unknown=False)
    found = explain("expected-gradients", model, data, target=target, references=4)
    assert found.extra(COMPLETENESS).max() < 0.01
    outputs = model.module(model.one_hot(data.codes)).double()
    value = {
        "probability:bound": torch.sigmoid(outputs[:, 0]),
        "difference:bound:open": outputs[:, 0] - outputs[:, 1],
        "loss:bound": torch.nn.functional.binary_cross_entropy_with_logits(
            outputs[:, 0], torch.tensor(data.labels[:, 0]).double(), reduction="none"
        ),
    }[target]
    assert close(found.target_values, value.detach().numpy())


def test_unknown_bases_add_nothing():
    model, data = tiny_model(), tiny_dataset(6)
    data.codes[:, 3:9] = 4
    for options in ({}, {"background": "uniform"}, {"background": "zeros"}):
        assert explain("expected-gradients", model, data, **options).extra(COMPLETENESS).max() < 0.01


def test_a_linear_network_needs_no_refinement():
    found = explain("integrated-gradients", linear_model(), tiny_dataset(6, unknown=False), steps=1)
    assert (found.extra("gradients") == 1).all()
    assert found.extra(COMPLETENESS).max() < 1e-5


def test_a_file_is_drawn_without_replacement_and_digested():
    model, data, background = tiny_model(), tiny_dataset(4, unknown=False), tiny_dataset(9, seed=4, unknown=False)
    job = make_job_with(model, background_file=background, references=9)
    found = run(job, Rows(data), Memory())
    everything = model.module(model.one_hot(background.codes))[:, 0].mean()
    assert np.allclose(found.baseline, float(everything), atol=1e-5)  # each of the nine once
    other = tiny_dataset(9, seed=5, unknown=False)
    files = [
        run(make_job_with(model, background_file=one, references=9), Rows(data), Memory()).provenance.fingerprint
        for one in (background, other)
    ]
    assert files[0]["files of the options"] != files[1]["files of the options"]


def make_job_with(model, **options):
    from demo_core.plugins import Explainer, installed

    return make_job(installed().find(Explainer, "expected-gradients"), model, options=options)


@pytest.mark.parametrize(
    ("background", "options", "said"),
    [
        (tiny_dataset(3), {"references": 9}, "has 3 sequences, but 9 references are needed"),
        (tiny_dataset(30, 50), {}, "has sequences of 50 bases, but model 'cnn' takes 40"),
        (tiny_dataset(30), {"background": "zeros"}, "exclude each other"),
    ],
)
def test_unsuitable_backgrounds_are_refused(background, options, said):
    with pytest.raises(DemoError, match=said):
        explain("expected-gradients", tiny_model(), tiny_dataset(2), background_file=background, **options)


def test_sequences_equal_to_their_background_are_reported():
    data = tiny_dataset(2, unknown=False)
    data.codes[:] = 0  # all shuffles of a homopolymer are the same
    found = explain("expected-gradients", tiny_model(), data)
    assert "2 of 2 sequences have the same output as their reference" in found.provenance.warnings[0]
    assert not (found.values * found.one_hot(slice(None))).any()


def test_differences_within_rounding_do_not_fail():
    data = tiny_dataset(8, unknown=False)
    data.codes[:2] = 0
    data.codes[:2, 1::2] = 1  # ACAC...: its only shuffle is itself
    model = tiny_model()
    for bias in (0.0, 12.0):  # the second saturates the probability
        model.module.linear.bias.data.add_(bias)
        for target in ("bound", "probability:bound"):
            for name in ("integrated-gradients", "expected-gradients"):
                found = explain(name, model, data, target=target)
                assert found.extra(COMPLETENESS).max() <= 0.01, (bias, target, name)


def test_the_completeness_error_is_relative_to_the_difference():
    present = np.array([[[3.0, 1.0]], [[1.0, -1.0]], [[0.0, 0.0]], [[0.0, 0.0]]])
    errors = completeness_error(present, np.array([5.0, 0.1, 0.0, 2.0]), np.zeros(4))
    assert np.allclose(errors, [1 / 5, 0.1 / 0.2, 0, 1])
    # a difference of 1e-7 of the outputs is rounding
    assert completeness_error(np.zeros((1, 4, 5)), np.array([10.000001]), np.array([10.0]))[0] < 0.01


def test_a_run_that_misses_its_sum_says_so():
    found = explain("integrated-gradients", tiny_model("cnn"), tiny_dataset(20), steps=1, max_steps=1)
    failing = int((found.extra(COMPLETENESS) > 0.01).sum())
    assert failing > 0
    said = completeness_sentence(found)
    assert f"by more than 1 % for {failing} of 20 sequences" in said and "do not use" in said
