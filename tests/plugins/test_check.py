"""Test ``demo check``."""

import json

import pytest

BROKEN = """
from demo_core import Architecture, Explainer, Result, hookimpl

DEMO_API = 1


@hookimpl
def register_explainers(register):
    register(Explainer(name="shaky", target="shaky:Shaky", kind="attribution", summary="Shaky."))


@hookimpl
def register_architectures(register):
    register(Architecture(name="needy", target="shaky:Needy", summary="Needs a thing.", requires=("tensorflow",)))


class Shaky:
    def __init__(self, options):
        pass

    def explain(self, model, batch, target):
        return Result(batch.x - batch.x.mean(0, keepdim=True))
"""


@pytest.fixture
def shaky(tmp_path):
    path = tmp_path / "shaky.py"
    path.write_text(BROKEN)
    return path


def test_a_sound_plugin_passes(demo):
    code, out, err = demo("check", "saliency")
    assert code == 0
    assert "ok      saliency:model-unchanged\n" in out
    assert "-       saliency:adds-up  (it does not say that its values add up)\n" in out
    assert err == "15 passed, 0 failed, 2 do not apply\n"


def test_a_broken_one_exits_with_4_and_says_what_came(demo, shaky):
    code, out, err = demo("--plugin", shaky, "check", "shaky:shaky", "--only", "batch-size", "--only", "seed")
    assert code == 4
    lines = out.splitlines()
    assert lines[0] == "FAILED  shaky:batch-size"
    assert lines[1] == "  expected: values do not depend on the batch size, to 1e-5"
    assert lines[2].startswith("  came:     values in batches of 1 and of 6 differ: ")
    assert lines[3] == "  rule:     docs/contract.md#the-same-result"
    assert lines[4] == "ok      shaky:seed"
    assert err == "1 passed, 1 failed, 0 do not apply\n"


def test_json_has_a_version_and_nothing_but(demo, shaky):
    only = ["--only", "order", "--only", "batch-size"]
    code, out, err = demo("--plugin", shaky, "check", "shaky:shaky", *only, "--json")
    found = json.loads(out)
    assert (code, err, found["version"]) == (4, "", 1)
    assert [(c["spec"], c["check"], c["result"]) for c in found["checks"]] == [
        ("shaky", "batch-size", "failed"), ("shaky", "order", "passed")
    ]  # fmt: skip


def test_a_plugins_name_means_all_that_it_registers(demo):
    code, out, _ = demo("check", "cnn", "--only", "light", "--only", "loads")
    assert code == 0 and out.count("cnn:") == 2
    code, out, _ = demo("check", "deep-motif-dashboard", "--only", "loads")
    assert code == 0
    assert {"ok      bed:loads", "ok      check:loads", "ok      motifs:loads"} <= set(out.splitlines())


def test_options_reach_the_plugin(demo):
    options = ["--option", "steps=2", "--option", "restarts=2"]
    code, out, _ = demo("check", "class-optimization", *options, "--only", "seed")
    assert (code, out) == (0, "ok      class-optimization:seed\n")


def test_a_model_of_ones_own(demo, trained):
    code, out, _ = demo("check", "temporal", "--model", trained / "one", "--only", "global-state")
    assert (code, out) == (0, "ok      temporal:global-state\n")
    code, _, err = demo("check", "temporal", "--model", trained / "several")
    assert code == 2 and "has 2 targets; give a model with one target" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'NAME'"),
        (["salency"], "unknown plugin 'salency': did you mean 'saliency'"),
        (["saliency", "--only", "batchsize"], "unknown check 'batchsize': did you mean 'batch-size'"),
        (["saliency", "--option", "simplx=on"], "saliency: unknown option 'simplx': did you mean"),
        (["saliency", "--option", "simplex"], "saliency: 'simplex' is not NAME=VALUE"),
        (["saliency", "--option", "simplex=maybe"], "option 'simplex': expected true or false, got 'maybe'"),
        (["cnn", "--option", "widths=3"], "--filters names 3 layers and --widths 1"),
        (["cnn", "--length", "0"], "--length"),
    ],
)
def test_a_wrong_request_is_one_line(demo, arguments, said):
    code, out, err = demo("check", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_what_a_plugin_prints_is_no_result(demo, tmp_path):
    text = BROKEN.replace("        return Result(batch.x", "        print('working')\n        return Result(batch.x")
    (tmp_path / "shaky.py").write_text(text)
    code, out, err = demo("--plugin", tmp_path / "shaky.py", "check", "shaky:shaky", "--only", "seed", "--json")
    assert code == 0 and json.loads(out)["checks"][0]["result"] == "passed"
    assert "working" in err


def test_what_is_unavailable_does_not_hinder_the_rest_of_a_plugin(demo, shaky):
    code, out, err = demo("--plugin", shaky, "check", "shaky", "--only", "loads")
    assert (code, out) == (0, "ok      shaky:loads\n")
    assert "architecture 'needy' is skipped: it needs tensorflow" in err


def test_a_plugin_that_failed_or_lacks_something_is_said_so(demo, shaky, tmp_path):
    code, out, err = demo("--plugin", shaky, "check", "needy")
    assert (code, out) == (2, "")
    assert "architecture 'needy' needs tensorflow, which is not installed: pip install tensorflow" in err
    (tmp_path / "worse.py").write_text("raise RuntimeError('no luck')")
    code, _, err = demo("--plugin", tmp_path / "worse.py", "check", "worse")
    assert code == 4 and "failed: RuntimeError: no luck" in err
