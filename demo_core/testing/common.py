"""Checks of every plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import metadata
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from demo_core.errors import DemoError
from demo_core.plugins.dataset_option import DatasetFile
from demo_core.plugins.discovery import installed
from demo_core.plugins.options import Option, options_of
from demo_core.plugins.owner import Owner
from demo_core.plugins.registry import Registered
from demo_core.plugins.specs import Command, Spec
from demo_core.testing.check import DoesNotApply, expect, rule

if TYPE_CHECKING:
    from demo_core.data.dataset import SequenceDataset

S = TypeVar("S", bound=Spec)

#: Modules that a plugin's light module may not import: they take a second or more in every command.
HEAVY = ("torch", "numpy", "h5py", "matplotlib")

_IMPORT = """
import importlib, sys
importlib.import_module(sys.argv[1])
print()  # ends whatever the module itself has printed
print(*set(sys.argv[2:]) & set(sys.modules))
"""


class CommonChecks(Generic[S]):
    """Checks of any spec."""

    #: Checks that give the reason if the others cannot run.
    first: ClassVar[tuple[str, ...]] = ("loads", "light")

    def __init__(self, registered: Registered[S]) -> None:
        self.registered = registered
        self.spec = registered.spec

    @cached_property
    def obstacle(self) -> str:
        """Return why only the first checks can run: the others would repeat the same failure; '' if all can."""
        try:
            self.registered.load()
        except DemoError:
            return "the target cannot be imported: see 'loads'"
        return self.further_obstacle()

    def further_obstacle(self) -> str:
        """Return further obstacles of this kind of spec."""
        return ""

    def run_of(self, method: str) -> Callable[[], None]:
        """Run a check, if possible."""

        def run() -> None:
            if method not in self.first and self.obstacle:
                raise DoesNotApply(self.obstacle)
            getattr(self, method)()

        return run

    @rule("the target can be imported", "the-plugin-contract")
    def loads(self) -> None:
        """The target exists."""
        self.registered.load()

    @rule("the module of the entry point imports none of " + ", ".join(HEAVY), "the-plugin-contract")
    def light(self) -> None:
        """Run in a separate process, in which nothing else has imported them."""
        module = module_of(self.registered.owner)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, "-c", _IMPORT, module, *HEAVY]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        expect(done.returncode == 0, f"{module} cannot be imported: {(done.stderr.splitlines() or ['?'])[-1]}")
        found = done.stdout.split("\n")[-2].split()
        expect(not found, f"{module} imports {', '.join(sorted(found))}: do so in the target's own module")


class CommandChecks(CommonChecks[Command]):
    """Checks of commands."""

    @rule("the target is a click command, and each option has a help text", "commands")
    def has_help(self) -> None:
        """As ``--help`` finds it."""
        import click

        found = self.registered.load()
        expect(isinstance(found, click.Command), f"a {type(found).__name__}")
        # a group may make its commands from registered specs
        given = SimpleNamespace(registry=installed())
        for path, command in _with_subcommands(self.spec.name, found, given):
            expect(command.help, f"'demo {path}' has no help")
            for option in command.params:
                said = not isinstance(option, click.Option) or option.help or option.hidden
                expect(said, f"option {option.opts[0]} of 'demo {path}' has no help")


def _with_subcommands(path: str, command: Any, given: object) -> Iterator[tuple[str, Any]]:
    import click

    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path, obj=given)
        for name in command.list_commands(context):  # also those of a group that loads its commands late
            yield from _with_subcommands(f"{path} {name}", command.get_command(context, name), given)


def module_of(owner: Owner) -> str:
    """Return the module of an owner's entry point. Raises DoesNotApply if it cannot be imported by name."""
    for point in metadata.entry_points(group="demo_core", name=owner.entry_point):
        if point.dist and point.dist.name == owner.distribution:
            return point.module
    unnamed = not owner.entry_point or owner.distribution.endswith(".py")
    if unnamed or find_spec(owner.entry_point.partition(".")[0]) is None:
        raise DoesNotApply(f"'{owner.entry_point}' is no module that can be imported by its name")
    return owner.entry_point


def settings_of(
    options: type, given: Mapping[str, Any], dataset: SequenceDataset | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield options with each choice, each flag either way, each smallest value and each dataset, one at a time.

    Yields
    ------
    The changed option, as typed, and the options; given options do not change.
    """
    for option in options_of(options):
        if option.name in given:
            continue
        for value in [dataset] if option.scalar is DatasetFile and dataset is not None else _values_of(option):
            yield f"{option.name}={value}", {**given, option.name: value}


def _values_of(option: Option) -> list[Any]:
    if option.scalar is bool:
        values: list[Any] = [True, False]
    elif option.choices:
        values = list(option.choices)
    elif option.minimum is not None:
        values = [option.scalar(option.minimum)]
    else:
        return []
    if option.items is None:
        return values
    n = option.items or (1 if option.required else len(option.default or ()) or 1)
    return [(value,) * n for value in values]
