"""Test that built-in plugins pass the conformance kit, and that each check catches its broken plugin."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import broken_explainers as broken
import broken_networks
import broken_readers
import numpy as np
import pytest
import torch

import demo_core
from demo_core import Architecture, Command, DatasetReader, Explainer, MisfitError, Record, Result
from demo_core.models.trust import code_allowed
from demo_core.plugins.discovery import discover
from demo_core.plugins.owner import Owner
from demo_core.plugins.registry import Registered
from demo_core.testing import (
    DoesNotApply,
    ReaderExample,
    checks_for,
    parametrize_with_checks,
    registered_from,
    tiny_model,
)  # fmt: skip
from demo_core.testing.check import rules_of
from demo_core.testing.conformance import CHECKS

ROOT = Path(__file__).parents[2]
OWNER = Owner("test", "demo-test", "1.0", "installed")
_REGISTRY = discover(environ={"DEMO_LOAD_PLUGINS": ""}).registry
#: Options that make iterative explainers short.
#: Options that a plugin requires.
SHORT = {
    "class-optimization": {"steps": 10, "restarts": 3},
    "captum": {"parameters": "n_steps=4"},
    "deeplift-shap": {"references": 2},
    "dependency-map": {"span": "2:5"},
    "expected-gradients": {"references": 2, "tolerance": 0.05},
    "integrated-gradients": {"steps": 8, "tolerance": 0.02},
    "occlusion": {"stride": 5, "references": 2},
    "smooth-grad": {"samples": 3},
    "adapted": {
        "network": "broken_networks:Foreign",
        "arguments": '{"letters": "$letters", "n_targets": "$targets", "length": "$length"}',
        "layout": "BLA",
    },
}


class Attentive(torch.nn.Module):
    """One layer of attention with two heads, between the bases."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = torch.nn.Linear(4, 8), torch.nn.Linear(8, 1)

    def attention_maps(self, x):
        y = self.embed(x.transpose(1, 2)).unflatten(2, (2, 4)).transpose(1, 2)  # (B, heads, L, 4)
        return (y @ y.transpose(2, 3)).softmax(-1)[:, None]

    def forward(self, x):
        mixed = self.attention_maps(x)[:, 0].mean(1) @ self.embed(x.transpose(1, 2))
        return self.head(mixed.amax(1))


def attentive_model():
    model = tiny_model()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model.module = Attentive().eval()
    model.capabilities = frozenset({"gradients", "attention"})
    return model


def settings_of(spec):
    needs_attention = "attention" in getattr(spec, "needs", ())
    return {"options": SHORT.get(spec.name), **({"model": attentive_model} if needs_attention else {})}


BUILT_IN = [
    check
    for kind in (Architecture, DatasetReader, Explainer, Command)
    for registered in _REGISTRY.all(kind)
    for check in checks_for(registered, **settings_of(registered.spec))
]


#: Checks that do not apply, and why.
ATTENTION = ("attention-received", "attention-rollout")
NOTHING_TO_CHECK = {
    "adapted:fast",  # a network from outside has none
    "adapted:lengths", "adapted:prefixes",  # without the capability prefix-logits
    "bed:streams", "planted:streams", "sites:streams",  # no longer example; tested in their own files
    "planted:packed",
    # reads no data
    *(f"class-optimization:{name}" for name in ("batch-size", "order", "memory", "outputs", "hypothetical")),
    # of other kinds
    *(f"{n}:hypothetical" for n in (*ATTENTION, "dependency-map", "temporal")),
    *(f"{n}:{name}" for n in ATTENTION for name in ("target", "says-what-it-needs")),  # ignored; no built-in network
    *(f"{n}:{name}" for n in (*ATTENTION, "class-optimization", "dependency-map", "ism", "saliency", "smooth-grad",
                              "temporal") for name in ("only-letters-that-are-there", "adds-up")),
    *(f"{n}:only-letters-that-are-there"
      for n in ("deeplift", "deeplift-shap", "expected-gradients", "integrated-gradients")),
    *(f"{n}:{name}" for n in ("captum", "input-x-gradient", "occlusion") for name in ("adds-up", "hypothetical")),
}  # fmt: skip


#: One architecture per capability, and all that provide what the others lack.
MORE = ("cnn-rnn:", "adapted:")


@pytest.mark.parametrize(
    "check",
    [pytest.param(c, marks=pytest.mark.full if str(c).startswith(MORE) else (), id=str(c)) for c in BUILT_IN],
)
def test_built_in_plugins_keep_the_contract(check):
    try:
        with code_allowed():
            check()
    except DoesNotApply:
        assert str(check) in NOTHING_TO_CHECK
    else:
        assert str(check) not in NOTHING_TO_CHECK


BROKEN = [
    *broken.EXPLAINERS, *broken.PATTERNS, *broken_networks.NETWORKS, *broken_readers.READERS, *broken_readers.COMMANDS
]  # fmt: skip


def named(spec, name, **settings):
    return next(c for c in checks_for(Registered(spec, OWNER), **settings) if c.name == name)


@pytest.mark.parametrize(
    ("name", "spec", "came"), BROKEN, ids=[f"{n}-{s.target.partition(':')[2]}" for n, s, _ in BROKEN]
)
def test_a_check_catches_a_plugin_that_is_broken_in_its_way(name, spec, came):
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    with pytest.raises(AssertionError) as failed:
        named(spec, name)()
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)
    said = str(failed.value).splitlines()
    assert said[0] == f"broken:{name}"
    assert [line.split(":")[0].strip() for line in said[1:]] == ["expected", "came", "rule"]
    assert came in said[2]


def test_there_is_a_broken_plugin_for_every_check():
    tried = {(type(spec), name) for name, spec, _ in BROKEN}
    missing = [
        f"{kind.__name__}: {rule.name}" for kind, checks in CHECKS.items() for rule, _ in rules_of(checks)
        if (kind, rule.name) not in tried and rule.name not in ("loads", "light")
    ]  # fmt: skip
    assert not missing  # the two checks of all kinds are tested elsewhere in this file


def test_every_rule_stands_in_the_contract():
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "contract.md").read_text(), re.MULTILINE)
    anchors = {h.lower().replace(" ", "-").replace("`", "") for h in headings}
    for checks in CHECKS.values():
        assert {rule.section for rule, _ in rules_of(checks)} <= anchors


@pytest.mark.parametrize("spec", [broken.explainer(broken.Good), broken.explainer(broken.AddsUp, adds_up=True)])
def test_what_is_sound_passes(spec):
    """Checks for a network with discrete outputs, except those that need continuous values."""
    spurious = {"hypothetical"} if spec.adds_up else set()
    needs = {"says-what-it-needs"} if not spec.adds_up else set()  # needs gradients without declaring it
    for check in checks_for(Registered(spec, OWNER)):
        if check.name in spurious | needs | {"light"}:
            continue
        try:
            check()
        except DoesNotApply:
            assert check.name in ("only-letters-that-are-there", "adds-up")


def test_a_sound_reader_passes():
    for check in checks_for(Registered(broken_readers.reader(broken_readers.Lines), OWNER)):
        if check.name != "light":
            check()


def test_a_reader_without_an_example_is_told_so():
    spec = DatasetReader(name="bare", target=f"{__name__}:Bare", summary="Bare.")
    with pytest.raises(DoesNotApply, match=r"no example\(\)"):
        named(spec, "round-trip")()
    example = ReaderExample("x.txt", b"A\n", (Record("a", "ACGT"),))
    with pytest.raises(AssertionError, match="0 records, where the example has 1"):
        named(spec, "round-trip", example=example)()


class Bare(broken.Plain):
    def read(self, source):
        return iter(())


def test_a_plugin_that_imports_torch_at_once_is_found_out(tmp_path, monkeypatch):
    (tmp_path / "heavy_plugin.py").write_text(
        "import torch\nfrom demo_core import Explainer, hookimpl\nDEMO_API = 1\n"
        "@hookimpl\ndef register_explainers(register):\n"
        "    register(Explainer(name='heavy', target='heavy_plugin:X', kind='attribution', summary='Heavy.'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import heavy_plugin

    (registered,) = registered_from(heavy_plugin)
    with pytest.raises(AssertionError, match="heavy_plugin imports (numpy, )?torch"):
        next(c for c in checks_for(registered) if c.name == "light")()


def test_an_explainer_may_refuse_by_itself():
    spec = broken.explainer(broken.Good)
    assert named(Explainer(**{**vars(spec), "target": f"{__name__}:Refuses"}), "says-what-it-needs")() is None


class Refuses(broken.Plain):
    def explain(self, model, batch, target):
        raise MisfitError("not this one")


def test_a_model_can_be_given_of_any_length():
    spec = broken.explainer(broken.Good, needs={"recurrent"})
    make = lambda: tiny_model("rnn", length=55)  # noqa: E731
    named(spec, "fits", model=make)()
    named(spec, "batch-size", model=make)()
    named(spec, "fits")()  # found for a built-in network that reaches it
    spec = broken.explainer(broken.Good, needs={"attention"})
    with pytest.raises(AssertionError, match="give a model that does, --model FOLDER"):
        named(spec, "fits")()
    for name in ("values", "says-what-it-needs"):
        with pytest.raises(DoesNotApply):
            named(spec, name)()


def test_pytest_sees_a_case_for_each_check_and_known_failures_as_such(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import broken_explainers as b\nfrom demo_core.testing import parametrize_with_checks\n"
        "KNOWN = {'batch-size': 'a mean over the batch', 'hypothetical': 'is not meant so', 'order': 'passes by now'}\n"
        "@parametrize_with_checks(b.explainer(b.BatchDependent), expected_failures=KNOWN)\n"
        "def test_contract(check):\n    check()\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "--rootdir", str(tmp_path), "."]
    env = {"PYTHONPATH": f"{Path(__file__).parent}:{ROOT}:{ROOT / 'plugins'}", "PATH": "/usr/bin:/bin"}
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env, check=False).stdout
    assert "XFAIL test_it.py::test_contract[broken:batch-size] - a mean over the batch" in said
    assert "XFAIL test_it.py::test_contract[broken:hypothetical] - is not meant so" in said
    assert re.search(r"FAILED test_it.py::test_contract\[broken:order\].*\[XPASS\(strict\)\] passes by now", said)
    assert "PASSED test_it.py::test_contract[broken:seed]" in said
    assert "SKIPPED" in said and "it does not say that its values add up" in said


def test_a_reason_for_no_check_is_refused():
    with pytest.raises(ValueError, match="unknown check 'batchsize': did you mean 'batch-size'"):
        parametrize_with_checks(broken.explainer(broken.Good), expected_failures={"batchsize": "?"})
    with pytest.raises(ValueError, match="unknown check"):
        checks_for(broken.explainer(broken.Good), expected_failures={"batchsize": "?"})
    checks = checks_for(broken.explainer(broken.Good), expected_failures={"seed": "why"})
    assert {c.name: c.expected_failure for c in checks if c.expected_failure} == {"seed": "why"}


class Mutagenesis(broken.Plain):
    """In-silico mutagenesis: every base at every position, minus the mean over bases."""

    @torch.no_grad()
    def explain(self, model, batch, target):
        x = batch.x
        found = torch.zeros_like(x)
        for place in range(x.shape[2]):
            for letter in range(4):
                changed = x.clone()
                changed[:, :, place] = 0
                changed[:, letter, place] = 1
                found[:, letter, place] = target(model.module(changed))
        return Result(found - found.mean(1, keepdim=True))


class PathIntegral(broken.Plain):
    """Integrated gradients from a uniform baseline, 50 steps."""

    def explain(self, model, batch, target):
        x, start = batch.x, torch.full_like(batch.x, 0.25)
        total = torch.zeros_like(x)
        for step in range(50):
            here = (start + (x - start) * (step + 0.5) / 50).requires_grad_(True)
            total += torch.autograd.grad(target(model.module(here)).sum(), here)[0] / 50
        with torch.no_grad():
            return Result(total - total.mean(1, keepdim=True), baseline=target(model.module(start)))


class KeepsALittle(broken.Plain):
    """Keeps 4.5 kB of each batch, as Captum's KernelShap does."""

    def __init__(self, options):
        self.kept = []

    def explain(self, model, batch, target):
        self.kept.append(bytes(4500))
        return Result(batch.x)


ISM = Explainer(name="ism", target=f"{__name__}:Mutagenesis", kind="attribution", summary="Mutagenesis.")
IG = Explainer(
    name="ig", target=f"{__name__}:PathIntegral", kind="attribution", summary="Path.", needs={"gradients"}, adds_up=True
)


@pytest.mark.parametrize(("spec", "architecture"), [(ISM, "rnn"), (IG, "cnn")])
def test_methods_of_the_field_pass(spec, architecture):
    for check in checks_for(Registered(spec, OWNER), model=lambda: tiny_model(architecture)):
        if check.name not in ("light", "only-letters-that-are-there", "adds-up") or (
            check.name == "adds-up" and spec.adds_up
        ):
            check()


def test_a_few_kilobytes_a_batch_are_no_leak():
    spec = Explainer(name="little", target=f"{__name__}:KeepsALittle", kind="attribution", summary="Little.")
    named(spec, "memory")()


def test_one_cause_is_said_once():
    checks = checks_for(Registered(broken.explainer("NotThere"), OWNER))
    failed = []
    for check in checks:
        try:
            check()
        except DoesNotApply:
            continue
        except AssertionError:
            failed.append(check.name)
    assert failed == ["loads"]
    with pytest.raises(AssertionError, match="takes 1000 bases; for another length give --length N"):
        named(broken_networks.network(broken_networks.OnlyThousands), "builds")()
    with pytest.raises(DoesNotApply, match="see 'builds'"):
        named(broken_networks.network(broken_networks.OnlyThousands), "outputs")()
    named(broken_networks.network(broken_networks.OnlyThousands), "outputs", length=1000)()


class ByBlocks(broken_readers.Lines):
    def read(self, source):
        waiting = []
        for record in super().read(source):
            waiting.append(record)
            if len(waiting) == 5000:
                yield from waiting
                waiting.clear()
        yield from waiting


def test_blocks_of_a_fixed_size_are_a_stream():
    spec = DatasetReader(name="blocks", target=f"{__name__}:ByBlocks", summary="Blocks.", suffixes=(".txt",))
    named(spec, "streams")()


def test_a_plugin_in_a_single_module_can_be_checked(tmp_path, monkeypatch):
    """Explainer as shown in the contract, with its class in the module of the entry point."""
    text = (ROOT / "docs" / "contract.md").read_text()
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if 'target="mine:Mine"' in c]
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    import mine

    (registered,) = registered_from(mine)
    for check in checks_for(registered):
        if check.name not in ("light", "hypothetical", "adds-up"):  # a module is exempt from import rules
            check()


def test_gaps_below_the_tolerance_are_the_same():
    from demo_core.testing.check import Breach, expect_same

    expect_same(np.array([1.0, np.nan]), np.array([1 + 9e-6, np.nan]), "x")
    for one, other in (([1.0], [1 + 2e-5]), ([1.0, np.nan], [1.0, 0.0]), ([1.0], [1.0, 1.0])):
        with pytest.raises(Breach):
            expect_same(np.array(one), np.array(other), "x")


def test_the_front_of_the_package_is_frozen():
    import demo_core.testing as kit

    assert kit.__all__ == [
        "Check", "DoesNotApply", "ReaderExample", "checks_for", "fit_briefly", "parametrize_with_checks",
        "planted_records", "registered_from", "tiny_dataset", "tiny_model",
    ]  # fmt: skip
    assert demo_core.__all__ == sorted(demo_core.__all__)
