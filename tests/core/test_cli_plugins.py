"""The command line with plugins that bring commands, clash, lack something, or fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback

import pytest

from demo_core.errors import PluginError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


PLUGIN = """
import click
from demo_core import Command, Explainer, Result, hookimpl
DEMO_API = 1
{specs}
@click.command()
def hello():
    click.echo("hello from {word}")
class Ones:
    def __init__(self, options): self.options = options
    def explain(self, model, batch, target): return Result(batch.x)
"""


def local(folder, name, specs, word=""):
    path = folder / f"{name}.py"
    path.write_text(PLUGIN.format(specs=specs, word=word))
    return path


HELLO = """
@hookimpl
def register_commands(register):
    register(Command(name="hello", target="demo_local_{name}:{what}", summary="Says hello."{more}))
"""


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
    made = {"one.needy.saliency.h5", "one.saliency.saliency.h5", "one.zz.h5"}
    assert made < set(os.listdir("explanations"))
    monkeypatch.setenv("DEMO_NEEDY_REFERENCE", "x")
    code, out, err = demo(*line)
    assert code == 0, err
    (made,) = [name for name in os.listdir("explanations") if name.startswith("one.needy.") and "saliency" not in name]
    assert made in out


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
        return Result(batch.x)
"""
    line = ["explain", "hungry", trained / "one", trained / "data.h5", "--plugin", local(here, "hungry", specs)]
    code, _, err = demo(*line)
    assert code == 1
    assert "out of memory on cpu with batches of 650: try --batch-size 162" in err
    assert demo(*line, "--batch-size", "4")[0] == 0


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
    for training in (True, False):  # in a step, and while it is validated
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
ABOUT = "Project-URL: Bug Tracker, https://example.org/bad/issues\nProject-URL: Docs, https://example.org/bad/docs\n"


def test_a_failure_names_its_place_in_the_plugin_and_where_to_report_it(here, trained, demo, site, monkeypatch):
    site("demo-bad", "bad_plugin", RAISES, about=ABOUT)
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-bad")
    code, _, err = demo("explain", "bad", trained / "one", trained / "data.h5")
    (line,) = [words for words in err.splitlines() if words.startswith("demo:")]
    assert code == 4
    assert "explainer 'bad' of plugin 'bad_plugin' (demo-bad 1.0) failed: KeyError: 0, at " in line
    assert line.endswith("bad_plugin.py:14 in explain; report it to https://example.org/bad/issues")
    assert "demo_core" not in line and "torch" not in line
    code, _, err = demo("worse")
    assert code == 4
    assert "command 'worse' of plugin 'bad_plugin' (demo-bad 1.0) failed: ZeroDivisionError" in err
    assert "bad_plugin.py:16 in worse, " in err and "bad_plugin.py:11 in ratio; report it to https" in err
    assert "demo_core" not in err
    with pytest.raises(PluginError) as raised:  # which is what shows the whole of it
        demo("worse", "--debug")
    assert "demo_core" in "".join(traceback.format_exception(raised.value))


def test_where_to_report_is_read_from_what_the_distribution_says(site):
    from demo_core.distributions import documentation, place_to_report

    site("demo-a", "a_plugin", "", about=ABOUT)
    site("demo-b", "b_plugin", "", about="Home-page: https://example.org/b\nAuthor-email: me@example.org\n")
    site("demo-c", "c_plugin", "", about="Project-URL: issues, javascript:alert(1)\nAuthor-email: me@example.org\n")
    site("demo-d", "d_plugin", "")
    assert place_to_report("demo-a") == "https://example.org/bad/issues"
    assert documentation("demo-a") == "https://example.org/bad/docs"
    assert place_to_report("demo-b") == documentation("demo-b") == "https://example.org/b"
    assert (place_to_report("demo-c"), documentation("demo-c")) == ("me@example.org", "")
    assert place_to_report("demo-d") == place_to_report("nowhere") == ""


OPTIONS = """
from dataclasses import dataclass, field
from demo_core import Explainer, hookimpl
DEMO_API = 1
@dataclass(frozen=True)
class Options:
    shuffles: int = field(default=20, metadata={"help": "Shuffles of each sequence.", "minimum": 1})
@hookimpl
def register_explainers(register):
    like = {"target": "x:Y", "summary": "A thing.", "options": Options}
    register(Explainer(name="there", kind="attribution", needs={"gradients"}, adds_up=True, extra="there",
        requires=("json",), paper="Doe 2020", docs="https://example.org/there", **like))
    register(Explainer(name="away", kind="trace", channels=("forward",), requires=("nothing_there",), extra="x",
        **like))
"""


def test_all_about_a_plugin(site, demo, monkeypatch):
    site("demo-opt", "opt_plugin", OPTIONS, about=ABOUT)
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-opt")
    code, out, err = demo("plugins", "--show", "there")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines == [
        "explainer there: A thing.",
        "plugin: 'opt_plugin' (demo-opt 1.0), installed",
        "state: available",
        "kind: attribution",
        "values: of every letter; they add up to the target minus its baseline",
        "needs: gradients",
        "requires: json",
        "paper: Doe 2020",
        "docs: https://example.org/there",
        "report to: https://example.org/bad/issues",
        "options:",
        "--shuffles INTEGER (DEMO_THERE_SHUFFLES)",
        "Shuffles of each sequence. [at least 1; default: 20]",
    ]
    code, out, _ = demo("plugins", "--show", "demo-opt", "--json")
    found = json.loads(out)
    assert found["version"] == 1
    away, there = found["specs"]
    assert away["docs"] == "https://example.org/bad/docs"
    assert away["why_unavailable"] == "needs nothing_there, which is not installed: pip install 'demo-opt[x]'"
    assert there["options"]["properties"]["shuffles"] == {
        "type": "integer", "minimum": 1, "description": "Shuffles of each sequence.", "default": 20,
    }  # fmt: skip
    for name in ("cnn", "fasta", "saliency", "quickstart", "class-optimization"):
        assert demo("plugins", "--show", name)[0] == 0
    assert "demo quickstart --help" in demo("plugins", "--show", "quickstart")[1]
    code, out, err = demo("plugins", "--show", "salency")
    assert (code, out) == (2, "") and "did you mean 'saliency'" in err
    assert demo("plugins", "--show", "cnn", "--check")[0] == 2


def test_the_lines_that_bring_the_same_set(site, demo, here, monkeypatch):
    site("demo-opt", "opt_plugin", OPTIONS)
    site("demo-bad", "bad_plugin", "1 / 0")
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-opt,demo-bad")
    mine = local(here, "mine", HELLO.format(name="mine", what="hello", more=""))
    code, out, _ = demo("plugins", "--requirements", "--plugin", mine)
    ours, opt, *rest = out.splitlines()
    assert code == 0
    assert "deep-motif-dashboard" in ours or ours.startswith("-e file://")
    assert opt == "demo-opt[there]==1.0"
    assert rest[0] == "# left out, failed: 'bad_plugin' (demo-bad 1.0)"
    assert rest[1].startswith("# --plugin mine.py is a file of your own (sha256:")
    found = json.loads(demo("plugins", "--requirements", "--json")[1])
    assert (found["requirements"], found["remarks"][:1]) == ([ours, opt], [rest[0][2:]])


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({"url": "https://me:secret@example.org/a.whl", "archive_info": {}}, "demo-a @ https://example.org/a.whl"),
        (
            {"url": "https://example.org/a", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "py"},
            "demo-a @ git+https://example.org/a@abc#subdirectory=py",
        ),
        ({"url": "file:///src/a", "dir_info": {"editable": True}}, "-e file:///src/a"),
        ({"url": "file:///src/a", "dir_info": {}}, "demo-a @ file:///src/a"),
        ({}, "demo-a==1.0"),
    ],
)
def test_a_requirement_says_where_it_came_from(site, tmp_path, origin, line):
    from packaging.requirements import Requirement

    from demo_core.distributions import requirement

    site("demo-a", "a_plugin", "")
    if origin:
        (tmp_path / "demo_a-1.0.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    assert requirement("demo-a") == line
    if not line.startswith("-e"):
        Requirement(line)
        assert Requirement(requirement("demo-a", ("x", "b"))).extras == {"b", "x"}


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ('{"url": "https://e.org/a.whl?token=secret"}', "demo-a @ https://e.org/a.whl"),
        ('{"url": "https://git@x:secret@e.org/a"}', "demo-a @ https://e.org/a"),
        (
            '{"url": "ssh://git@e.org/a", "vcs_info": {"vcs": "git", "commit_id": "c"}}',
            "demo-a @ git+ssh://git@e.org/a@c",
        ),
        ('{"url": "file:///a\\n--index-url https://evil.org"}', "# demo-a: what pip recorded of it makes no line"),
        ('{"url": "file:///a\\u001b[31m"}', "# demo-a: what pip recorded of it makes no line"),
        ('{"url": "https://u:p@[bad/a"}', "# demo-a: what pip recorded of it cannot be read"),
        ('{"url": "https://e.org/a", "vcs_info": {}}', "# demo-a: what pip recorded of it cannot be read"),
        ("[1]", "# demo-a: what pip recorded of it cannot be read"),
        ("{", "# demo-a: what pip recorded of it cannot be read"),
    ],
)
def test_a_requirement_has_no_secret_and_no_second_line(site, tmp_path, origin, line):
    from demo_core.distributions import requirement

    site("demo-a", "a_plugin", "")
    (tmp_path / "demo_a-1.0.dist-info" / "direct_url.json").write_text(origin)
    assert requirement("demo-a") == line
    assert requirement("demo-z") == "# demo-z: what pip recorded of it cannot be read"


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
    for wrong, came in (("x", "(12, 4, 40)"), (f"{sound}.repeat(1, 2)", "(12, 2)"), (f"({sound},)", "tuple")):
        plugin.write_text(SHAPES.replace("WHAT", wrong))
        said = "architecture 'bent' of plugin 'bent' (local file bent.py) broke the contract: outputs must be floats ("
        for line in (["explain", "saliency"], ["explain", "temporal"], ["predict"], ["evaluate"]):
            where = ["-o", here / "out"] if line[0] == "explain" else []
            code, _, err = demo(*base, *line, "m", trained / "data.h5", *where)
            if "temporal" in line:  # which needs more than it offers
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
