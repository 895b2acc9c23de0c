"""Run the conformance checks of a name, and report the results."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import any_name, echo, emit_json, say, suggest
from demo_core.errors import ExitCode, UsageProblem, printable, unknown_name
from demo_core.plugins import Registered, Registry, build, from_settings, options_of

if TYPE_CHECKING:
    from demo_core.cli import State
    from demo_core.models import Model
    from demo_core.testing import Check


#: How a checked plugin is used; NAME is its own name
_USE = {
    "architecture": ("train", "NAME", "DATA", "-o", "models/mine"),
    "reader": ("data", "import", "SOURCE", "--reader", "NAME", "-o", "data.h5"),
    "explainer": ("explain", "NAME", "MODEL", "DATA", "-o", "explanations"),
}


@click.command()
@click.argument("name", shell_complete=any_name)
@click.option("--option", "settings", multiple=True, metavar="NAME=VALUE", help="Option of the plugin. Repeatable.")
@click.option("--model", type=click.Path(path_type=Path), metavar="FOLDER", help="Model to check an explainer on.")
@click.option("--length", type=click.IntRange(min=1), default=60, show_default=True, metavar="N",
              help="Input length in bases for checks of an architecture.")  # fmt: skip
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check. Repeatable.")
@click.option("--expected-failure", "expected", multiple=True, metavar="CHECK=REASON",
              help="Mark a check as a known failure. If it passes, it counts as failed. Repeatable.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    ctx: click.Context, name: str, settings: tuple[str, ...], model: Path | None, length: int,
    only: tuple[str, ...], expected: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Check a plugin, or one component of it, against the contract.

    NAME is an architecture, reader, explainer or command. A plugin or distribution name checks all that it registers.
    Use ENTRYPOINT:NAME if several plugins use the name. The exit code is 4 if a check fails. docs/contract.md explains
    the rules.

    \b
    Example, for a local file:
      demo --plugin mymethod.py check mymethod
    """
    state: State = ctx.obj
    found = state.meant(name)
    lacking = [r for r in found if r.missing()]
    if len(lacking) == len(found):
        raise UsageProblem(f"{found[0].spec.what} '{found[0].spec.name}' {found[0].why_unavailable()}")
    for registered in lacking:
        say(f"demo: {registered.spec.what} '{registered.spec.name}' is skipped: it {registered.why_unavailable()}")
    found = [r for r in found if r not in lacking]
    known = {option.name for r in found for option in options_of(r.spec.options)}
    for setting in settings:
        _check_setting(setting, known, name)
    make_model = _maker(state.registry, model)
    checks = [c for r in found for c in _checks_of(r, settings, make_model, length)]
    if unknown := [word for word in only if word not in {c.name for c in checks}]:
        raise UsageProblem(unknown_name("check", unknown[0], {c.name for c in checks}))
    reasons = _reasons(expected, {c.name for c in checks})
    chosen = [replace(c, expected_failure=reasons.get(c.name, "")) for c in checks if not only or c.name in only]
    rows = list(_results(chosen, quiet=as_json))
    failed = sum(row["result"] == "failed" for row in rows)
    if as_json:
        emit_json({"version": 1, "checks": rows})
    else:
        passed = sum(row["result"] == "passed" for row in rows)
        foreseen = sum(row["result"] == "expected" for row in rows)
        rest = f"{foreseen} failed as expected, " if foreseen else ""
        say(f"{passed} passed, {failed} failed, {rest}{len(rows) - passed - failed - foreseen} do not apply")
    if failed:
        ctx.exit(ExitCode.PLUGIN)
    if not as_json and (use := _USE.get(found[0].spec.what)):
        suggest("demo", *(state.registry.qualified(found[0]) if word == "NAME" else word for word in use))


def _checks_of(
    registered: Registered[Any], settings: Sequence[str], model: Callable[[], Model] | None, length: int
) -> list[Check]:
    from demo_core.testing import checks_for

    spec, of = registered.spec, f"{registered.spec.what} '{registered.spec.name}'"
    own = {option.name for option in options_of(spec.options)}
    given = from_settings(spec.options, [s for s in settings if _name_in(s) in own], of)
    if all(option.name in given for option in options_of(spec.options) if option.required):
        build(spec.options, given, of)  # that its values fit together
    return checks_for(registered, options=given, model=model, length=length)


def _reasons(expected: Sequence[str], known: set[str]) -> dict[str, str]:
    """Return the reasons of known failures, by name of the check. Raises UsageProblem."""
    reasons = {}
    for text in expected:
        name, equals, why = text.partition("=")
        if not equals or not why.strip():
            raise UsageProblem(f"--expected-failure: expected CHECK=REASON, got '{printable(text, 60)}'")
        if name not in known:
            raise UsageProblem("--expected-failure: " + unknown_name("check", name, known))
        reasons[name] = why.strip()
    return reasons


def _name_in(setting: str) -> str:
    return setting.partition("=")[0].strip().replace("-", "_")


def _check_setting(setting: str, known: set[str], name: str) -> None:
    """Raise UsageProblem unless something that is checked has this option."""
    if "=" not in setting:
        raise UsageProblem(f"{name}: '{printable(setting, 60)}' is not NAME=VALUE")
    if _name_in(setting) not in known:
        raise UsageProblem(f"{name}: {unknown_name('option', setting.partition('=')[0], known)}")


def _maker(registry: Registry, folder: Path | None) -> Callable[[], Model] | None:
    if folder is None:
        return None
    from demo_core.models import Model

    first = Model.load(folder, registry=registry)
    if len(first.outputs) > 1:
        raise UsageProblem(f"{folder} has {len(first.outputs)} targets; give a model with one target")
    return lambda: Model.load(folder, registry=registry)


def _results(checks: Sequence[Check], *, quiet: bool) -> Iterator[dict[str, str]]:
    from demo_core.testing import DoesNotApply

    logging.getLogger().addHandler(logging.NullHandler())  # a reader's remarks on its own example are not needed here
    for one in checks:
        try:
            with redirect_stdout(sys.stderr):  # output of a plugin is no result
                one()
            result, why = "passed", ""
            if one.expected_failure:
                result, why = (
                    "failed",
                    f"  it passes, but was expected to fail ({one.expected_failure}); remove the expected failure",
                )
        except DoesNotApply as error:
            result, why = "nothing", str(error)
        except AssertionError as error:
            result, why = "failed", str(error).partition("\n")[2]
            if one.expected_failure:
                result, why = "expected", one.expected_failure
        if not quiet:
            mark = {"passed": "ok    ", "failed": "FAILED", "nothing": "-     ", "expected": "known "}[result]
            echo(f"{mark}  {one}" + (f"  ({printable(why)})" if result in ("nothing", "expected") else ""))
            if result == "failed":
                echo("\n".join(printable(line, 500) for line in why.split("\n")))
        yield {"spec": one.spec, "check": one.name, "result": result, "why": why}
