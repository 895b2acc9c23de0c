"""What an explainer leaves behind never reaches the next one."""

import numpy as np
import pytest
import torch

from demo_core.cli import run
from demo_core.explanation import Explanation

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

    class Leaves:
        WHAT = {what!r}
        RAISES = {raises}
        def __init__(self, options): self.first = True
        def explain(self, model, batch, target):
            leave(self.WHAT, model.module)
            if self.RAISES: raise RuntimeError("on purpose")
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
WAYS = ["mode", "hook", "backward-hook", "half", "weights", "frozen", "default-type"]


@pytest.fixture
def reference(trained, tmp_path):
    assert (
        run(["explain", "saliency", str(trained / "one"), str(trained / "data.h5"), "-o", str(tmp_path / "clean")]) == 0
    )
    with Explanation.open(tmp_path / "clean/one.saliency.h5") as found:
        return found.values[:]


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("what", WAYS)
def test_the_next_explainer_meets_the_model_as_it_was(
    what, raises, trained, reference, demo, site, monkeypatch, tmp_path
):
    site("demo-leaves", "leaves", CODE.format(what=what, raises=raises, cls="Leaves"))
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-leaves")
    code, _, err = demo("explain", "all", trained / "one", trained / "data.h5", "-o", tmp_path / "ex")
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
    assert code == 4 and "it writes into batch.x" in err


def test_a_run_of_the_built_in_ones_names_no_third_party(reference, tmp_path):
    with Explanation.open(tmp_path / "clean/one.saliency.h5") as found:
        assert found.metadata["third_party_plugins"] == []
