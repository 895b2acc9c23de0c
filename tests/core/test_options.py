from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from demo_listings.json_schema import json_schema
from hypothesis import given
from hypothesis import strategies as st

from demo_core.cli.flags import click_options
from demo_core.errors import PluginError, Unsuitable, UsageProblem
from demo_core.plugins.options import as_json, build, changed, check_options_class, options_of


@dataclass(frozen=True)
class Everything:
    needed: int = field(metadata={"help": "A number."})
    flag: bool = False
    count: int = field(default=3, metadata={"minimum": 1, "maximum": 10})
    rate: float = 0.5
    word: str = "x"
    mode: Literal["a", "b"] = "a"
    place: Path | None = None
    many: tuple[int, ...] = (1, 2)
    pair: tuple[float, float] = (0.0, 1.0)


def test_values_come_out_as_the_types_they_should_have():
    options = build(Everything, {"needed": 1, "rate": 2, "place": "a/b", "many": [4], "pair": [1, 2]}, "x")
    assert options == Everything(1, rate=2.0, place=Path("a/b"), many=(4,), pair=(1.0, 2.0))
    assert type(options.rate) is float


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "needs --needed"),
        ({"needed": 1, "cuont": 2}, "did you mean 'count'"),
        ({"needed": "a"}, "expected integer, got 'a'"),
        ({"needed": True}, "expected integer"),
        ({"needed": 1, "count": 0}, "at least 1"),
        ({"needed": 1, "count": 11}, "at most 10"),
        ({"needed": 1, "rate": float("nan")}, "finite"),
        ({"needed": 1, "mode": "c"}, "unknown choice 'c'"),
        ({"needed": 1, "pair": [1]}, "expected 2 values"),
        ({"needed": 1, "many": "12"}, "expected a list"),
    ],
)
def test_bad_values_are_refused_with_a_reason(values, message):
    with pytest.raises(UsageProblem, match=message):
        build(Everything, values, "explainer 'x'")


@given(
    st.builds(
        Everything,
        needed=st.integers(),
        flag=st.booleans(),
        count=st.integers(1, 10),
        rate=st.floats(allow_nan=False, allow_infinity=False),
        word=st.text(),
        mode=st.sampled_from(["a", "b"]),
        many=st.lists(st.integers()).map(tuple),
    )
)
def test_json_round_trips(options):
    assert build(Everything, as_json(options), "x") == options


@given(st.integers(-10, 10), st.lists(st.integers(-9, 9), min_size=1), st.floats(-9, 9))
def test_what_is_typed_is_what_json_says(needed, many, rate):
    known = {o.name: o for o in options_of(Everything)}
    assert known["needed"].parse(str(needed)) == needed
    assert known["many"].parse(",".join(map(str, many))) == tuple(many)
    assert known["rate"].parse(repr(rate)) == rate


def test_changed_names_what_is_not_the_default():
    assert changed(build(Everything, {"needed": 1, "count": 3, "many": [1]}, "x")) == {"needed": 1, "many": [1]}


@dataclass
class NotFrozen:
    a: int = 1


@dataclass(frozen=True)
class BadType:
    a: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BadDefault:
    a: int = field(default=0, metadata={"minimum": 1})


@dataclass(frozen=True)
class BadMetadata:
    a: int = field(default=0, metadata={"minimun": 1})


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (NotFrozen, "frozen"),
        (BadType, "options can be"),
        (BadDefault, "at least 1"),
        (BadMetadata, "did you mean 'minimum'"),
        (int, "not a dataclass"),
    ],
)
def test_classes_that_cannot_be_options_are_refused(cls, message):
    with pytest.raises(TypeError, match=message):
        check_options_class(cls)


def test_flags_have_help_range_and_default():
    flags = {o.field: o for o in click_options(Everything, "my-method")}
    assert flags["count"].help == "[1 to 10; default: 3]"
    assert flags["flag"].secondary_opts == ["--no-flag"]
    assert flags["count"].envvar == "DEMO_MY_METHOD_COUNT"
    assert flags["needed"].required


def test_json_schema_says_what_is_allowed():
    schema = json_schema(Everything)
    assert schema["required"] == ["needed"]
    assert schema["properties"]["count"] == {"type": "integer", "minimum": 1, "maximum": 10, "default": 3}
    assert schema["properties"]["place"] == {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    assert schema["properties"]["pair"]["minItems"] == 2
    assert schema["additionalProperties"] is False


@dataclass(frozen=True)
class Picky:
    how: str = "refuses"

    def __post_init__(self):
        if self.how == "refuses":
            raise ValueError("--how is not good")
        if self.how == "unsuitable":
            raise Unsuitable("--how is unsuitable")
        if self.how == "library":
            json.loads("{")  # raises JSONDecodeError, a ValueError
        if self.how == "python":
            int("not a number")


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("refuses", UsageProblem, "explainer 'x': --how is not good"),
        ("unsuitable", UsageProblem, "explainer 'x': --how is unsuitable"),
        ("library", PluginError, r"of explainer 'x' failed: JSONDecodeError: .*test_options.py:\d+ in __post_init__"),
        ("python", PluginError, "options of explainer 'x' failed: ValueError: invalid literal"),
    ],
)
def test_only_the_class_itself_refuses(how, kind, message):
    with pytest.raises(kind, match=message):
        build(Picky, {"how": how}, "explainer 'x'")


COLLIDES = """
from dataclasses import dataclass
from demo_core import Explainer, Result, hookimpl
DEMO_API = 1
@dataclass(frozen=True)
class Own:
    limit: int = 7
    force: bool = False
    plain: int = 1
@hookimpl
def register_explainers(register):
    register(Explainer(name="own", target="demo_local_own:Probe", kind="attribution", summary="Own.", options=Own))
class Probe:
    def __init__(self, options): self.options = options
    def explain(self, model, batch, target): return Result(batch.x)
"""


def test_a_flag_that_the_command_has_stays_the_commands(here, trained, demo, monkeypatch):
    from demo_core.results.explanation import Explanation

    (here / "own.py").write_text(COLLIDES)
    line = ["--plugin", "own.py", "explain", "own", trained / "one", trained / "data.h5", "-o", "ex"]

    def options(name):
        with Explanation.open(here / f"ex/{name}.h5") as found:
            return len(found), found.provenance.options

    assert demo(*line, "--limit", 3, "--own-limit", 5, "--own-force", "--own-plain", 2, "--name", "a")[0] == 0
    assert options("a") == (3, {"limit": 5, "force": True, "plain": 2})
    (here / "c.toml").write_text("limit = 2\n[own]\nlimit = 4\nplain = 3\n")
    assert demo(*line, "--config", "c.toml", "--name", "b")[0] == 0
    assert options("b") == (2, {"limit": 4, "force": False, "plain": 3})
    (here / "d.toml").write_text('limit = 2\n["own:own"]\nplain = 6\n')  # another name of this explainer
    assert demo(*line, "--config", "d.toml", "--name", "d")[0] == 0
    assert options("d") == (2, {"limit": 7, "force": False, "plain": 6})
    monkeypatch.setenv("DEMO_OWN_LIMIT", "9")
    assert demo(*line, "--limit", 1, "--name", "c")[0] == 0
    assert options("c") == (1, {"limit": 9, "force": False, "plain": 1})
    _, out, _ = demo(*line[:4], "--help")
    assert "--own-limit INTEGER" in out and "--plain INTEGER" in out and "--own-plain" not in out
    code, _, err = demo(*line, "--plain", "x")
    assert code == 2 and "Invalid value for '--plain'" in err
