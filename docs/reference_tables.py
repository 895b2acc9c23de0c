"""Parts of pages that are generated from the code: hooks, specs, options, checks, formats, the API."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import api_reference

from demo_core.data import dataset
from demo_core.plugins.discovery import discover
from demo_core.plugins.options import Option, describe, metavar, options_of, variable
from demo_core.plugins.specs import Architecture, Command, DatasetReader, Explainer, Spec
from demo_core.results import explanation
from demo_core.sequences.motif import read_meme
from demo_core.testing.check import rules_of
from demo_core.testing.common import CommonChecks
from demo_core.testing.conformance import CHECKS

ROOT = Path(__file__).parent.parent


def hooks() -> str:
    """The hooks, from the code."""
    text = (ROOT / "demo_core" / "plugins" / "hookspecs.py").read_text()
    return "```python\n" + text[text.index("@hookspec") :].rstrip() + "\n```"


def specs() -> str:
    """The fields of each spec, from its docstring."""
    parts = []
    for cls in (Spec, Architecture, DatasetReader, Explainer, Command):
        told = {k: api_reference.markdown(v) for k, v in _told(cls).items()}
        own = [
            f
            for f in dataclasses.fields(cls)
            if cls is Spec or f.name not in {g.name for g in dataclasses.fields(Spec)}
        ]
        assert {f.name for f in own} == set(told), f"{cls.__name__}: {told.keys()}"
        if not own:
            continue
        parts += [
            f"**{'Every spec' if cls is Spec else cls.__name__}**",
            "",
            "| field | default | description |",
            "|---|---|---|",
        ]
        parts += [f"| `{f.name}` | {_default(f)} | {_cell(told[f.name])} |" for f in own]
        parts.append("")
    return "\n".join(parts).rstrip()


def _cell(text: str) -> str:
    """Text inside a table: a vertical bar would end the cell, also in code."""
    return text.replace("|", "\\|")


def _told(cls: type) -> dict[str, str]:
    """The description of each field of a spec, from its docstring."""
    return api_reference.parameters(api_reference.sections(cls.__doc__ or "").get("Parameters", ""))


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "required"
    if isinstance(value, bool):
        return f"`{value}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return "none" if not value or isinstance(value, type) else f"`{', '.join(value)}`"


def checks() -> str:
    """The checks of the conformance kit."""
    rows = ["| of | check | expected |", "|---|---|---|"]
    shared = {rule.name for rule, _ in rules_of(CommonChecks)}
    rows += [f"| every spec | `{rule.name}` | {rule.expected} |" for rule, _ in rules_of(CommonChecks)]
    for kind, of_kind in CHECKS.items():
        rows += [
            f"| {kind.what} | `{rule.name}` | {rule.expected} |"
            for rule, _ in rules_of(of_kind)
            if rule.name not in shared
        ]
    return "\n".join(rows)


def options() -> str:
    """Each built-in architecture, reader and explainer with its options."""
    registry = discover(environ={"DEMO_LOAD_PLUGINS": ""}).registry
    lines: list[str] = []
    for title, kind in (("Architectures", Architecture), ("Readers", DatasetReader), ("Explainers", Explainer)):
        lines += [f"## {title}", ""]
        for registered in registry.all(kind):
            spec = registered.spec
            facts = [f"Paper: {spec.paper}."] if spec.paper else []
            facts += [f"Offers {_words(spec.provides)}."] if kind is Architecture else []
            if kind is DatasetReader and spec.suffixes:
                facts.append(f"Suffixes: {_words(spec.suffixes)}.")
            facts += [f"Kind {spec.kind}; needs {_words(spec.needs)}."] if kind is Explainer else []
            lines += [f"### {spec.what.capitalize()} {spec.name}", "", spec.summary, "", " ".join(facts), ""]
            rows = [
                f"| `{o.flag}` | {_values(o)} | {describe(o)} | `{variable(spec.name, o)}` |"
                for o in options_of(spec.options)
            ]
            if rows:
                lines += ["| option | value | what it does | environment |", "|---|---|---|---|", *rows, ""]
            else:
                lines += ["No options.", ""]
    return "\n".join(lines).rstrip()


def _values(option: Option) -> str:
    if option.is_switch:
        return "on or off"
    return " or ".join(f"`{word}`" for word in metavar(option).split("|"))


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words)) or "nothing"


def plugin_commands() -> str:
    """The commands that built-in plugins bring."""
    registry = discover(environ={"DEMO_LOAD_PLUGINS": ""}).registry
    rows = ["| command | what it does | plugin |", "|---|---|---|"]
    rows += [f"| `demo {r.spec.name}` | {r.spec.summary} | `{r.owner.entry_point}` |" for r in registry.all(Command)]
    return "\n".join(rows)


def fields() -> str:
    """The datasets of the HDF5 formats of the core."""

    def table(of: dict[str, object]) -> list[str]:
        rows = ["| dataset | type | axes | required |", "|---|---|---|---|"]
        for name, field in of.items():
            there = "yes" if field.required else "no"  # type: ignore[attr-defined]
            rows.append(f"| `{name}` | {field.dtype} | {field.axes} | {there} |")  # type: ignore[attr-defined]
        return rows

    more = {n: f for n, f in explanation.FIELDS.items() if n not in dataset.FIELDS}
    return "\n".join(
        ["Datasets:", "", *table(dataset.FIELDS), "", "Explanations have these as well:", "", *table(more)]
    )


def motifs() -> str:
    """The matrices that the planted reader brings."""
    rows = ["| name | id | bases |", "|---|---|---|"]
    found = read_meme(ROOT / "plugins" / "demo_planted" / "jaspar.meme")
    return "\n".join(rows + [f"| {m.name} | {m.id} | {len(m)} |" for m in found])


TABLES: dict[str, Callable[[], str]] = {
    "hooks": hooks,
    "specs": specs,
    "checks": checks,
    "options": options,
    "plugin_commands": plugin_commands,
    "fields": fields,
    "motifs": motifs,
    "api": api_reference.api,
}
