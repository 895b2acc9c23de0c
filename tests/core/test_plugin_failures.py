"""Test messages about failing plugins: plugin, place in its code and issue tracker; others still work."""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
from local_plugins import ABOUT, local

from demo_core.models.model import Model
from demo_core.results.explanation import Explanation


def test_out_of_memory_advice_works(here, trained, demo):
    specs = """
import torch
@hookimpl
def register_explainers(register):
    register(Explainer(name="hungry", target="demo_local_hungry:Hungry", kind="attribution", summary="a"))
class Hungry:
    def __init__(self, options): pass
    def explain(self, model, batch, target):
        if len(batch) > 4: raise torch.OutOfMemoryError("no memory")
        return Result(batch.x + batch.random.uniform(batch.x[0].numel()).reshape(batch.x.shape))
"""
    line = ["explain", "hungry", trained / "one", trained / "data.h5", "--plugin", local(here, "hungry", specs)]
    code, _, err = demo(*line, "--name", "large")
    assert code == 0
    assert "warning: one hungry: out of memory in batches of 650; computed 3 sequences at a time" in err
    code, _, err = demo(*line, "--name", "small", "--batch-size", "4")
    assert code == 0 and "memory" not in err
    with (
        Explanation.open(here / "explanations/large.h5") as one,
        Explanation.open(here / "explanations/small.h5") as other,
    ):  # draws of each sequence do not depend on the batch size
        assert np.array_equal(one.values[:], other.values[:]) and one.provenance.warnings
    hungrier = ["--plugin", local(here, "hungry", specs.replace("> 4", "> 0"))]
    code, _, err = demo(*line[:-2], *hungrier, "--name", "none")
    assert code == 1 and "hungry: out of memory on cpu with a single sequence" in err


def test_a_model_that_does_not_fit_on_a_gpu(trained, demo, monkeypatch):
    def full(model, device):
        raise torch.AcceleratorError("CUDA error: out of memory")

    monkeypatch.setattr(Model, "to", full)
    code, _, err = demo("predict", trained / "one", trained / "data.h5")
    assert code == 1
    assert (
        err.splitlines()[-1]
        == "demo: out of memory; use smaller batches (--batch-size), fewer sequences, or another --device"
    )


FAILING = """
import torch
from demo_core import Architecture, hookimpl

DEMO_API = 1


@hookimpl
def register_architectures(register):
    register(Architecture(name="moody", target="moody:Moody", summary="Fails.", provides={"gradients"}))


class Moody(torch.nn.Module):
    def __init__(self, options, *, letters, length, n_targets):
        super().__init__()
        self.linear = torch.nn.Linear(letters, n_targets)

    def forward(self, x):
        if self.training == TRAINING:
            raise KeyError("mood")
        return self.linear(x.mean(2))
"""


def test_a_network_that_fails_is_its_plugins_failure_wherever_it_runs(here, trained, demo):
    plugin = here / "moody.py"
    for training in (True, False):  # in a training step, and in validation
        plugin.write_text(FAILING.replace("TRAINING", str(training)))
        code, _, err = demo(
            "--plugin", plugin, "train", "moody", trained / "data.h5", "-o", here / "m", "--epochs", "1"
        )
        assert code == 4 and err.count("demo: ") == 1, err
        assert "architecture 'moody' of plugin 'moody' (local file moody.py) failed: KeyError: 'mood', at " in err
        assert "moody.py:20 in forward" in err
        assert "failed: KeyError: 'mood'" in err
        assert not (here / "m").exists()


RAISES = """
import click
from demo_core import Command, Explainer, hookimpl
DEMO_API = 1
@hookimpl
def register_explainers(register):
    register(Explainer(name="bad", target="bad_plugin:Bad", kind="attribution", summary="Fails."))
@hookimpl
def register_commands(register):
    register(Command(name="worse", target="bad_plugin:worse", summary="Fails."))
def ratio(a, b): return a / b
class Bad:
    def __init__(self, options): pass
    def explain(self, model, batch, target): return ratio(batch.x, {}[0])
@click.command()
def worse(): ratio(1, 0)
"""


def test_a_failure_names_its_place_in_the_plugin_and_where_to_report_it(here, trained, demo, site, monkeypatch):
    site("demo-bad", "bad_plugin", RAISES, about=ABOUT)
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-bad")
    code, _, err = demo("explain", "bad", trained / "one", trained / "data.h5")
    (line,) = [words for words in err.splitlines() if words.startswith("demo:")]
    assert code == 4
    assert "explainer 'bad' of plugin 'bad_plugin' (demo-bad 1.0) failed: KeyError: 0, at " in line
    assert "bad_plugin.py:14 in explain (in batch 1, sequences 'positive-4' to " in line
    assert line.endswith("'); report it to https://example.org/bad/issues")
    assert "demo_core" not in line and "torch" not in line
    code, _, err = demo("worse")
    assert code == 4
    assert "command 'worse' of plugin 'bad_plugin' (demo-bad 1.0) failed: ZeroDivisionError" in err
    assert "bad_plugin.py:16 in worse, " in err and "bad_plugin.py:11 in ratio; report it to https" in err
    assert "demo_core" not in err
    code, _, err = demo("worse", "--debug")  # --debug shows the traceback and keeps the exit code
    assert (
        code == 4 and "Traceback" in err and "demo_core" in err and err.rstrip().splitlines()[-1].startswith("demo: ")
    )


PRINTS = """
import torch
from demo_core import Architecture, Explainer, hookimpl
DEMO_API = 1
@hookimpl
def register_explainers(register):
    register(Explainer(name="chatty", target="chatty:Chatty", kind="attribution", summary="Prints."))
@hookimpl
def register_architectures(register):
    register(Architecture(name="loud", target="chatty:Loud", summary="Prints."))
class Chatty:
    def __init__(self, options): pass
    def explain(self, model, batch, target):
        print("so it goes")
        return batch.x
class Loud(torch.nn.Module):
    def __init__(self, options, *, letters, length, n_targets):
        super().__init__()
        self.linear = torch.nn.Linear(letters, n_targets)
    def forward(self, x):
        print("so loud")
        return self.linear(x.mean(2))
"""


def test_what_plugins_print_is_no_result(here, trained, demo):
    (here / "chatty.py").write_text(PRINTS)
    plugin = ["--plugin", "chatty.py"]
    code, out, err = demo(*plugin, "explain", "chatty", trained / "one", trained / "data.h5")
    assert (code, out, "so it goes" in err) == (0, "explanations/one.chatty.h5: 12 sequences\n", True)
    assert demo(*plugin, "train", "loud", trained / "data.h5", "-o", "m", "--epochs", "1")[0] == 0
    code, out, err = demo(*plugin, "predict", "m", trained / "data.h5", "-o", "-")
    assert (code, "so loud" in out, "so loud" in err) == (0, False, True)


def test_places_are_the_plugins_own_whatever_lies_beside_it(here, site, trained, demo, monkeypatch, tmp_path):
    deep = "def deep(x): return deeper(x)\ndef deeper(x): return deepest(x)\ndef deepest(x): return {}[x]\n"
    site("library", "some_library", deep)
    package = tmp_path / "sub_plugin"
    (package / "methods").mkdir(parents=True)
    register = RAISES.replace("bad_plugin:Bad", "sub_plugin.methods.way:Bad").split("def ratio")[0]
    register = register.split("@hookimpl\ndef register_commands")[0]
    (package / "methods" / "__init__.py").write_text("")
    (package / "methods" / "way.py").write_text(
        "from sub_plugin.maths import ratio\nclass Bad:\n    def __init__(self, options): pass\n"
        "    def explain(self, model, batch, target): return ratio(batch)\n"
    )
    (package / "maths.py").write_text("import some_library\ndef ratio(x): return some_library.deep(1)\n")
    site("demo-sub", "other", "", entry_point="sub", target="sub_plugin")
    (package / "__init__.py").write_text(register)
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-sub")
    code, _, err = demo("explain", "bad", trained / "one", trained / "data.h5")
    assert code == 4
    assert "KeyError: 1, at methods/way.py:4 in explain, sub_plugin/maths.py:2 in ratio" in err
    (package / "methods" / "way.py").write_text("import sub_plugin.maths\nsub_plugin.maths.gone\n")
    for name in [n for n in sys.modules if n.startswith("sub_plugin")]:
        del sys.modules[name]
    code, _, err = demo("explain", "bad", trained / "one", trained / "data.h5")
    assert code == 4 and "importlib" not in err
    assert "cannot be loaded: AttributeError" in err and ", at methods/way.py:2 in <module>" in err
    for name in [n for n in sys.modules if n.startswith("sub_plugin")]:
        del sys.modules[name]


def test_a_plugin_that_fails_when_it_is_found_says_where_and_prints_into_no_result(here, demo):
    (here / "noisy.py").write_text("print('hello from me')\n1 / 0\n")
    code, out, err = demo("--plugin", "noisy.py", "explainers", "--json")
    assert code == 0 and json.loads(out)["version"] == 1
    assert "hello from me" in err
    assert "failed: ZeroDivisionError: division by zero, at " in err and "noisy.py:2 in <module>" in err
    code, out, err = demo("--plugin", "noisy.py", "plugins", "--show", "noisy")
    assert (code, out) == (4, "") and err.count("plugin 'noisy'") == 1


def test_a_unit_that_cannot_be_told_is_its_plugins_failure(here, trained, demo):
    specs = """
@hookimpl
def register_explainers(register):
    register(Explainer(name="odd", target="odd:Odd", kind="attribution", summary="a"))
class Odd:
    def __init__(self, options): pass
    def unit(self, target): return {}["no unit"]
    def explain(self, model, batch, target): return Result(batch.x)
"""
    code, _, err = demo("explain", "odd", trained / "one", trained / "data.h5", "--plugin", local(here, "odd", specs))
    assert code == 4 and "explainer 'odd' of plugin 'odd' (local file odd.py) failed: KeyError: 'no unit'" in err


SHAPES = """
import torch
from demo_core import Architecture, DatasetReader, Record, hookimpl
DEMO_API = 1
@hookimpl
def register_architectures(register):
    register(Architecture(name="bent", target="bent:Bent", summary="Gives something else."))
@hookimpl
def register_datasets(register):
    register(DatasetReader(name="five", target="bent:Five", summary="Yields a number.", suffixes=(".five",)))
    register(DatasetReader(name="three", target="bent:Three", summary="Yields no text.", suffixes=(".three",)))
class Bent(torch.nn.Module):
    def __init__(self, options, *, letters, length, n_targets):
        super().__init__()
        self.linear = torch.nn.Linear(letters, n_targets)
    def forward(self, x): return WHAT
class Five:
    def __init__(self, options): pass
    def read(self, source): yield 5
class Three(Five):
    def read(self, source): yield Record(id="a", sequence=3)
"""


def test_what_a_network_or_a_reader_must_not_give_is_its_plugins_failure(here, trained, demo):
    sound, plugin = "self.linear(x.mean(2))", here / "bent.py"
    plugin.write_text(SHAPES.replace("WHAT", sound))
    base = ["--plugin", plugin]
    assert demo(*base, "train", "bent", trained / "data.h5", "-o", "m", "--epochs", "1")[0] == 0
    for wrong, came in (("x", "(1, 4, 40)"), (f"{sound}.repeat(1, 2)", "(1, 2)"), (f"({sound},)", "tuple")):
        plugin.write_text(SHAPES.replace("WHAT", wrong))
        said = "architecture 'bent' of plugin 'bent' (local file bent.py) broke the contract: outputs must be floats ("
        for line in (["explain", "saliency"], ["explain", "temporal"], ["predict"], ["evaluate"]):
            where = ["-o", here / "out"] if line[0] == "explain" else []
            code, _, err = demo(*base, *line, "m", trained / "data.h5", *where)
            if "temporal" in line:  # needs more than the architecture provides
                assert code == 3
                continue
            assert code == 4 and said in err and (came in err or line != ["explain", "saliency"]), err
        code, _, err = demo(*base, "train", "bent", trained / "data.h5", "-o", "n", "--epochs", "1")
        assert code == 4 and said in err, err
    for name, problem in (("five", "Record or RecordBlock, not int"), ("three", "sequence must be text, not int")):
        (here / f"a.{name}").write_text("x")
        code, _, err = demo(*base, "data", "import", f"a.{name}", "-o", "d.h5")
        assert code == 4 and f"reader '{name}' of plugin 'bent' (local file bent.py) broke the contract" in err
        assert problem in err and not (here / "d.h5").exists()


def test_what_is_switched_off_is_not_merely_unknown(here, trained, demo, monkeypatch):
    monkeypatch.setenv("DEMO_DISABLE_PLUGINS", "saliency,cnn")
    code, _, err = demo("explain", "saliency", trained / "one", trained / "data.h5")
    assert code == 2 and "plugin 'saliency' is disabled by DEMO_DISABLE_PLUGINS" in err
    code, _, err = demo("predict", trained / "one", trained / "data.h5", "-o", "-")
    assert code == 2 and "plugin 'cnn' is disabled by DEMO_DISABLE_PLUGINS" in err
    (here / "broken.py").write_text("1 / 0")
    code, _, err = demo("--plugin", "broken.py", "explain", "broken", trained / "one", trained / "data.h5")
    assert code == 2 and "unknown explainer 'broken'" in err and "plugin 'broken' failed" in err
