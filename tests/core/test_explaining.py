"""Test running explainers in memory, with small explainers that each have one property."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from demo_core import Explainer, Result, explain
from demo_core.errors import DemoError, MisfitError, PluginError, UsageProblem
from demo_core.plugins.owner import Owner
from demo_core.plugins.registry import Registered, Registry
from demo_core.running import Memory, Rows
from demo_core.running import run as run_job
from demo_core.running.job import make_job, misfit
from demo_core.testing import tiny_dataset, tiny_model

OWNER = Owner("test", "demo-test", "1.0", "installed")


def registered(cls, **spec):
    """Register an explainer class of this module."""
    fields = {"kind": "attribution", "summary": "A test.", **spec}
    return Registered(Explainer(name="probe", target=f"{__name__}:{cls.__name__}", **fields), OWNER)


class Plain:
    def __init__(self, options):
        pass


class Draws(Plain):
    """Returns random numbers, row and labels of each sequence, which must not depend on the batch."""

    def explain(self, model, batch, target):
        values = batch.random.uniform(4 * batch.x.shape[2]).reshape(batch.x.shape)
        return Result(values, per_sequence={"place": batch.index, "label": batch.labels[:, 0]})


class Position(Plain):
    """Returns the position, times a different factor for each base."""

    def explain(self, model, batch, target):
        place = torch.arange(batch.x.shape[2], dtype=torch.float32)
        return Result((place[None, :] + torch.arange(4)[:, None] * 100).expand(batch.x.shape))


class Wrong(Plain):
    def explain(self, model, batch, target):
        return batch.x[:, :, :-1]


class Raises(Plain):
    def explain(self, model, batch, target):
        raise KeyError("what")


class NoTensor(Plain):
    def explain(self, model, batch, target):
        return "values"


class NoBaseline(Plain):
    def explain(self, model, batch, target):
        return batch.x


class Gradients(Plain):
    def explain(self, model, batch, target):
        assert torch.is_grad_enabled()
        x = batch.x.clone().requires_grad_(True)
        return torch.autograd.grad(target(model.module(x)).sum(), x)[0]


def run(cls, n=30, rows=None, batch_size=7, spec=None, model=None, **job):
    data = tiny_dataset(n)
    made = make_job(registered(cls, **(spec or {})), model or tiny_model(), batch_size=batch_size, **job)
    return run_job(made, Rows(data, np.arange(n) if rows is None else np.asarray(rows)), Memory())


def test_everything_follows_a_sequence_whatever_its_batch_or_order():
    rows = np.random.default_rng(0).permutation(30)
    whole, other = run(Draws), run(Draws, rows=rows, batch_size=4)
    assert np.array_equal(whole.values[rows], other.values)
    assert np.array_equal(other.extras[:, other.metadata["extras"].index("place")], rows)
    assert np.array_equal(other.extras[:, other.metadata["extras"].index("label")], other.sequences.labels[:, 0])
    assert not np.array_equal(run(Draws, seed=1).values, whole.values)


def test_outputs_are_the_models():
    found = run(Draws)
    model = tiny_model()
    assert np.allclose(found.outputs, model.predict(tiny_dataset(30).codes), atol=1e-6)
    assert np.array_equal(found.target_values, found.outputs[:, 0])
    chance = run(Draws, target="probability:bound")
    assert np.allclose(chance.target_values, found.predictions[:, 0], atol=1e-6)


def test_average_strands_flips_values_back():
    found = run(Position, average_strands=True)
    place = np.arange(40)
    forward = place[None, :] + np.arange(4)[:, None] * 100
    backward = (39 - place)[None, :] + np.array([3, 2, 1, 0])[:, None] * 100
    assert np.allclose(found.values, (forward + backward) / 2)


def test_average_strands_makes_a_model_strand_blind():
    model = tiny_model()
    data = tiny_dataset(10, unknown=False)
    flipped = data.take(slice(None))
    flipped.codes = data.alphabet.reverse_complement(data.codes)
    job = make_job(registered(Gradients), model, average_strands=True)
    one, other = (run_job(job, Rows(d, np.arange(10)), Memory()) for d in (data, flipped))
    assert np.allclose(one.values, other.values[:, ::-1, ::-1], atol=1e-6)
    assert np.allclose(one.outputs, other.outputs, atol=1e-6)


class Arrays(Plain):
    def explain(self, model, batch, target):
        outputs = model.outputs_of(batch.x).detach()
        return Result(batch.x.numpy(), outputs=outputs.numpy())


def test_arrays_are_taken_as_tensors_are():
    assert np.array_equal(run(Arrays).target_values, run(Draws).target_values)


class Reuses(Plain):
    """Reuses one tensor for all batches, and modifies the result it returned."""

    kept = torch.zeros(7, 4, 40)

    def explain(self, model, batch, target):
        self.kept[: len(batch)] = batch.index[:, None, None].float()
        outputs = model.outputs_of(batch.x).detach()
        batch.index.add_(1000)
        batch.codes.zero_()
        batch.x.data.zero_()
        return Result(self.kept[: len(batch)], outputs=outputs)


def test_what_an_explainer_does_to_its_tensors_reaches_no_result():
    rows = np.arange(30)
    found = run(Reuses, rows=rows)
    assert np.array_equal(found.values[:, 0, 0], np.arange(30)) and np.array_equal(found.index, np.arange(30))
    assert np.array_equal(rows, np.arange(30))
    assert np.array_equal(found.sequences.codes, tiny_dataset(30).codes)
    assert np.allclose(found.outputs, tiny_model().predict(tiny_dataset(30).codes), atol=1e-6)


class LosesX(Plain):
    def explain(self, model, batch, target):
        values = batch.x.clone()
        batch.x.data.zero_()
        return Result(values)


def test_outputs_are_of_the_sequences_whatever_an_explainer_did_to_x():
    assert np.allclose(run(LosesX).outputs, tiny_model().predict(tiny_dataset(30).codes), atol=1e-6)


class Shifted(Plain):
    def explain(self, model, batch, target):
        return Result(batch.x, outputs=model.outputs_of(batch.x).detach() + 0.1)


def test_outputs_that_are_not_the_models_are_refused():
    with pytest.raises(PluginError, match="its outputs are not the model's: "):
        run(Shifted)


class Sometimes(Plain):
    def explain(self, model, batch, target):
        if len(batch) > 4:
            raise torch.OutOfMemoryError("no memory")
        extra = {"a": batch.x.sum((1, 2))} | ({"b": batch.x.sum((1, 2))} if batch.index[0] else {})
        return Result(batch.x, per_sequence=extra)


def test_parts_of_one_batch_must_have_the_same_numbers():
    with pytest.raises(PluginError, match="'b' is missing for some sequences"):
        run(Sometimes)


class Refuses(Plain):
    def __init__(self, options):
        raise ValueError("reads no such\nmodel")


class Fails(Plain):
    def __init__(self, options):
        int("x")


def test_an_explainer_can_refuse_as_it_is_made():
    with pytest.raises(MisfitError, match="^explainer 'probe': reads no such model$"):
        run(Refuses)
    with pytest.raises(PluginError, match="ValueError: invalid literal for int"):
        run(Fails)


@pytest.mark.parametrize("kind", ["trace", "pattern"])
def test_average_strands_is_refused_where_it_means_nothing(kind):
    spec = {"kind": kind, **({"channels": ("a",)} if kind == "trace" else {})}
    with pytest.raises(MisfitError):
        make_job(registered(Draws, **spec), tiny_model(), average_strands=True)


@pytest.mark.parametrize(
    ("cls", "spec", "message"),
    [
        (Wrong, {}, r"broke the contract: values must have shape \(7, 4, 40\) for kind attribution, not \(7, 4, 39\)"),
        (Raises, {}, r"'probe' of plugin 'test' \(demo-test 1.0\) failed: KeyError: 'what'"),
        (NoTensor, {}, "must be a tensor of numbers, not str"),
        (NoBaseline, {"adds_up": True}, "declares adds_up=True but returned no baseline"),
        (Draws, {"kind": "interaction"}, r"shape \(7, 40, 40\)"),
    ],
)
def test_a_plugin_that_fails_or_breaks_the_contract_is_named(cls, spec, message):
    with pytest.raises(PluginError, match=message):
        run(cls, spec=spec)


def test_values_of_absent_letters_are_refused_where_a_plugin_says_it_gives_none():
    with pytest.raises(PluginError, match="hypothetical=False"):
        run(Draws, spec={"hypothetical": False})


def test_what_is_not_a_model_or_a_dataset_is_said(registry):
    for model, data, message in [
        ("models/cnn", tiny_dataset(2), r"model must be a Model, as Model.load\(...\) gives"),
        (tiny_model(), "peaks.h5", r"sequences must be a SequenceDataset, as SequenceDataset.open\(...\) gives"),
    ]:
        with pytest.raises(UsageProblem, match=message):
            explain("saliency", model, data, registry=registry)


def test_a_refusal_is_a_sentence():
    spec = registered(Draws, needs={"attention", "gradients"}).spec
    assert misfit(spec, tiny_model()) == (
        "probe needs a model that offers attention; 'cnn' offers conv-filters, gradients, "
        "prefix-logits, variable-length"
    )
    with pytest.raises(MisfitError, match="attention"):
        run(Draws, spec={"needs": {"attention"}})


def test_the_loss_of_unlabelled_sequences_is_refused():
    data = tiny_dataset(4)
    data.labels[2] = np.nan
    job = make_job(registered(Gradients), tiny_model(), target="loss:bound")
    with pytest.raises(MisfitError, match="needs labels"):
        run_job(job, Rows(data, np.arange(4)), Memory())


def test_labels_are_matched_by_name(registry):
    model = tiny_model(targets=("open", "bound"))
    found = run(Draws, model=model, target="bound")
    assert np.isnan(found.extras[:, found.metadata["extras"].index("label")]).all()


def test_batch_sizes():
    job = make_job(registered(Draws), tiny_model(), batch_size=300)
    data = tiny_dataset(2)
    assert [Rows(data, np.zeros(n, int)).n_batches(job.batch_size) for n in (1, 300, 301, 900)] == [1, 1, 2, 3]
    assert tiny_model().automatic_batch_size() == 650
    assert tiny_model(length=60_000).automatic_batch_size() == 1
    fast = tiny_model(length=200)
    assert (fast.automatic_batch_size(), fast.automatic_batch_size(in_pieces=True)) == (130, 520)
    handle = fast.module.register_forward_hook(lambda *_: None)
    assert fast.automatic_batch_size(in_pieces=True) == 130
    handle.remove()


def test_from_python_by_name(registry):
    data = tiny_dataset(12)
    found = explain("saliency", tiny_model(), data, simplex=True, registry=registry)
    assert found.values.shape == (12, 4, 40)
    assert np.abs(found.values.sum(axis=1)).max() < 1e-6
    for call, message in [
        (lambda: explain("salency", tiny_model(), data), "did you mean 'saliency'"),
        (lambda: explain("saliency", tiny_model(), data, simplx=True), "did you mean 'simplex'"),
        (lambda: explain("saliency", tiny_model(length=30), data), "trained on 30 bases"),
        (lambda: explain("saliency", tiny_model(), data.take([])), "no sequences"),
        (lambda: explain("saliency", tiny_model(targets=("a", "b")), data), "2 targets"),
    ]:
        with pytest.raises(DemoError, match=message):
            call()


def test_two_plugins_of_one_name_are_both_reachable():
    registry = Registry()
    registry.add(registered(Draws))
    registry.add(Registered(registered(Position).spec, Owner("second", "demo-second", "1", "installed")))
    data = tiny_dataset(3)
    assert explain("second:probe", tiny_model(), data, registry=registry).values[0, 0, 5] == 5
    with pytest.raises(UsageProblem, match="test:probe or second:probe"):
        explain("probe", tiny_model(), data, registry=registry)


@dataclass(frozen=True)
class Layers:
    layers: int = 1
    probe_layers: int = 2
    probe_x: int = 3


def test_options_named_like_a_long_form_are_not_mistaken():
    registry = Registry()
    registry.add(registered(Draws, options=Layers))

    def options(**given):
        return explain("probe", tiny_model(), tiny_dataset(4), registry=registry, **given).provenance.options

    assert options(probe_layers=9) == {"layers": 1, "probe_layers": 9, "probe_x": 3}
    assert options(probe_x=5)["probe_x"] == 5
    assert options(layers=7)["layers"] == 7
    with pytest.raises(UsageProblem, match="is given twice, with and without 'probe_'"):
        options(layers=7, probe_probe_x=1, probe_x=2)


class Named(Plain):
    """A trace whose channels depend on the model."""

    names = ("one", "two")

    def channels(self, model):
        return self.names

    def explain(self, model, batch, target):
        return Result(batch.x[:, : len(self.names)])


def test_channels_may_depend_on_the_model(monkeypatch):
    found = run(Named, spec={"kind": "trace"})
    assert found.provenance.channels == ("one", "two") and found.values.shape == (30, 2, 40)
    for names in ((), ("one", "one"), ["one"], ("one", 2), ("a\nb",)):
        monkeypatch.setattr(Named, "names", names)
        with pytest.raises(PluginError, match="must return a tuple of different names"):
            run(Named, spec={"kind": "trace"})
    monkeypatch.setattr(Named, "channels", lambda self, model: model.module.train() and ("one",))
    model = tiny_model()
    with pytest.raises(PluginError, match="its channels changed the training mode of a module"):
        run(Named, spec={"kind": "trace"}, model=model)
    assert not model.module.training
    with pytest.raises(PluginError, match=r"a trace needs channels in its spec, or a method channels\(model\)"):
        run(Position, spec={"kind": "trace"})
