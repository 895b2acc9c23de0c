"""Test the command line with plugins that add commands, clash or lack a requirement."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from local_plugins import HELLO, local


def test_explain_all_skips_misfits_and_exits_4_if_one_raised(here, trained, demo):
    code = "\n".join(
        [
            "from demo_core import Explainer, hookimpl",
            "DEMO_API = 1",
            "@hookimpl",
            "def register_explainers(register):",
            "    like = {'target': 'x:Y', 'kind': 'attribution', 'summary': 'a'}",
            "    register(Explainer(name='attentive', needs={'attention'}, **like))",
            "    register(Explainer(name='lacking', requires=('nothing_there',), **like))",
        ]
    )
    (here / "misfits.py").write_text(code)
    line = ["explain", "all", trained / "one", trained / "data.h5", "--plugin", "misfits.py"]
    found, out, err = demo(*line)
    assert found == 0, err
    assert "explanations/one.saliency.h5" in out
    assert "skipped attentive: attentive needs a model that offers attention" in err
    assert "skipped lacking: needs nothing_there, which is not installed" in err
    (here / "misfits.py").write_text(
        code
        + "\n    register(Explainer(name='bad', target='demo_local_misfits:Bad', kind='attribution', summary='a'))\n"
        "class Bad:\n    def __init__(self, options): 1 / 0\n"
    )
    found, out, err = demo(*line)
    assert found == 4
    assert "explainer 'bad' of plugin 'misfits' (local file misfits.py) failed: ZeroDivisionError" in err
    assert "explanations/one.saliency.h5" in out


def test_the_listing_of_plugins(here, demo):
    code, out, _ = demo("plugins", "--json")
    listed = {p["name"]: p for p in json.loads(out)["plugins"]}
    assert code == 0
    assert listed["cnn"]["kinds"] == ["architecture"]
    assert listed["cnn"]["registers"] == ["cnn"]
    assert listed["cnn"]["origin"] == "built-in"
    assert listed["cnn"]["state"] == "active"
    (here / "broken.py").write_text("raise RuntimeError('no luck')")
    code, out, err = demo("plugins", "--plugin", "broken.py")
    assert code == 0
    assert "failed: RuntimeError: no luck" in out
    assert demo("plugins", "--check", "--plugin", "broken.py")[0] == 4
    assert demo("plugins", "--check")[0] == 0
    for command, word in (("architectures", "cnn"), ("readers", "deepbind"), ("explainers", "saliency")):
        assert word in demo(command)[1]
        names = [row["name"] for row in json.loads(demo(command, "--json")[1])[command]]
        assert word in names


def test_a_plugin_may_add_a_command_and_two_of_one_name_are_told_apart(here, demo):
    one = local(here, "one", HELLO.format(name="one", what="hello", more=""), "one")
    assert demo("hello", "--plugin", one) == (0, "hello from one\n", "")
    two = local(here, "two", HELLO.format(name="two", what="hello", more=""), "two")
    code, _, err = demo("hello", "--plugin", one, "--plugin", two)
    assert code == 2
    assert "say which: one:hello or two:hello" in err
    assert demo("two:hello", "--plugin", one, "--plugin", two)[1] == "hello from two\n"
    assert "one:hello" in demo("--help", "--plugin", one, "--plugin", two)[1]
    wrong = local(here, "wrong", HELLO.format(name="wrong", what="Ones", more=""))
    code, _, err = demo("hello", "--plugin", wrong)
    assert (code, "is a type, not a click command" in err) == (4, True)


def test_completion_survives_a_command_that_cannot_be_loaded(here, demo_process):
    lacking = local(here, "lacking", HELLO.format(name="lacking", what="hello", more=", requires=('nothing_there',)"))
    env = {"_DEMO_COMPLETE": "bash_complete", "COMP_WORDS": f"demo --plugin {lacking} h", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", "from demo_core.cli.group import root; root.main(args=[], prog_name='demo')"],
        env={**os.environ, **env}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "hello" in done.stdout, done.stderr


NEEDY = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Options:
    reference: str
@hookimpl
def register_explainers(register):
    register(Explainer(name="needy", target="demo_local_needy:Ones", kind="attribution", options=Options, summary="a"))
    register(Explainer(name="saliency", target="demo_local_needy:Ones", kind="attribution", summary="a"))
    register(Explainer(name="zz", target="demo_local_needy:Ones", kind="attribution", summary="a"))
"""


def test_explain_all_goes_on_past_names_that_clash_and_options_that_are_needed(here, trained, demo, monkeypatch):
    plugin = local(here, "needy", NEEDY)
    line = ["explain", "all", trained / "one", trained / "data.h5", "--plugin", plugin]
    monkeypatch.setenv("DEMO_CLASS_OPTIMIZATION_STEPS", "2")
    code, out, err = demo(*line)
    assert code == 0, err
    assert "skipped needy: needs --reference; run demo explain needy" in err
    made = {"one.needy.saliency.h5", "one.saliency.h5", "one.zz.h5"}
    assert made < set(os.listdir("explanations"))
    monkeypatch.setenv("DEMO_NEEDY_REFERENCE", "x")
    code, out, err = demo(*line)
    assert code == 0, err
    (made,) = [name for name in os.listdir("explanations") if name.startswith("one.needy-")]
    assert made in out
