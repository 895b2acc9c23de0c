"""``demo plugins``: list installed plugins, describe one, and print requirements for pip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from demo_core.cli import State, any_name, echo, emit_json, table
from demo_core.errors import ExitCode, UsageProblem, printable
from demo_core.plugins import (
    SLOW,
    Candidate,
    Command,
    Registered,
    Registry,
    describe,
    options_of,
    usage,
    variable,
)
from demo_listings.requirements import requirements_of
from demo_listings.specs import as_json_option, described


@click.command()
@as_json_option
@click.option("--check", is_flag=True, help="Exit with code 4 if a plugin failed.")
@click.option(
    "--show",
    "name",
    metavar="NAME",
    shell_complete=any_name,
    help="Show details of a plugin, or of something that it registers.",
)
@click.option("--requirements", is_flag=True, help="Print a requirements file that installs the same plugins.")
@click.pass_context
def plugins(ctx: click.Context, as_json: bool, check: bool, name: str | None, requirements: bool) -> None:
    """List plugins and their state."""
    if sum((check, name is not None, requirements)) > 1:
        raise UsageProblem("--check, --show and --requirements are asked for one at a time")
    state: State = ctx.obj
    if name is not None:
        _show(state, name, as_json)
        return
    found = state.discovery
    if requirements:
        lines = requirements_of(found)
        if as_json:
            remarks = [line[2:] for line in lines if line.startswith("# ")]
            emit_json({"version": 1, "requirements": [n for n in lines if not n.startswith("# ")], "remarks": remarks})
        else:
            echo("\n".join(lines))
        return
    rows = [_plugin(c, found.registry) for c in found.candidates]
    if as_json:
        emit_json({"version": 1, "plugins": rows, "conflicts": found.registry.conflicts()})
    else:
        columns = ("name", "kind", "registers", "distribution", "version", "origin", "state")
        shown = [
            [r["name"], ", ".join(r["kinds"]), ", ".join(r["registers"]), r["distribution"], _short(r["version"]),
             r["origin"], _state(r)]
            for r in rows
        ]  # fmt: skip
        table(columns, shown)
    if check and any(r["state"] == "failed" or r["refused"] for r in rows):
        ctx.exit(ExitCode.PLUGIN)


def _plugin(candidate: Candidate, registry: Registry) -> dict[str, Any]:
    owner, specs = candidate.owner, candidate.specs
    state, reason = candidate.state, candidate.reason
    lacking = [w for s in specs if (w := Registered(s, owner).why_unavailable())]
    if state == "active" and specs and len(lacking) == len(specs):
        state = "unavailable"
    if lacking:
        reason = "; ".join(dict.fromkeys(lacking))
    return {
        "name": printable(owner.entry_point, 60),
        "kinds": sorted({s.what for s in specs}),
        "registers": [s.name for s in specs],
        "distribution": printable(owner.distribution, 60),
        "version": owner.version,
        "origin": owner.origin,
        "module": printable(candidate.module),
        "state": state,
        "reason": printable(reason, 400),
        "shadowed": [registry.qualified(r) for s in specs if registry.shadowed(r := Registered(s, owner))],
        "refused": [printable(text, 400) for text in candidate.refused],
        "seconds": round(candidate.seconds, 3),
    }


def _state(row: dict[str, Any]) -> str:
    notes = []
    if row["refused"] and row["state"] == "active":
        notes.append(f"skipped: {'; '.join(row['refused'])}")
    if row["shadowed"]:
        notes.append("a built-in spec has the plain name; use " + ", ".join(row["shadowed"]))
    if row["seconds"] >= SLOW:
        notes.append(f"takes {row['seconds']:.1f} s to import")
    return ", ".join([str(row["state"]), *notes]) + (f": {row['reason']}" if row["reason"] else "")


def _short(version: str) -> str:
    return version[:19] if version.startswith("sha256:") else printable(version, 30)


def _show(state: State, name: str, json_wanted: bool) -> None:
    registry = state.registry
    found = state.meant(name)
    about = [described(registry, r) for r in found]
    if json_wanted:
        emit_json({"version": 1, "specs": about})
        return
    for i, (registered, one) in enumerate(zip(found, about, strict=True)):
        if i:
            echo()
        for line in _lines(registered, one):
            echo(printable(line, 1000))


def _lines(registered: Registered[Any], about: dict[str, Any]) -> Iterator[str]:
    spec = registered.spec
    yield f"{spec.what} {about['name']}: {spec.summary}"
    rows = {
        "plugin": f"{registered.owner.describe()}, {registered.owner.origin}",
        "state": about["why_unavailable"] or "available",
        "kind": about.get("kind"),
        "channels": ", ".join(about.get("channels", ())),
        "values": _values(registered),
        "provides": ", ".join(about.get("provides", ())),
        "needs": ", ".join(about.get("needs", ())),
        "suffixes": " ".join(about.get("suffixes", ())),
        "requires": ", ".join(spec.requires),
        "paper": about["paper"],
        "docs": about["docs"],
        "report to": about["report"],
    }
    yield from (f"  {title + ':':<10} {text}" for title, text in rows.items() if text)
    if isinstance(spec, Command):
        yield f"  options:   demo {about['name']} --help"
    elif options := options_of(spec.options):
        yield "  options:"
        for option in options:
            yield f"    {usage(option, spec.name)}   ({variable(spec.name, option)})"
            yield f"        {describe(option)}"


def _values(registered: Registered[Any]) -> str:
    spec = registered.spec
    if getattr(spec, "kind", "") != "attribution":
        return ""
    adds_up = "; they sum to the target minus its baseline" if spec.adds_up else ""
    return ("of every letter" if spec.hypothetical else "of the base that is present") + adds_up
