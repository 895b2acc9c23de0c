"""Registry: from names to specs and from specs to classes, with the reason if that fails."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Generic, TypeVar, cast

from demo_core.errors import PluginError, UsageProblem, unknown_name
from demo_core.plugins.interrupts import passes
from demo_core.plugins.owner import Owner
from demo_core.plugins.specs import AnySpec, Architecture, Command, DatasetReader, Explainer, Spec

T_co = TypeVar("T_co", bound=Spec, covariant=True)
U = TypeVar("U", Architecture, Command, DatasetReader, Explainer)


@dataclass(frozen=True)
class Registered(Generic[T_co]):
    """A spec and its owner.

    Examples
    --------
    >>> from demo_core.plugins import Architecture, installed
    >>> installed().find(Architecture, "cnn").owner.entry_point
    'cnn'
    """

    spec: T_co
    owner: Owner

    def missing(self) -> tuple[str, ...]:
        """Return required modules that are not installed, without importing any."""
        return tuple(m for m in self.spec.requires if not _importable(m))

    def why_unavailable(self) -> str:
        """Return a sentence with the pip command that helps, or '' if everything required is installed."""
        missing = self.missing()
        if not missing:
            return ""
        owner, extra = self.owner, self.spec.extra
        wanted = f"'{owner.distribution}[{extra}]'" if extra else " ".join(missing)
        return f"needs {', '.join(missing)}, which is not installed: pip install {wanted}"

    def load(self) -> Any:
        """Import the target. Raises UsageProblem if a requirement is missing, and PluginError if the import fails."""
        what, name = self.spec.what, self.spec.name
        if why := self.why_unavailable():
            raise UsageProblem(f"{what} '{name}' {why}")
        try:
            return getattr(importlib.import_module(self._module()), self.spec.target.partition(":")[2])
        except BaseException as error:
            if passes(error):
                raise
            raise self.failed(error, "cannot be loaded") from error

    def _module(self) -> str:
        module = self.spec.target.partition(":")[0]
        return (
            local_module(module) if self.owner.origin == "local file" and module == self.owner.entry_point else module
        )

    def failed(self, error: BaseException, did: str = "failed") -> PluginError:
        """Make the error for an exception of the plugin's code."""
        from demo_core.plugins.failures import plugin_failed

        return plugin_failed(f"{self.spec.what} '{self.spec.name}'", self.owner, error, self._module(), did)

    def broke_contract(self, problem: str) -> PluginError:
        """Make the error for a result that breaks the contract."""
        from demo_core.plugins.failures import broke_contract

        return broke_contract(f"{self.spec.what} '{self.spec.name}'", self.owner, problem)


@dataclass
class Registry:
    """All specs of plugins, by kind and name.

    Examples
    --------
    >>> from demo_core.plugins import Architecture, installed
    >>> [registered.spec.name for registered in installed().all(Architecture)][:2]
    ['adapted', 'cnn']
    """

    _entries: dict[str, dict[str, list[Registered[Any]]]] = field(default_factory=dict)
    #: Plugins that registered nothing, by entry point, with the reason: a requested name may be theirs.
    away: dict[str, str] = field(default_factory=dict)

    def add(self, *specs: Registered[AnySpec]) -> None:
        """Add specs. If several owners use one name, all are kept; the name is resolved when it is used."""
        for registered in specs:
            by_name = self._entries.setdefault(registered.spec.what, {})
            by_name.setdefault(registered.spec.name, []).append(registered)

    def all(self, kind: type[U]) -> list[Registered[U]]:
        """Return all specs of a kind, by name and then owner."""
        by_name = self._entries.get(kind.what, {})
        same = (by_name[name] for name in sorted(by_name))
        return [r for found in same for r in (sorted(found, key=_label) if len(found) > 1 else found)]

    def names(self, kind: type[U]) -> list[str]:
        """Return what a user can type: the plain name, or ENTRYPOINT:name if the plain name means another plugin's
        spec.
        """
        by_name = self._entries.get(kind.what, {})
        return [self.qualified(r) for name in sorted(by_name) for r in by_name[name]]

    def find(self, kind: type[U], name: str) -> Registered[U]:
        """Return the spec called ``name`` or ``ENTRYPOINT:name``. A plain name means the built-in spec, if there is
        one.

        Raises UsageProblem if the name is unknown (naming the closest match), or used by two third-party plugins
        (naming both).
        """
        by_name = self._entries.get(kind.what, {})
        entry_point, _, plain = name.rpartition(":")
        found = by_name.get(plain, [])
        if entry_point:
            found = [r for r in found if r.owner.entry_point == entry_point]
        elif built_in := [r for r in found if r.owner.origin == "built-in"]:
            found = built_in
        if not found:
            why = f"; plugin '{plain}' {self.away[plain]}" if plain in self.away else ""
            raise UsageProblem(unknown_name(kind.what, name, self.names(kind)) + why)
        if len(found) > 1:
            raise UsageProblem(f"{_claimed(kind.what, plain, found)}; {_say_which(plain, found)}")
        return cast("Registered[U]", found[0])

    def has(self, kind: type[U], name: str) -> bool:
        """Return whether ``find`` knows the name, even if several plugins use it."""
        entry_point, _, plain = name.rpartition(":")
        found = self._entries.get(kind.what, {}).get(plain, [])
        return any(not entry_point or r.owner.entry_point == entry_point for r in found)

    def qualified(self, registered: Registered[Any]) -> str:
        """Return the name that finds this spec."""
        same = self._entries[registered.spec.what][registered.spec.name]
        name = registered.spec.name
        plain = len(same) == 1 or registered.owner.origin == "built-in"
        return name if plain else f"{registered.owner.entry_point}:{name}"

    def shadowed(self, registered: Registered[Any]) -> bool:
        """Return whether a built-in has the plain name of a third party's spec."""
        same = self._entries[registered.spec.what][registered.spec.name]
        return registered.owner.origin != "built-in" and any(r.owner.origin == "built-in" for r in same)

    def third_party(self) -> tuple[Owner, ...]:
        """Return the owners of all registered third-party plugins."""
        entries = (r for by_name in self._entries.values() for found in by_name.values() for r in found)
        owners = {r.owner.label: r.owner for r in entries if r.owner.origin != "built-in"}
        return tuple(owners[label] for label in sorted(owners))

    def conflicts(self) -> list[str]:
        """Return one line for each name that several plugins, none of them built in, use."""
        return [
            f"{_claimed(what, name, found)}; {_say_which(name, found)}"
            for what, by_name in self._entries.items()
            for name, found in by_name.items()
            if len(found) > 1 and not any(r.owner.origin == "built-in" for r in found)
        ]


def local_module(stem: str) -> str:
    """Return the module name of a local plugin file. Its own targets may use the stem alone."""
    return "demo_local_" + "".join(c if c.isalnum() else "_" for c in stem)


def _label(registered: Registered[Any]) -> str:
    return registered.owner.label


def _claimed(what: str, name: str, found: list[Registered[Any]]) -> str:
    owners = " and ".join(r.owner.describe() for r in found)
    return f"{what} '{name}' is registered by {owners}"


def _say_which(name: str, found: list[Registered[Any]]) -> str:
    points = [r.owner.entry_point for r in found]
    if len(set(points)) < len(points):
        return "disable one of them with DEMO_DISABLE_PLUGINS=DISTRIBUTION"
    return "say which: " + " or ".join(f"{point}:{name}" for point in points)


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except Exception:  # noqa: BLE001 - a dotted name imports its parent, which may be missing or fail in any way
        return False
