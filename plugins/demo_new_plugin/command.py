"""Write a complete plugin package that works; its simple method is to be replaced.

Each file is a real one under ``packages/``, of a plugin called new-name. Writing a package replaces only that name.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import echo, say
from demo_core.errors import DemoError, UsageProblem, printable
from demo_core.plugins import Architecture, Command, DatasetReader, Explainer
from demo_core.storage import whole_folder

if TYPE_CHECKING:
    from demo_core.cli import State

_KINDS: dict[str, Any] = {
    "explainer": Explainer,
    "architecture": Architecture,
    "reader": DatasetReader,
    "command": Command,
}
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40


@click.command("new-plugin")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("name")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER",
    help="Folder to write. [default: demo-NAME]",
)  # fmt: skip
@click.pass_context
def new_plugin(ctx: click.Context, kind: str, name: str, output: Path | None) -> None:
    """Create a working plugin package demo-NAME, with tests, from a template.

    NAME is what users type: lower-case words joined by hyphens. Then replace its example method with your own.
    """
    _check_name(ctx.obj, kind, name)
    folder = output or Path(f"demo-{name}")
    if folder.exists():
        raise DemoError(f"{folder} already exists; choose another folder with -o, or move it away")
    with whole_folder(folder) as temporary:
        for path, text in package(kind, name):
            there = temporary / path
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(text, encoding="utf-8")
    echo(folder)
    where = shlex.quote(f"{folder}[test]"), shlex.quote(str(folder))
    say(f"next:  pip install -e {where[0]}  and then  pytest {where[1]}  and  demo check {name}")


def package(kind: str, name: str) -> Iterator[tuple[Path, str]]:
    """Return the files of a package, with their paths in it."""
    root = resources.files("demo_new_plugin") / "packages"
    for part in ("common", kind):
        for path, file in _files(root / part):
            yield Path(_named(str(path), kind, name)), _named(file.read_text(encoding="utf-8"), kind, name)


def _named(text: str, kind: str, name: str) -> str:
    words = {
        "NewName": "".join(word.capitalize() for word in name.split("-")),
        "new_name": name.replace("-", "_"),
        "new-name": name,
        "A_KIND": f"an {kind}" if kind[0] in "aeiou" else f"a {kind}",
        "dashboard>=0": f"dashboard>={metadata.version('deep-motif-dashboard')}",
    }
    return re.sub("|".join(words), lambda found: words[found[0]], text)


def _files(folder: Traversable, inside: Path = Path()) -> Iterator[tuple[Path, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name == "__pycache__":
            continue
        if entry.is_dir():
            yield from _files(entry, inside / entry.name)
        else:
            yield inside / entry.name, entry


def _check_name(state: State, kind: str, name: str) -> None:
    if name.startswith("demo-"):
        raise UsageProblem(f"omit 'demo-' from the name; the package of '{printable(name[5:], 40)}' adds it")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UsageProblem(
            f"'{printable(name, 40)}' must be lower-case words joined by hyphens, like 'my-method', "
            f"of at most {_LONGEST} letters"
        )
    if kind == "explainer" and name == "all":
        raise UsageProblem("'all' is reserved (it runs every explainer); choose another name")
    if state.registry.has(_KINDS[kind], name):
        owners = [r.owner.describe() for r in state.registry.all(_KINDS[kind]) if r.spec.name == name]
        raise UsageProblem(f"{kind} '{name}' already exists in plugin {owners[0]}; choose another name")
    module = f"demo_{name.replace('-', '_')}"
    if find_spec(module) is not None:
        raise UsageProblem(f"a module {module} is already installed; choose another name")
    if _clashes(kind, name, module):
        raise UsageProblem(f"'{name}' is reserved by Python code of the package; choose another name")


def _clashes(kind: str, name: str, module: str) -> bool:
    """Return whether the class or function would have the name of an import of its file, or a Python keyword."""
    mine = set(_named("NewName new_name", kind, name).split())
    for path, text in package(kind, name):
        if path.suffix != ".py":
            continue
        try:
            tree = ast.parse(text)
        except SyntaxError:
            return True
        imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
        foreign = [n for n in imports if isinstance(n, ast.Import) or not (n.module or "").startswith(module)]
        if mine & {alias.asname or alias.name for node in foreign for alias in node.names}:
            return True
    return False
