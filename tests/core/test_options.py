from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_core.cli.flags import click_options
from demo_core.errors import UsageProblem
from demo_core.plugins.options import RESERVED, as_json, build, changed, check_options_class, json_schema, options_of


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
class TakesTarget:
    target: str = ""


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
        (TakesTarget, "'target' is a name that commands use"),
        (BadType, "options can be"),
        (BadDefault, "at least 1"),
        (BadMetadata, "did you mean 'minimum'"),
        (int, "not a dataclass"),
    ],
)
def test_classes_that_cannot_be_options_are_refused(cls, message):
    with pytest.raises(TypeError, match=message):
        check_options_class(cls)


def test_every_parameter_of_a_core_command_that_takes_options_is_reserved(registry):
    import click
    from demo_data import command as data
    from demo_train import command as train

    from demo_core.cli import explain
    from demo_core.plugins.specs import Architecture, DatasetReader, Explainer

    def names(params, options):
        return {p.name for p in params} - {o.name for o in options_of(options)} - {"help"}

    found = {p.name for p in data.import_.params}
    for registered in registry.all(Architecture):
        found |= names(train._command(registered, "x").params, registered.spec.options)
    for registered in registry.all(Explainer):
        found |= names(explain._command(registered, "x").params, registered.spec.options)
    assert registry.all(DatasetReader)
    assert isinstance(data.import_, click.Command)
    assert found <= RESERVED, f"not reserved: {found - RESERVED}"


def test_flags_have_help_range_and_default():
    flags = {o.name: o for o in click_options(Everything, "my-method")}
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
