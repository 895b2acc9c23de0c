"""Test discovery with real distributions in a folder on the path."""

from __future__ import annotations

import textwrap

import pytest

from demo_core.errors import PluginError, UsageProblem
from demo_core.plugins.discovery import discover
from demo_core.plugins.specs import Architecture, Explainer

GOOD = """
    from demo_core import Explainer, hookimpl
    DEMO_API = 1
    @hookimpl
    def register_explainers(register):
        register(Explainer(name="{name}", target="{module}:Thing", kind="attribution", summary="A thing."{more}))
    class Thing:
        def __init__(self, options): pass
        def explain(self, model, batch, target): return batch.x
"""


def states(found):
    return {c.owner.entry_point: (c.state, c.reason) for c in found.candidates}


def good(name="thing", module="thing_plugin", more=""):
    return GOOD.format(name=name, module=module, more=more)


def test_built_in_plugins_are_all_active():
    found = discover(environ={})
    assert {"cnn", "deepbind", "fasta", "quickstart", "saliency"} <= set(states(found))
    assert {c.state for c in found.candidates if c.owner.origin == "built-in"} == {"active"}
    assert all(c.owner.distribution == "deep-motif-dashboard" for c in found.candidates if c.owner.origin == "built-in")


def test_an_installed_plugin_is_found_and_loaded(site):
    site("demo-thing", "thing_plugin", good())
    registered = discover(environ={}).registry.find(Explainer, "thing")
    assert registered.owner.describe() == "'thing_plugin' (demo-thing 1.0)"
    assert registered.load().__name__ == "Thing"


BROKEN = {
    "raises": ("raise RuntimeError('no\\nluck')", "RuntimeError: no luck"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "misspelt": (
        "from demo_core import hookimpl\nDEMO_API = 1\n@hookimpl\ndef register_explainer(register): pass",
        "did you mean 'register_explainers'",
    ),
    "argument": (
        "from demo_core import hookimpl\nDEMO_API = 1\n@hookimpl\ndef register_explainers(registr): pass",
        "registr",
    ),
    "old": ("DEMO_API = 0", "was built for DEMO_API 0; this is DEMO_API 1"),
    "silent": ("x = 1", "does not define DEMO_API"),
    "nothing": ("DEMO_API = 1", "registers nothing"),
    "nonsense": (
        "from demo_core import hookimpl\nDEMO_API = 1\n@hookimpl\ndef register_explainers(register): register(3)",
        "register_explainers takes Explainer",
    ),
    "badspec": (good(more=", needs={'gradient'}"), "did you mean 'gradients'"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_costs_one_line_and_nothing_else(site, how):
    code, reason = BROKEN[how]
    site("demo-broken", "broken_plugin", code)
    site("demo-thing", "thing_plugin", good())
    found = discover(environ={})
    state, why = states(found)["broken_plugin"]
    assert state == "failed"
    assert reason in why
    (line,) = found.problems()
    assert "'broken_plugin' (demo-broken 1.0) failed: " in line
    assert "\n" not in line
    assert found.registry.find(Explainer, "thing")
    assert found.registry.find(Explainer, "saliency")
    with pytest.raises(PluginError, match="demo-broken 1.0"):
        discover(environ={"DEMO_STRICT_PLUGINS": "1"})


def test_a_plugin_that_fails_half_way_registers_nothing(site):
    code = good() + "        raise ValueError('after the first')\n"
    code = code.replace('summary="A thing."))\n', 'summary="A thing."))\n        raise ValueError("half way")\n')
    site("demo-half", "thing_plugin", code)
    found = discover(environ={})
    assert states(found)["thing_plugin"][0] == "failed"
    with pytest.raises(UsageProblem):
        found.registry.find(Explainer, "thing")


def test_a_taken_name_names_both_owners_when_it_is_used(site):
    for name in ("one", "other"):
        site(f"demo-{name}", f"{name}_plugin", good("mine", f"{name}_plugin"))
    found = discover(environ={})
    (line,) = found.problems()
    assert "'one_plugin' (demo-one 1.0)" in line
    assert "'other_plugin' (demo-other 1.0)" in line
    with pytest.raises(UsageProblem, match="say which: one_plugin:mine or other_plugin:mine"):
        found.registry.find(Explainer, "mine")
    assert found.registry.find(Explainer, "other_plugin:mine").owner.distribution == "demo-other"
    assert {"one_plugin:mine", "other_plugin:mine"} <= set(found.registry.names(Explainer))
    assert "mine" not in found.registry.names(Explainer)
    assert found.registry.find(Architecture, "cnn")


def test_a_built_in_keeps_its_plain_name(site, demo, monkeypatch):
    site("demo-other", "other_plugin", good("saliency", "other_plugin"))
    found = discover(environ={})
    assert found.problems() == []
    assert found.registry.find(Explainer, "saliency").owner.origin == "built-in"
    assert found.registry.find(Explainer, "other_plugin:saliency").owner.distribution == "demo-other"
    assert {"saliency", "other_plugin:saliency"} <= set(found.registry.names(Explainer))
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-other")
    code, out, err = demo("plugins")
    assert (code, err) == (0, "")
    assert "a built-in spec has the plain name; use other_plugin:saliency" in out


def test_one_bad_spec_leaves_the_others_of_its_plugin(site, demo, monkeypatch):
    code = """
        from demo_core import Explainer, hookimpl
        DEMO_API = 1
        @hookimpl
        def register_explainers(register):
            for name, more in (("first", {}), ("Bad Name", {}), ("odd", {"kinds": 3}), ("last", {})):
                register(Explainer(name=name, target="thing:It", summary="s", kind="attribution", **more))
    """
    site("demo-mixed", "mixed_plugin", code)
    found = discover(environ={})
    assert found.registry.has(Explainer, "first") and found.registry.has(Explainer, "last")
    one, two = found.problems()
    assert "plugin 'mixed_plugin' (demo-mixed 1.0): one spec is skipped: Explainer 'Bad Name': name" in one
    assert "Explainer 'odd'" in two and "kinds" in two
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-mixed")
    assert demo("plugins", "--check")[0] == 4
    with pytest.raises(PluginError, match="Bad Name"):
        discover(environ={"DEMO_STRICT_PLUGINS": "1"})


def test_a_plugin_that_interrupts_at_import_is_a_broken_one(site, demo_process, tmp_path):
    site("demo-stops", "stops_plugin", "raise KeyboardInterrupt")
    site("demo-slow", "slow_plugin", "import time; time.sleep(0.6)\n" + textwrap.dedent(good("slow", "slow_plugin")))
    env = {"PYTHONPATH": str(tmp_path), "DEMO_LOAD_PLUGINS": "demo-stops,demo-slow"}
    done = demo_process("plugins", "--debug", env=env)
    assert done.returncode == 0, done.stderr
    assert "plugin 'stops_plugin' (demo-stops 1.0) failed: KeyboardInterrupt" in done.stderr
    assert "plugin 'slow_plugin' (demo-slow 1.0) took 0.6 s to import" in done.stderr
    assert "takes 0.6 s to import" in done.stdout


def test_the_user_chooses_what_is_loaded(site):
    site("demo-thing", "thing_plugin", "raise SystemError('was imported')")
    for environ in ({"DEMO_LOAD_PLUGINS": ""}, {"DEMO_DISABLE_PLUGINS": "thing_plugin,x"}):
        found = discover(environ=environ)
        assert states(found)["thing_plugin"][0] == "disabled"
        assert states(found)["cnn"][0] == "active"
    assert states(discover(environ={"DEMO_LOAD_PLUGINS": "demo-thing"}))["thing_plugin"][0] == "failed"
    found = discover(environ={"DEMO_DISABLE_PLUGINS": "cnn", "DEMO_LOAD_PLUGINS": ""})
    assert states(found)["cnn"] == ("disabled", "by DEMO_DISABLE_PLUGINS")
    with pytest.raises(UsageProblem, match="unknown architecture 'cnn'"):
        found.registry.find(Architecture, "cnn")


def test_a_local_file_is_loaded_only_when_named_and_recorded_by_its_digest(tmp_path):
    import hashlib

    path = tmp_path / "my_method.py"
    path.write_text(textwrap.dedent(good("mine", "demo_local_my_method")))
    found = discover([path], environ={})
    registered = found.registry.find(Explainer, "mine")
    assert registered.owner.origin == "local file"
    assert registered.owner.version == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert registered.load().__name__ == "Thing"
    missing = discover([tmp_path / "none.py"], environ={})
    assert missing.problems() == ["plugin 'none' (local file none.py) failed: no such file"]


def test_a_third_party_module_may_not_have_a_built_in_name(site):
    site("demo-thief", "thief", "DEMO_API = 1", entry_point="thief", target="demo_saliency.other")
    assert "has the name of a built-in one" in states(discover(environ={}))["thief"][1]


def test_a_built_in_module_that_is_shadowed_is_reported(site, monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "demo_saliency")
    site("demo-shadow", "demo_saliency", good("saliency", "demo_saliency"), entry_point="shadow", target="x_none")
    reason = states(discover(environ={}))["saliency"][1]
    assert "which is not where deep-motif-dashboard keeps it" in reason
    monkeypatch.delitem(sys.modules, "demo_saliency")


def test_what_is_missing_makes_a_spec_unavailable_with_the_line_that_helps(site):
    site("demo-thing", "thing_plugin", good(more=", requires=('tensorflow_that_is_absent',), extra='tf'"))
    found = discover(environ={})
    registered = found.registry.find(Explainer, "thing")
    assert registered.missing() == ("tensorflow_that_is_absent",)
    assert registered.why_unavailable().endswith("pip install 'demo-thing[tf]'")
    with pytest.raises(UsageProblem, match="not installed"):
        registered.load()
    assert not found.problems()


def test_a_target_that_cannot_be_imported_names_its_plugin(site):
    site("demo-thing", "thing_plugin", good().replace("thing_plugin:Thing", "thing_plugin:Nothing"))
    with pytest.raises(PluginError, match=r"'thing_plugin' \(demo-thing 1.0\) cannot be loaded"):
        discover(environ={}).registry.find(Explainer, "thing").load()


def test_hooks_may_take_default_arguments(site):
    site("demo-thing", "thing_plugin", good().replace("(register):", "(register, extra=None):"))
    found = discover(environ={})
    assert states(found)["thing_plugin"][0] == "active", found.problems()


ALL_HOOKS = """
    from demo_core import Architecture, Command, DatasetReader, Explainer, hookimpl
    DEMO_API = 1
    like = {"target": "all_hooks:Thing", "summary": "A thing."}
    @hookimpl
    def register_architectures(register): register(Architecture(name="a", **like))
    @hookimpl
    def register_datasets(register): register(DatasetReader(name="d", **like))
    @hookimpl
    def register_explainers(register): register(Explainer(name="e", kind="attribution", **like))
    @hookimpl
    def register_commands(register): register(Command(name="c", **like))
"""


def test_each_hook_brings_its_kind_of_spec(site):
    from demo_core.plugins.specs import Command, DatasetReader

    site("demo-all", "all_hooks", ALL_HOOKS)
    registry = discover(environ={}).registry
    for kind, name in ((Architecture, "a"), (DatasetReader, "d"), (Explainer, "e"), (Command, "c")):
        assert registry.find(kind, name).owner.distribution == "demo-all"


def test_a_hook_takes_its_own_kind_alone(site):
    site("demo-all", "all_hooks", ALL_HOOKS.replace("register(Command(name", "register(DatasetReader(name"))
    (problem,) = discover(environ={}).problems()
    assert "register_commands takes Command(...), not DatasetReader" in problem


def test_a_distribution_that_is_half_removed_costs_one_line(tmp_path, site):
    ghost = tmp_path / "ghost-1.0.dist-info"
    ghost.mkdir()
    (ghost / "entry_points.txt").write_text("[demo_core]\nghost = ghost_module\n")
    found = discover(environ={})
    assert states(found)["ghost"][0] == "failed"
    assert states(found)["cnn"][0] == "active"


def test_two_local_files_of_one_module_name_are_not_mixed_up(tmp_path):
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "mine.py")
        paths[-1].write_text(textwrap.dedent(good(f"thing-{folder}", "demo_local_mine")))
    found = discover(paths, environ={})
    assert [c.state for c in found.candidates if c.owner.origin == "local file"] == ["active", "failed"]
    assert "rename one of the files" in found.problems()[0]
    assert found.registry.find(Explainer, "thing-a").load().__module__ == "demo_local_mine"
    disabled = discover(paths[:1], environ={"DEMO_DISABLE_PLUGINS": "mine", "DEMO_LOAD_PLUGINS": ""})
    assert [c.state for c in disabled.candidates if c.owner.origin == "local file"] == ["disabled"]


def test_names_are_compared_as_pip_compares_them(site):
    site("demo-thing", "thing_plugin", good())
    for name in ("demo_thing", "Demo.Thing", "thing-plugin"):
        assert states(discover(environ={"DEMO_DISABLE_PLUGINS": name}))["thing_plugin"][0] == "disabled"


def test_requirements_whose_parent_fails_are_missing(site, tmp_path):
    (tmp_path / "brokenpkg").mkdir()
    (tmp_path / "brokenpkg" / "__init__.py").write_text("raise RuntimeError('boom')")
    site("demo-thing", "thing_plugin", good(more=", requires=('brokenpkg.sub',)"))
    assert discover(environ={}).registry.find(Explainer, "thing").missing() == ("brokenpkg.sub",)


def test_python_finds_plugins_once_warns_once_and_again_after_a_reload(site, monkeypatch, caplog):
    from demo_core.plugins import installed, reload

    monkeypatch.delenv("DEMO_LOAD_PLUGINS")
    site("demo-broken", "broken_plugin", "raise SystemError('on purpose')")
    first = installed()
    assert installed() is first and not first.has(Explainer, "late")
    (said,) = [r.getMessage() for r in caplog.records if "broken_plugin" in r.getMessage()]
    assert said.startswith("plugin 'broken_plugin' (demo-broken 1.0) failed: SystemError: on purpose, at ")
    site("demo-late", "late_plugin", good("late", "late_plugin"))
    assert not installed().has(Explainer, "late")
    assert reload().has(Explainer, "late") and installed().has(Explainer, "late")
    monkeypatch.setenv("DEMO_DISABLE_PLUGINS", "late_plugin")
    assert not installed().has(Explainer, "late")
