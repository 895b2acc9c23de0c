"""The contract changes, and a plugin that was written before goes on working, with a warning."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import demo_core
from demo_core import hookspecs, plugins
from demo_core.deprecation import PluginDeprecation, TakesOlderNames, renamed_fields
from demo_core.plugins import discover
from demo_core.specs import Explainer

OLD = """
    from demo_core import Explainer, hookimpl
    DEMO_API = 1
    @hookimpl
    def register_explainers(register):
        register(Explainer(name="older", target="old_plugin:Old", kind="attribution", SUMMARY="Of old."))
    class Old:
        def __init__(self, options): pass
        def explain(self, model, batch, target): return batch.x
"""
NEW = OLD.replace("register", "add").replace("add_explainers", "register_explainers").replace("old", "new")


def candidate(found, name="old_plugin"):
    (one,) = [c for c in found.candidates if c.owner.entry_point == name]
    return one


@pytest.fixture
def renamed(monkeypatch):
    """What the core would be with the field ``headline`` renamed to ``summary``."""

    @renamed_fields(headline="summary")
    @dataclass(frozen=True, kw_only=True)
    class Renamed(Explainer):
        pass

    monkeypatch.setattr(demo_core, "Explainer", Renamed)
    return Renamed


def test_a_renamed_field_is_still_taken_and_read(site, renamed, demo, monkeypatch, trained, tmp_path):
    site("demo-old", "old_plugin", OLD.replace("SUMMARY", "headline"))
    with pytest.warns(PluginDeprecation, match="Renamed: the field 'headline' is now called 'summary'") as seen:
        found = discover(environ={})
    assert seen[0].filename.endswith("old_plugin.py")
    one = candidate(found)
    assert (one.state, one.specs[0].summary) == ("active", "Of old.")
    with pytest.warns(PluginDeprecation, match="now called 'summary'"):
        assert one.specs[0].headline == "Of old."
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-old")
    with pytest.warns(PluginDeprecation):
        code, out, err = demo("plugins")
    assert code == 0
    assert "active, but for the next DEMO_API: Renamed: the field 'headline' is now called 'summary'" in out
    with pytest.warns(PluginDeprecation):
        listed = json.loads(demo("plugins", "--json", "--check")[1])["plugins"]
    assert [p["deprecated"] for p in listed if p["name"] == "old_plugin"] == [one.deprecated]
    with pytest.warns(PluginDeprecation):
        code, out, err = demo("explain", "older", trained / "one", trained / "data.h5", "-o", tmp_path / "out")
    assert (code, "one.older.h5" in out, "older" in err) == (0, True, False), err  # those who use it are not told


def test_a_field_of_every_spec_may_be_renamed():
    @renamed_fields(headline="summary")
    @dataclass(frozen=True, kw_only=True)
    class Base(metaclass=TakesOlderNames):
        summary: str

    @dataclass(frozen=True, kw_only=True)
    class Derived(Base):
        kind: str

    with pytest.warns(PluginDeprecation, match="Derived: the field 'headline'"):
        made = Derived(headline="a", kind="b")
    assert (made.summary, made.kind) == ("a", "b")
    with pytest.warns(PluginDeprecation):
        assert made.headline == "a"
    assert type(Explainer) is TakesOlderNames


def test_both_names_of_a_field_are_one_too_many(renamed):
    with pytest.raises(TypeError, match="'headline' is the older name of 'summary': give one of them"):
        renamed(name="x", target="a:b", kind="attribution", summary="a", headline="b")


def test_nothing_warns_where_nothing_is_old(recwarn):
    assert [c.deprecated for c in discover(environ={"DEMO_LOAD_PLUGINS": ""}).candidates if c.deprecated] == []
    assert [w for w in recwarn if w.category is PluginDeprecation] == []


def test_an_argument_is_added_to_a_hook_and_takes_the_place_of_another(site, monkeypatch):
    site("demo-old", "old_plugin", OLD.replace("SUMMARY", "summary"))
    site("demo-new", "new_plugin", NEW.replace("SUMMARY", "summary"))

    @hookspecs.hookspec
    def register_explainers(register, add):
        """Register ways of explaining."""

    given = plugins._arguments
    monkeypatch.setattr(hookspecs, "register_explainers", register_explainers)
    monkeypatch.setattr(
        plugins, "_arguments",
        lambda *about: given(*about) | {"add": plugins._collector(*about)},
    )  # fmt: skip
    found = discover(environ={"DEMO_LOAD_PLUGINS": "demo-old,demo-new"})  # added: nobody has to know
    assert [(candidate(found, n).state, candidate(found, n).deprecated) for n in ("old_plugin", "new_plugin")] == [
        ("active", []), ("active", []),
    ]  # fmt: skip
    for module in ("old_plugin", "new_plugin"):
        del sys.modules[module]
    monkeypatch.setattr(plugins, "OLDER_ARGUMENTS", {("register_explainers", "register"): "add"})
    said = "register_explainers: 'add' takes the place of the argument 'register'"
    with pytest.warns(PluginDeprecation, match=said) as seen:
        found = discover(environ={"DEMO_LOAD_PLUGINS": "demo-old,demo-new"})
    assert [(Path(w.filename).name, w.lineno) for w in seen if "old_plugin" in w.filename] == [("old_plugin.py", 4)]
    assert {c.owner.entry_point for c in found.candidates if c.deprecated} == {
        "old_plugin", "saliency", "temporal", "class-optimization",  # whose hook it is, and no other's
    }  # fmt: skip
    assert candidate(found).state == "active"
    assert len(candidate(found).deprecated) == 1
    assert candidate(found, "new_plugin").deprecated == []
    assert found.registry.has(Explainer, "older") and found.registry.has(Explainer, "newer")


def test_a_plugin_built_for_the_version_before_works_for_one_version_more(site, monkeypatch):
    site("demo-old", "old_plugin", OLD.replace("SUMMARY", "summary"))
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-old")
    monkeypatch.setattr(plugins, "API", 2)
    assert (
        "was built for DEMO_API 1; this is DEMO_API 2: a newer version of it is needed" in candidate(discover()).reason
    )
    monkeypatch.setattr(plugins, "OLDER_APIS", (1,))
    with pytest.warns(PluginDeprecation, match="built for DEMO_API 1; this is DEMO_API 2") as seen:
        found = discover()
    assert "old_plugin.py" in {Path(w.filename).name for w in seen}
    assert candidate(found).state == "active"
    monkeypatch.setattr(plugins, "API", 0)
    monkeypatch.setattr(plugins, "OLDER_APIS", ())
    assert "a newer deep-motif-dashboard is needed" in candidate(discover()).reason
