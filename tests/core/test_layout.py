"""Test rules of the source tree that no tool checks."""

import ast
import importlib
import io
import re
import tokenize
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PLUGINS = sorted(p.name for p in (ROOT / "plugins").iterdir() if (p / "__init__.py").exists())
#: Earlier module names that the docs have used.
ALIASES = {"explaining", "figures", "jobs", "model", "networks", "targets"}
ROOMS = sorted(p.parent.name for p in ROOT.glob("demo_core/*/__init__.py"))


def test_every_plugin_has_an_entry_point_and_is_known_to_import_linter():
    assert sorted(PROJECT["project"]["entry-points"]["demo_core"].values()) == PLUGINS
    linter = PROJECT["tool"]["importlinter"]
    assert sorted(linter["root_packages"]) == sorted(["demo_core", *PLUGINS])
    contracts = {c["id"]: c for c in linter["contracts"]}
    assert sorted(contracts["core-knows-no-plugin"]["forbidden_modules"]) == PLUGINS
    assert sorted(contracts["plugins-know-no-plugin"]["modules"]) == PLUGINS


def test_every_room_has_a_place_in_the_layers():
    contracts = {c["id"]: c for c in PROJECT["tool"]["importlinter"]["contracts"]}
    named = {m.strip() for layer in contracts["layers"]["layers"] for m in layer.split("|")}
    there = {"demo_core." + p.stem for p in ROOT.glob("demo_core/*.py") if p.stem not in ALIASES and p.stem[0] != "_"}
    there |= {f"demo_core.{room}" for room in ROOMS}
    assert named == there


def test_every_room_has_a_door_that_says_what_belongs_in_it():
    for room in ROOMS:
        door = importlib.import_module(f"demo_core.{room}")
        assert door.__doc__ and door.__all__ and all(getattr(door, name) is not None for name in door.__all__)


def test_plugins_import_from_doors_only():
    doors = {"demo_core", "demo_core.errors", "demo_core.metrics", *(f"demo_core.{room}" for room in ROOMS)}
    wrong = []
    for path in [*ROOT.glob("plugins/**/*.py"), *ROOT.glob("docs/tutorial/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                wrong += [f"{path}: import {a.name}" for a in node.names if a.name.split(".")[0] == "demo_core"]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "demo_core":
                door = importlib.import_module(str(node.module)) if node.module in doors else None
                public = getattr(door, "__all__", [n for n in vars(door) if n[0] != "_"]) if door else []
                wrong += [f"{path}: {node.module}.{a.name}" for a in node.names if a.name not in public]
    assert wrong == []


def test_every_public_name_has_its_place_in_the_docs():
    page, door, there = (ROOT / "docs" / "api.md").read_text(), "", set()
    for found in re.finditer(r"^(?:From `([\w.]+)`:|### (\w+))$", page, re.MULTILINE):
        door = found[1] or door
        there |= {(door, found[2])} if found[2] else set()
    contract = importlib.import_module("demo_core").__all__
    assert {("demo_core", name) for name in contract} <= there
    for door in (f"demo_core.{room}" for room in ROOMS):
        assert {(door, n) for n in importlib.import_module(door).__all__ if n not in contract} - there == set()


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("explaining", "explain"),
        ("figures", "explanation_figure"),
        ("jobs", "make_job"),
        ("model", "build_model"),
        ("networks", "Lstm"),
        ("targets", "Output"),
    ],
)
def test_modules_that_the_docs_have_shown_can_still_be_imported(alias, name):
    found = getattr(importlib.import_module(f"demo_core.{alias}"), name)
    assert alias in ALIASES and any(
        getattr(importlib.import_module(door), name, None) is found
        for door in ("demo_core", *(f"demo_core.{r}" for r in ROOMS))
    )


def lines_without_docstrings(path):
    """Count the lines of a file, without docstrings in Python files."""
    text = path.read_text()
    docs = 0
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                docs += node.body[0].end_lineno - node.body[0].lineno + 1
    return len(text.splitlines()) - docs


def test_files_stay_readable():
    folders = ("demo_core", "plugins", "tests", "docs", "benchmarks")
    sources = [p for folder in folders for end in ("py", "js", "css") for p in ROOT.glob(f"{folder}/**/*.{end}")]
    sources = [p for p in sources if "_build" not in p.parts]
    assert {str(p.relative_to(ROOT)) for p in sources if lines_without_docstrings(p) > 400} == set()


def lines_of_code(source: str) -> int:
    """Count lines of code, without blank lines, comments and docstrings."""
    tree = ast.parse(source)
    holders = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
    docs = {
        line
        for n in holders
        if ast.get_docstring(n, clean=False) is not None
        for line in range(n.body[0].lineno, (n.body[0].end_lineno or 0) + 1)
    }
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {line for t in tokens if t.type not in skipped for line in range(t.start[0], t.end[0] + 1)}
    return len(code - docs)


def test_the_core_stays_small():
    """The conformance kit is counted separately: only tests and `demo check` load it."""
    sizes = {p: lines_of_code(p.read_text()) for p in ROOT.glob("demo_core/**/*.py")}
    kit = sum(size for path, size in sizes.items() if path.parent.name == "testing")
    assert sum(sizes.values()) - kit < 7700
    assert kit < 1200
    for room in set(ROOMS) - {"testing"}:
        assert sum(size for path, size in sizes.items() if path.parent.name == room) <= 1390, room


def test_listed_commands_say_what_the_commands_say(registry):
    import click

    from demo_core.cli.group import State, root
    from demo_core.plugins.specs import Command

    listings = [r for r in registry.all(Command) if r.owner.entry_point in ("listings", "explain")]
    for registered in listings:
        ctx = click.Context(root, obj=State())
        command = root.get_command(ctx, registered.spec.name)
        assert command is not None
        said = (command.help or "").split("\n\n")[0].replace("\n", " ")
        assert said.rstrip(".").startswith(registered.spec.summary.rstrip(".").split(",")[0][:10]), registered.spec.name


def test_every_package_is_typed():
    for package in [ROOT / "demo_core", *(ROOT / "plugins" / p for p in PLUGINS)]:
        assert (package / "py.typed").exists()


def test_the_page_of_the_architecture_names_what_is_there():
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"\b[a-z_]+/[a-z_/]+\.py\b|`[a-z_]+\.py`", page))
    assert len(named) > 25
    for name in named:
        path = name.strip("`")
        assert (
            list(ROOT.glob(f"demo_core/**/{path}")) or (ROOT / path).exists() or (ROOT / "plugins" / path).exists()
        ), path
