"""``demo plugins``, ``demo architectures``, ``demo readers`` and ``demo explainers``."""

from __future__ import annotations

from typing import Any

import click

from demo_core.cli.group import State
from demo_core.cli.output import emit_json, table
from demo_core.errors import ExitCode, printable
from demo_core.options import json_schema
from demo_core.plugins import Candidate, discover
from demo_core.registry import Registered
from demo_core.specs import AnySpec, Architecture, DatasetReader, Explainer

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@as_json
@click.option("--check", is_flag=True, help="Exit with 4 if a plugin failed.")
@click.pass_context
def plugins(ctx: click.Context, as_json: bool, check: bool) -> None:
    """List plugins and their state."""
    state: State = ctx.obj
    found = discover(state.files, exact=True) if check else state.discovery
    rows = [_plugin(c) for c in found.candidates]
    if as_json:
        emit_json({"version": 1, "plugins": rows, "conflicts": found.registry.conflicts()})
    else:
        columns = ("name", "kind", "registers", "distribution", "version", "origin", "state")
        shown = [
            [r["name"], ", ".join(r["kinds"]), ", ".join(r["registers"]), r["distribution"], _short(r["version"]),
             r["origin"], r["state"] + (f": {r['reason']}" if r["reason"] else "")]
            for r in rows
        ]  # fmt: skip
        table(columns, shown)
    if check and any(r["state"] == "failed" for r in rows):
        ctx.exit(ExitCode.PLUGIN)


@click.command()
@as_json
@click.pass_context
def architectures(ctx: click.Context, as_json: bool) -> None:
    """List the networks that can be trained."""
    _list(ctx, Architecture, as_json, "provides")


@click.command()
@as_json
@click.pass_context
def readers(ctx: click.Context, as_json: bool) -> None:
    """List the file formats that can be imported."""
    _list(ctx, DatasetReader, as_json, "suffixes")


@click.command()
@as_json
@click.pass_context
def explainers(ctx: click.Context, as_json: bool) -> None:
    """List the ways of explaining."""
    _list(ctx, Explainer, as_json, "needs")


def _list(ctx: click.Context, kind: Any, json_wanted: bool, detail: str) -> None:
    state: State = ctx.obj
    found: list[Registered[Any]] = state.registry.all(kind)
    if json_wanted:
        emit_json([_spec(state, r, detail) for r in found])
        return
    rows = []
    for registered in found:
        spec = registered.spec
        words = list(getattr(spec, detail)) if detail == "suffixes" else sorted(getattr(spec, detail))
        first = [state.registry.qualified(registered)] + ([spec.kind] if kind is Explainer else [])
        note = registered.why_unavailable()
        rows.append([*first, ", ".join(words), spec.summary + (f" (unavailable: {note})" if note else "")])
    heads = ["name", "kind"] if kind is Explainer else ["name"]
    table((*heads, detail, "summary"), rows)


def _spec(state: State, registered: Registered[Any], detail: str) -> dict[str, Any]:
    spec = registered.spec
    listed = {
        "name": state.registry.qualified(registered),
        "summary": spec.summary,
        detail: list(getattr(spec, detail)) if detail == "suffixes" else sorted(getattr(spec, detail)),
        **registered.owner.as_json(),
        "available": not registered.missing(),
        "why_unavailable": registered.why_unavailable(),
        "options": json_schema(spec.options),
    }
    if isinstance(spec, Explainer):
        listed |= {"kind": spec.kind, "channels": list(spec.channels), "hypothetical": spec.hypothetical}
    return listed


def _plugin(candidate: Candidate) -> dict[str, Any]:
    owner, specs = candidate.owner, candidate.specs
    state, reason = candidate.state, candidate.reason
    lacking = [w for s in specs if (w := Registered(s, owner).why_unavailable())]
    if state == "active" and specs and len(lacking) == len(specs):
        state = "unavailable"
    if lacking:
        reason = "; ".join(dict.fromkeys(lacking))
    return {
        "name": printable(owner.entry_point, 60),
        "kinds": sorted({_kind(s) for s in specs}),
        "registers": [s.name for s in specs],
        "distribution": printable(owner.distribution, 60),
        "version": owner.version,
        "origin": owner.origin,
        "module": printable(candidate.module),
        "state": state,
        "reason": printable(reason, 400),
    }


def _kind(spec: AnySpec) -> str:
    return spec.what


def _short(version: str) -> str:
    return version[:19] if version.startswith("sha256:") else printable(version, 30)
