"""``demo architectures``, ``demo readers`` and ``demo explainers``."""

from __future__ import annotations

from typing import Any

import click

from demo_core.cli import State, emit_json, table
from demo_core.plugins import (
    AnySpec,
    Architecture,
    Command,
    DatasetReader,
    Explainer,
    Owner,
    Registered,
    Registry,
    documentation,
    place_to_report,
)
from demo_listings.json_schema import json_schema

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@as_json_option
@click.pass_context
def architectures(ctx: click.Context, as_json: bool) -> None:
    """List the network architectures."""
    _list(ctx, Architecture, as_json, "provides")


@click.command()
@as_json_option
@click.pass_context
def readers(ctx: click.Context, as_json: bool) -> None:
    """List the file formats that can be imported."""
    _list(ctx, DatasetReader, as_json, "suffixes")


@click.command()
@as_json_option
@click.pass_context
def explainers(ctx: click.Context, as_json: bool) -> None:
    """List the explainers."""
    _list(ctx, Explainer, as_json, "needs")


def _list(ctx: click.Context, kind: Any, json_wanted: bool, detail: str) -> None:
    state: State = ctx.obj
    found: list[Registered[Any]] = state.registry.all(kind)
    if json_wanted:
        emit_json({"version": 1, f"{kind.what}s": [described(state.registry, r) for r in found]})
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


def _page(spec: AnySpec, owner: Owner) -> str:
    """Return the page of this distribution's documentation for a built-in spec."""
    if owner.origin != "built-in":
        return ""
    return "docs/commands.md" if isinstance(spec, Command) else f"docs/plugins.md#{spec.what}-{spec.name}"


def described(registry: Registry, registered: Registered[Any]) -> dict[str, Any]:
    """Return a spec as plain JSON."""
    spec, owner = registered.spec, registered.owner
    listed = {
        "what": spec.what,
        "name": registry.qualified(registered),
        "summary": spec.summary,
        **owner.as_json(),
        "available": not registered.missing(),
        "why_unavailable": registered.why_unavailable(),
        "requires": list(spec.requires),
        "paper": spec.paper,
        "docs": spec.docs or documentation(owner.distribution) or _page(spec, owner),
        "report": place_to_report(owner.distribution),
        "options": json_schema(spec.options),
    }
    if isinstance(spec, Architecture):
        listed |= {"provides": sorted(spec.provides), "training": dict(spec.training)}
    elif isinstance(spec, DatasetReader):
        listed |= {"suffixes": list(spec.suffixes)}
    elif isinstance(spec, Explainer):
        listed |= {"needs": sorted(spec.needs), "kind": spec.kind, "channels": list(spec.channels)}
        listed |= {"hypothetical": spec.hypothetical, "adds_up": spec.adds_up}
    return listed
