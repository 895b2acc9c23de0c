"""Test that changes made by an explainer do not reach the next one."""

import numpy as np
import pytest
import torch

from demo_core.cli import run
from demo_core.results.explanation import Explanation

CODE = """
    from demo_core import Explainer, hookimpl
    DEMO_API = 1

    def leave(what, module):
        import torch
        if what == "mode": module.train()
        if what == "hook": next(module.children()).register_forward_hook(lambda m, x, y: y + 1)
        if what == "backward-hook": next(module.children()).register_full_backward_hook(lambda m, x, y: (x[0] * 1e7,))
        if what == "half": module.half()
        if what == "weights":
            with torch.no_grad(): next(module.parameters()).mul_(3)
        if what == "frozen": next(module.parameters()).requires_grad_(False)
        if what == "default-type": torch.set_default_dtype(torch.float64)
        if what == "default-device": torch.set_default_device("meta")
        if what == "global-hook":
            torch.nn.modules.module.register_module_forward_hook(lambda m, x, y: y + 1 if torch.is_tensor(y) else None)
        if what == "class":
            first = next(module.children())
            twice = lambda self, x: super(type(self), self).forward(x) * 2
            first.__class__ = type("Other", (type(first),), {{"forward": twice}})
        if what == "setting": next(m for m in module.modules() if isinstance(m, torch.nn.Conv1d)).stride = (2,)
        if what == "method":
            old = type(module).forward
            type(module).forward = lambda self, x: old(self, x) * 2
        if what == "function": torch.nn.functional.relu = lambda x, inplace=False: x
        if what == "parameter":
            first = next(m for m in module.modules() if list(m.parameters(recurse=False)))
            name, old = next(iter(first.named_parameters(recurse=False)))
            setattr(first, name, torch.nn.Parameter(old.detach() * 3))

    class Leaves:
        WHAT = {what!r}
        RAISES = {raises}
        def __init__(self, options): self.first = True
        def explain(self, model, batch, target):
            leave(self.WHAT, model.module)
            if self.RAISES: raise type("Panic", (BaseException,), {{}})("on purpose")
            return batch.x

    class Writes:
        def __init__(self, options): pass
        def explain(self, model, batch, target):
            batch.x.mul_(2)
            return batch.x

    @hookimpl
    def register_explainers(register):
        register(Explainer(name="aa-first", target="leaves:{cls}", summary="Runs first.", kind="attribution"))
"""
WAYS = ["mode", "hook", "backward-hook", "half", "weights", "frozen", "default-type", "default-device", "global-hook"]
WAYS += ["class", "parameter", "setting", "method", "function"]


@pytest.fixture
def reference(trained, tmp_path):
    assert (
        run(
            [
                "explain",
                "saliency",
                str(trained / "one"),
                str(trained / "data.h5"),
                "-o",
                str(tmp_path / "clean"),
                "--limit",
                "3",
            ]
        )
        == 0
    )
    with Explanation.open(tmp_path / "clean/one.saliency.h5") as found:
        return found.values[:]


@pytest.mark.parametrize(
    ("what", "raises"), [(way, False) for way in WAYS] + [(way, True) for way in ("mode", "weights", "method")]
)
def test_the_next_explainer_meets_the_model_as_it_was(
    what, raises, trained, reference, demo, site, monkeypatch, tmp_path
):
    site("demo-leaves", "leaves", CODE.format(what=what, raises=raises, cls="Leaves"))
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-leaves")
    monkeypatch.setenv("DEMO_CLASS_OPTIMIZATION_STEPS", "1")
    code, _, err = demo("explain", "all", trained / "one", trained / "data.h5", "-o", tmp_path / "ex", "--limit", 3)
    assert code == 4
    (line,) = [x for x in err.splitlines() if "aa-first" in x and x.startswith("demo:")]
    assert ("on purpose" if raises else "broke the contract: it changed") in line
    assert not list((tmp_path / "ex").glob("*aa-first*"))
    with Explanation.open(tmp_path / "ex/one.saliency.h5") as found:
        assert np.array_equal(found.values[:], reference)
        assert found.metadata["third_party_plugins"] == [
            {"plugin": "leaves", "distribution": "demo-leaves", "version": "1.0", "origin": "installed"}
        ]
    assert torch.get_default_dtype() == torch.float32


def test_an_explainer_may_not_write_into_its_batch(trained, demo, site, monkeypatch, tmp_path):
    site("demo-leaves", "leaves", CODE.format(what="", raises=False, cls="Writes"))
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-leaves")
    code, _, err = demo("explain", "aa-first", trained / "one", trained / "data.h5", "-o", tmp_path / "ex")
    assert code == 4 and "it modified batch.x in place" in err


def test_functions_that_torch_itself_wraps_are_not_changes(registry, monkeypatch):
    # importing torch._dynamo changes this; optimisers import it in some versions, on a GPU
    from torch._compile import _disable_dynamo

    from demo_core.running.guard import Guard
    from demo_core.testing import tiny_model

    guard = Guard(tiny_model(registry=registry))
    monkeypatch.setattr(torch, "manual_seed", _disable_dynamo(torch.manual_seed))
    assert guard.changes() == []
    monkeypatch.setattr(torch, "manual_seed", _disable_dynamo(torch.seed))
    assert guard.changes() == ["'manual_seed' of torch"]


def test_a_run_of_the_built_in_ones_names_no_third_party(reference, tmp_path):
    with Explanation.open(tmp_path / "clean/one.saliency.h5") as found:
        assert found.metadata["third_party_plugins"] == []


@pytest.mark.parametrize("kind", ["rnn", "cnn-rnn"])
def test_a_recurrent_network_is_restored_too(kind, registry):
    from torch import nn

    from demo_core.running.guard import Guard
    from demo_core.testing import tiny_dataset, tiny_model

    model = tiny_model(kind, registry=registry)
    codes = tiny_dataset(5).codes
    before = model.predict(codes)
    for change in ("replace", "multiply", "half"):
        guard = Guard(model)
        lstm = next(m for m in model.module.modules() if isinstance(m, nn.LSTM))
        if change == "replace":
            lstm.weight_ih_l0 = nn.Parameter(torch.ones_like(lstm.weight_ih_l0))
        elif change == "multiply":
            lstm.weight_ih_l0.data.mul_(3)
        else:
            model.module.half()
        assert guard.changes()
        guard.restore()
        assert guard.changes() == []
        assert np.array_equal(model.predict(codes), before), change


def test_a_network_that_changes_its_own_buffers_is_its_own_business(registry):
    from torch import nn

    from demo_core import explain
    from demo_core.testing import tiny_dataset, tiny_model

    class Counts(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.min_length = inner, inner.min_length
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("scale", torch.ones(()), persistent=False)

        def forward(self, x):
            self.calls += 1
            self.count = getattr(self, "count", 0) + 1
            return self.inner(x) * self.scale

    model = tiny_model(registry=registry)
    reference = explain("saliency", model, tiny_dataset(9), registry=registry).values
    model.module = Counts(model.module).eval()
    found = explain("saliency", model, tiny_dataset(9), registry=registry, batch_size=2)
    assert found.values == pytest.approx(reference, abs=1e-6)
    assert float(model.module.calls) == 0
    assert explain("class-optimization", model, registry=registry, steps=2, restarts=2).values.shape[0] == 2
