"""The reference of the Python API as Markdown, from signatures and docstrings in numpydoc style."""

from __future__ import annotations

import ast
import enum
import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import demo_core
from demo_core import metrics

ROOT = Path(__file__).parent.parent

#: The first pages of the reference, by heading.
FIRST = {
    "Open, predict, explain": {
        "demo_core": ["Model", "SequenceDataset", "Explanation", "explain", "as_attribution_function", "Target"],
        "demo_core.models": ["Output"],
        "demo_core.views": ["explanation_figure"],
    },
    "Register a plugin": {
        "demo_core": [
            "hookimpl", "Architecture", "DatasetReader", "Explainer", "Extra", "DatasetFile", "Command", "Register",
        ],
    },
    "Write an explainer": {
        "demo_core": ["SequenceExplainer", "PatternExplainer", "Batch", "BatchRandom", "Result", "RunRandom"],
    },
    "Write a network": {"demo_core": ["Network"]},
    "Write a reader": {
        "demo_core": ["Reader", "Record", "RecordBlock", "Interval", "parse_locus", "text_lines", "BadSource"],
    },
    "Errors": {"demo_core": ["DemoError", "UsageProblem", "MisfitError", "Unsuitable", "PluginError", "ExitCode"]},
    "Test a plugin": {
        "demo_core.testing": [
            "parametrize_with_checks", "checks_for", "Check", "DoesNotApply", "ReaderExample", "registered_from",
            "tiny_model", "tiny_dataset", "planted_records", "fit_briefly",
        ],
    },
}  # fmt: skip

PACKAGES = ("sequences", "data", "models", "results", "running", "views", "storage", "plugins", "cli")


def pages() -> dict[str, dict[str, list[str]]]:
    """Public names by heading and module: the contract's, then those of each package that are not in it."""
    contract = set(demo_core.__all__)
    found = {heading: dict(modules) for heading, modules in FIRST.items()}
    shown = {(module, name) for modules in FIRST.values() for module, names in modules.items() for name in names}
    for package in PACKAGES:
        module = f"demo_core.{package}"
        exported = importlib.import_module(module).__all__
        names = [n for n in exported if n not in contract and (module, n) not in shown]
        if names:
            found[f"Package {module}"] = {module: names}
    functions = [f for f in vars(metrics).values() if inspect.isfunction(f) and f.__module__ == metrics.__name__]
    found["Metrics"] = {"demo_core.metrics": [f.__name__ for f in functions if not f.__name__.startswith("_")]}
    return found


def sections(doc: str) -> dict[str, str]:
    """The parts of a docstring in numpydoc style; '' is the text before the first section."""
    parts = re.split(r"(?:^|\n)(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(doc))
    return {"": parts[0].strip(), **dict(zip(parts[1::2], (p.strip("\n") for p in parts[2::2]), strict=True))}


def parameters(text: str) -> dict[str, str]:
    """Names and descriptions of a section that lists parameters, returned values or errors."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            name = line.strip()
            found[name] = ""
        elif line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def markdown(text: str) -> str:
    """Text of a docstring as Markdown."""
    return text.replace("``", "`")


def documented(module: str, name: str) -> list[str]:
    """The entry of one name."""
    value = getattr(importlib.import_module(module), name)
    lines = [f"### {name}", ""]
    if inspect.ismodule(value):
        return [*lines, markdown(inspect.cleandoc(value.__doc__ or "").split("\n")[0]), "", *_members(value, name), ""]
    if not (inspect.isclass(value) or inspect.isfunction(value)) or not value.__module__.startswith("demo_core"):
        return [*lines, markdown(_comment(module, name)), ""]
    lines += ["```python", signature(name, value), "```", ""]
    parts = sections(value.__doc__ or "")
    lines += [markdown(parts.pop("")), ""]
    for title, text in parts.items():
        if title == "Examples":
            continue
        lines += [f"**{title}**", ""]
        if title in ("Parameters", "Raises") or re.search(r"^ ", text, re.MULTILINE):
            described = parameters(text)
            if empty := [key for key, said in described.items() if not said]:
                raise ValueError(f"{module}.{name}: no description of '{empty[0]}' in the section {title}")
            lines += [f"- `{key}`: {markdown(said)}" for key, said in described.items()]
        else:
            lines.append(markdown(inspect.cleandoc(text)))
        lines.append("")
    if inspect.isclass(value):
        members = list(_members(value, name))
        lines += ["**Members**", "", *members, ""] if members else []
    if "Examples" in parts:
        lines += ["```python", inspect.cleandoc(parts["Examples"]), "```", ""]
    return lines


def signature(name: str, value: Any) -> str:
    """A call with its parameters and defaults, without types."""
    try:
        found = inspect.signature(value)
    except ValueError:
        return name
    if inspect.isclass(value) and (issubclass(value, enum.Enum) or getattr(value, "_is_protocol", False)):
        return name
    shown = []
    for parameter in found.parameters.values():
        if parameter.name.startswith("_"):
            continue
        default = parameter.default
        if default is not inspect.Parameter.empty and not isinstance(default, bool | int | float | str | tuple | None):
            default = "..."
        elif default is not inspect.Parameter.empty:
            default = repr(default)
        plain = parameter.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty)
        shown.append((plain, "" if default is inspect.Parameter.empty else f"={default}"))
    words: list[str] = []
    for plain, default in shown:
        if plain.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in words and not any(w[:1] == "*" for w in words):
            words.append("*")
        words.append(f"{plain}{default}")
    line = f"{name}({', '.join(words)})"
    return line if len(line) <= 100 else "\n".join([f"{name}(", *(f"    {word}," for word in words), ")"])


def _members(value: Any, name: str) -> Iterator[str]:
    """A line for each public method, property and function of a class or module."""
    for key, member in vars(value).items():
        if key.startswith("_"):
            continue
        plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(member, property | functools.cached_property):
            called, doc = f"{name}.{key}", member.__doc__
        elif inspect.isfunction(plain) and (not inspect.ismodule(value) or plain.__module__ == value.__name__):
            called = signature(f"{name}.{key}", plain).replace("(self, ", "(").replace("(self)", "()")
            called, doc = called.replace("(cls, ", "("), plain.__doc__
        else:
            continue
        yield f"- `{called}`: {markdown(' '.join(sections(doc or '')[''].split()))}"


def _comment(module: str, name: str) -> str:
    """The comment above the definition of a constant, found through the package's stub."""
    stub = (ROOT / module.replace(".", "/") / "__init__.pyi").read_text()
    match = re.search(rf"from \.([\w.]+) import {name} as {name}\n", stub)
    if match is None:
        raise LookupError(f"{module}.{name} is not in the stub")
    source = (ROOT / module.replace(".", "/") / f"{match[1].replace('.', '/')}.py").read_text()
    lines = source.split("\n")
    for node in ast.parse(source).body:
        if getattr(node, "name", None) == name:
            return f"The function or command `{name}`: {(ast.get_docstring(node) or '').splitlines()[0]}"  # type: ignore[arg-type]
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            said = []
            for line in reversed(lines[: node.lineno - 1]):
                if not line.startswith("#: "):
                    break
                said.insert(0, line.removeprefix("#: "))
            return " ".join(said)
    return ""


def api() -> str:
    """The whole reference."""
    lines: list[str] = []
    for heading, modules in pages().items():
        lines += [f"## {heading}", ""]
        for module, names in modules.items():
            lines += [f"From `{module}`:", ""]
            for name in names:
                lines += documented(module, name)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip()
