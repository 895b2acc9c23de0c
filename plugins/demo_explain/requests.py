"""Settings of ``demo explain`` from the command line and a config file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import click

from demo_core.cli import PluginOption, State
from demo_core.errors import UsageProblem, printable, unknown_name
from demo_core.plugins import Explainer
from demo_core.sequences import text_lines


@dataclass(frozen=True)
class Request:
    """Options common to all explainers; those about data are absent for patterns."""

    output: Path
    target: str | None
    name: str | None
    force: bool
    seed: int
    device: str
    split: str | None = None
    limit: int | None = None
    ids: str | None = None
    only_positive: bool = False
    average_strands: bool = False
    batch_size: int | None = None
    reader: str | None = None
    without: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    #: Files of this command, in the order of creation
    made: list[Path] = field(default_factory=list)


def load_config(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Read a TOML file as defaults: below flags and the environment, above the built-in defaults."""
    if path is None:
        return
    try:
        if not path.exists():
            raise UsageProblem(f"{path}: no such config file; check --config")
        values = tomllib.loads("\n".join(line for _, line in text_lines(path)))
    except tomllib.TOMLDecodeError as error:
        raise UsageProblem(f"{path} is not TOML ({error}); correct the file") from None
    options = [p for p in ctx.command.params if isinstance(p, click.Option) and p.name not in ("config", "help")]
    own = {str(p.name): str(p.name) for p in options if not isinstance(p, PluginOption)}
    of_plugin = {p.field: str(p.name) for p in options if isinstance(p, PluginOption)}
    # one file serves several explainers, including those that read no data
    known = {one.name: one.name for one in fields(Request) if one.name != "made"} | {"except": "without"}
    flat = {key: value for key, value in values.items() if not isinstance(value, dict)}
    registry, tables = state_of(ctx).registry, dict[str, dict[str, Any]]()
    for table, value in values.items():
        if isinstance(value, dict):
            if not registry.has(Explainer, table):
                raise UsageProblem(f"{path}: " + unknown_name("table", table, registry.names(Explainer)))
            # under one name per explainer, since [saliency:saliency] is another name of [saliency]
            tables.setdefault(registry.qualified(registry.find(Explainer, table)), {}).update(value)
    ctx.meta["demo.tables"] = tables
    # in an explainer's own table its options have precedence, elsewhere those of the command
    given = _named(path, flat, {**known, **of_plugin, **own})
    name = str(ctx.command.name)
    if registry.has(Explainer, name):
        name = registry.qualified(registry.find(Explainer, name))
    given |= _named(path, tables.get(name, {}), {**known, **own, **of_plugin})
    if isinstance(given.get("ids"), list):
        given["ids"] = ",".join(map(str, given["ids"]))
    _check_kinds(options, path, given)
    ctx.default_map = {**(ctx.default_map or {}), **{p.name: given[p.name] for p in options if p.name in given}}


def _named(path: Path, settings: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """Return settings of a file by the names of their parameters."""
    plain = {key.replace("-", "_"): value for key, value in settings.items()}
    for key in plain:
        if key not in known:
            raise UsageProblem(f"{path}: " + unknown_name("setting", key, known))
    return {known[key]: value for key, value in plain.items()}


def _check_kinds(options: list[click.Option], path: Path, given: dict[str, Any]) -> None:
    """Raise UsageProblem on a setting of the wrong type: click accepts true for 1, and fails on 5 as a switch."""
    for param in options:
        if param.name not in given:
            continue
        name = param.field if isinstance(param, PluginOption) else param.name
        value, shown = given[param.name], f"{printable(path)}: {printable(name, 40)}"
        if param.is_flag and not isinstance(value, bool):
            raise UsageProblem(f"{shown} must be true or false, not {printable(repr(value), 40)}")
        if not param.is_flag and isinstance(value, bool):
            raise UsageProblem(f"{shown} takes a value, not {str(value).lower()}")
        if isinstance(value, list) and not param.multiple:
            raise UsageProblem(f"{shown} takes one value, not a list")
        if isinstance(param.type, click.types.IntParamType | click.IntRange) and not isinstance(value, int | str):
            raise UsageProblem(f"{shown} must be a whole number, not {printable(repr(value), 40)}")


def state_of(ctx: click.Context) -> State:
    """Settings of the options before the command."""
    assert isinstance(ctx.obj, State)
    return ctx.obj
