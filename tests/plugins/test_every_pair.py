"""Test every explainer on every architecture: results do not depend on batch size, order or resuming."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from demo_train.checkpoint import Checkpoint
from demo_train.settings import TrainingSettings
from demo_train.training import train

from demo_core import explain
from demo_core.errors import MisfitError
from demo_core.plugins.specs import Architecture, Explainer
from demo_core.results.explanation import Explanation
from demo_core.running.job import make_job
from demo_core.running.pipeline import run
from demo_core.running.sinks import File, Memory
from demo_core.running.sources import Patterns, Rows
from demo_core.storage.part_files import Parts
from demo_core.testing import tiny_dataset, tiny_model

ARCHITECTURES = ["cnn", "cnn-rnn", "rnn"]
OPTIONS = {
    "captum": {"method": "InputXGradient"},
    "deeplift": {},
    "deeplift-shap": {"references": 2},
    "dependency-map": {"span": "10:13"},
    "expected-gradients": {"references": 2, "steps": 2, "tolerance": 0.1},
    "input-x-gradient": {},
    "integrated-gradients": {"steps": 8, "tolerance": 0.02},
    "ism": {},
    "occlusion": {"stride": 5, "references": 2},
    "saliency": {},
    "smooth-grad": {"samples": 2},
    "temporal": {},
}
EXPLAINERS = list(OPTIONS)
VARIANTS = [*((a, {}) for a in ARCHITECTURES), ("rnn", {"unidirectional": True}), ("cnn-rnn", {"unidirectional": True})]
#: Every explainer on every architecture; those that treat recurrent networks in their own way also on one direction.
PAIRS = [(e, *v) for e in EXPLAINERS for v in VARIANTS if not v[1] or e in ("saliency", "temporal")]


def test_these_are_all_there_are(registry):
    assert registry.names(Architecture) == ["adapted", *ARCHITECTURES]  # tested in test_adapter.py
    of_data = [
        r.spec.name for r in registry.all(Explainer) if r.spec.kind != "pattern" and "attention" not in r.spec.needs
    ]
    assert sorted(of_data) == EXPLAINERS


def same(one, other, floor=0.0):
    """Compare to 1e-5, or to ``floor``: the rounding error of outputs whose differences the values are."""
    largest = np.nanmax(np.abs(other))
    return np.allclose(one, other, rtol=1e-5, atol=1e-5 * largest + floor, equal_nan=True)


def rounding(explainer, found):
    """Return the floor of differences of outputs, and of path integrals, which are refined by such differences."""
    shares = {"ism": 1e-6, "occlusion": 1e-6, "expected-gradients": 1e-5, "integrated-gradients": 1e-5}
    return shares.get(explainer, 0) * np.abs(found.outputs).max()


@pytest.mark.parametrize(("explainer", "architecture", "options"), PAIRS, ids=str)
def test_batch_size_and_order_change_nothing(registry, explainer, architecture, options):
    data, model = tiny_dataset(30), tiny_model(architecture, registry=registry, **options)
    found = registry.find(Explainer, explainer)
    shuffled = np.random.default_rng(0).permutation(30)

    def values(batch_size, rows):
        job = make_job(found, model, batch_size=batch_size, options=OPTIONS[explainer])
        return run(job, Rows(data, rows), Memory())

    whole = values(512, np.arange(30))
    assert np.nanstd(whole.values) > 0
    for batch_size in (1, 7, 512):
        assert same(values(batch_size, shuffled).values, whole.values[shuffled], rounding(explainer, whole))


@pytest.mark.parametrize(("explainer", "architecture", "options"), PAIRS, ids=str)
def test_resuming_changes_nothing(registry, tmp_path, monkeypatch, explainer, architecture, options):
    data, model = tiny_dataset(30), tiny_model(architecture, registry=registry, **options)
    job = make_job(registry.find(Explainer, explainer), model, batch_size=7, options=OPTIONS[explainer])
    rows = np.arange(30)
    monkeypatch.setattr("demo_core.running.sinks._HELD_SECONDS", 0.0)  # one part per batch
    seen = []

    def stop(n):
        seen.append(n)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job, Rows(data, rows), File(tmp_path / "x.h5"), on_batch=stop)
    with Parts.open(tmp_path / "x.partial") as parts:
        assert len(parts.finished()) == 2
    assert run(job, Rows(data, rows), File(tmp_path / "x.h5")).state == "continued"
    with Explanation.open(tmp_path / "x.h5") as found:
        whole = run(replace(job, batch_size=512), Rows(data, rows), Memory())
        assert same(found.values[:], whole.values, rounding(explainer, whole))
        assert found.sequences.ids[:].tolist() == data.ids.tolist()


@pytest.mark.parametrize(("architecture", "options"), VARIANTS, ids=str)
def test_a_pattern_that_was_interrupted_comes_out_the_same(registry, tmp_path, monkeypatch, architecture, options):
    """Runs that cannot be resumed restart, and nothing of the earlier run is kept."""
    model = tiny_model(architecture, registry=registry, **options)
    job = make_job(registry.find(Explainer, "class-optimization"), model, options={"steps": 30, "restarts": 3})
    straight = run(job, Patterns(), File(tmp_path / "straight.h5"))
    calls = []

    def stop(*given):
        calls.append(given)
        if len(calls) == 10:
            raise KeyboardInterrupt

    hook = model.module.register_forward_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        run(job, Patterns(), File(tmp_path / "x.h5"))
    hook.remove()
    assert [p.name for p in tmp_path.iterdir()] == ["straight.h5"]
    again = run(job, Patterns(), File(tmp_path / "x.h5"))
    with Explanation.open(straight.path) as one, Explanation.open(again.path) as other:
        assert np.array_equal(one.values[:], other.values[:])
        assert np.array_equal(one.extra("one-hot"), other.extra("one-hot"))


def test_temporal_refuses_a_network_of_one_length(registry):
    model = tiny_model("rnn", registry=registry)
    model.capabilities = frozenset({"gradients"})
    with pytest.raises(MisfitError, match="temporal needs a model that offers variable-length; 'rnn' offers gradients"):
        make_job(registry.find(Explainer, "temporal"), model)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("explainer", "architecture", "options"), PAIRS, ids=str)
def test_the_same_on_cuda(registry, explainer, architecture, options):
    data, model = tiny_dataset(30), tiny_model(architecture, registry=registry, **options)
    found = registry.find(Explainer, explainer)
    cpu = run(make_job(found, model, options=OPTIONS[explainer]), Rows(data, np.arange(30)), Memory())
    model.to("cuda")
    for batch_size in (1, 7, 512):
        job = make_job(found, model, batch_size=batch_size, options=OPTIONS[explainer])
        cuda = run(job, Rows(data, np.arange(30)), Memory())
        assert same(cuda.values, cpu.values, rounding(explainer, cpu))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_trained_explained_and_resumed_on_cuda(registry, tmp_path, architecture, precision):
    data, settings = tiny_dataset(130), TrainingSettings(epochs=4, batch_size=32, precision=precision)

    def stop(epoch, history):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    checkpoint = Checkpoint(tmp_path / "m", {})
    train(tiny_model(architecture, registry=registry).to("cuda"), data, settings, stop, checkpoint=checkpoint)
    model = tiny_model(architecture, registry=registry).to("cuda")
    assert len(train(model, data, settings, checkpoint=checkpoint).epochs) == 4
    pattern = explain("class-optimization", model, registry=registry, steps=5, restarts=2)
    assert np.isfinite(pattern.values).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("explainer", ["saliency", "temporal"])
def test_goes_on_when_a_gpu_is_full(registry, explainer):
    data = tiny_dataset(256, length=1000)
    model = tiny_model("cnn", length=1000, registry=registry, filters=(64, 64)).to("cuda")
    job = make_job(registry.find(Explainer, explainer), model, batch_size=256)
    rows = np.arange(256)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    whole = run(job, Rows(data, rows), Memory())
    peak = torch.cuda.max_memory_reserved()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(peak / 3 / torch.cuda.get_device_properties(0).total_memory)
    try:
        short = run(job, Rows(data, rows), Memory())
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert whole.provenance.warnings == ()
    assert "out of memory in batches of 256; computed" in " ".join(short.provenance.warnings)
    assert same(short.values, whole.values)
