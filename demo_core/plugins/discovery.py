"""Find plugins, and isolate the failure of one from the others.

A plugin is a light module behind an entry point of the group ``demo_core``, or a local file given by ``--plugin``. Each
plugin is loaded and checked by itself. The owner of every spec is therefore known, and a broken plugin costs one line
on stderr.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from demo_core.errors import PluginError, UsageProblem, one_line, printable, unknown_name
from demo_core.plugins import hookspecs
from demo_core.plugins.interrupts import passes
from demo_core.plugins.owner import Owner
from demo_core.plugins.registry import Registered, Registry, local_module
from demo_core.plugins.specs import AnySpec, Architecture, Command, DatasetReader, Explainer, SpecError, refusals

#: Version of the contract between plugins and the core.
API = 1
GROUP = "demo_core"
#: Environment variables that discovery reads.
_VARIABLES = ("DEMO_LOAD_PLUGINS", "DEMO_DISABLE_PLUGINS", "DEMO_STRICT_PLUGINS")
_log = logging.getLogger(__name__)
#: Import time in seconds from which a plugin is listed as slow.
SLOW = 0.5
DISTRIBUTION = "deep-motif-dashboard"

_HOOKS: dict[str, Any] = {
    "register_architectures": Architecture,
    "register_datasets": DatasetReader,
    "register_explainers": Explainer,
    "register_commands": Command,
}


class Broken(Exception):
    """Reason why a plugin cannot be used."""


@dataclass
class Candidate:
    """A plugin that was found, working or not.

    Examples
    --------
    >>> from demo_core.plugins import discover
    >>> candidate = discover(environ={"DEMO_LOAD_PLUGINS": ""}).candidates[0]
    >>> candidate.state
    'active'
    """

    owner: Owner
    module: str
    state: str = "active"
    reason: str = ""
    specs: list[AnySpec] = field(default_factory=list)
    #: Reasons why single specs are skipped, while the others work
    refused: list[str] = field(default_factory=list)
    #: Seconds of import and registration
    seconds: float = 0.0
    cause: BaseException | None = None

    def problems(self) -> list[str]:
        """Return one line for the failure of the plugin, or for each skipped spec."""
        if self.state != "failed" and not self.refused:
            return []
        from demo_core.plugins.failures import report_to

        plugin, report = self.owner.describe(), report_to(self.owner)
        if self.state == "failed":
            return [f"plugin {plugin} failed: {self.reason}{report}"]
        return [f"plugin {plugin}: one spec is skipped: {printable(why, 400)}{report}" for why in self.refused]


@dataclass
class Discovery:
    """All plugins, and the registry of the working ones.

    Examples
    --------
    >>> from demo_core.plugins import discover
    >>> found = discover(environ={"DEMO_LOAD_PLUGINS": ""})
    >>> {candidate.owner.origin for candidate in found.candidates}
    {'built-in'}
    """

    candidates: list[Candidate]
    registry: Registry

    def problems(self) -> list[str]:
        """Return one line for each failed plugin and each name that two plugins use."""
        return [line for c in self.candidates for line in c.problems()] + self.registry.conflicts()

    def meant(self, name: str) -> list[Registered[Any]]:
        """Resolve a name: specs of that name, or all specs of the plugin of that name. Raises UsageProblem."""
        registry, kinds = self.registry, tuple(_HOOKS.values())
        found: list[Registered[Any]] = [registry.find(k, name) for k in kinds if registry.has(k, name)]
        found += [r for k in kinds for r in registry.all(k) if r.owner.named_in({name}) and r not in found]
        if found:
            return found
        for candidate in self.candidates:
            if candidate.owner.named_in({name}):
                if candidate.state == "failed":
                    raise PluginError(candidate.problems()[0])
                raise UsageProblem(f"plugin {printable(name, 60)} is disabled, {candidate.reason}")
        known = {n for k in kinds for n in registry.names(k)}
        known |= {n for c in self.candidates for n in (c.owner.entry_point, c.owner.distribution)}
        raise UsageProblem(unknown_name("plugin", name, known))


def discover(files: Iterable[Path] = (), environ: Mapping[str, str] | None = None) -> Discovery:
    """Load every enabled plugin and collect its specs.

    Parameters
    ----------
    files
        Local plugin files named by the user. Nothing is loaded from a folder implicitly.
    environ
        Environment with ``DEMO_LOAD_PLUGINS``, ``DEMO_DISABLE_PLUGINS`` and ``DEMO_STRICT_PLUGINS``.

    Raises
    ------
    PluginError
        On the first failing plugin, if ``DEMO_STRICT_PLUGINS=1``.

    Examples
    --------
    >>> from demo_core.plugins import Explainer, discover
    >>> registry = discover(environ={"DEMO_LOAD_PLUGINS": ""}).registry
    >>> [registered.spec.name for registered in registry.all(Explainer)][:2]
    ['attention-received', 'attention-rollout']
    """
    env = os.environ if environ is None else environ
    registry = Registry()
    points = sorted(metadata.entry_points(group=GROUP), key=_built_in_first)
    built_in = {p.module.split(".")[0] for p in points if _is_built_in(p)}
    taken: dict[str, Path] = {}
    found = [(Candidate(_owner(p), p.value), functools.partial(_import, p, built_in)) for p in points]
    found += [(Candidate(_file_owner(f), str(f)), functools.partial(_import_file, f, taken)) for f in files]
    for candidate, load in found:
        _admit(candidate, env, load, registry)
    registry.add(*(Registered(spec, candidate.owner) for candidate, _ in found for spec in candidate.specs))
    if env.get("DEMO_STRICT_PLUGINS", "") not in ("", "0"):
        for candidate, _ in found:
            if problems := candidate.problems():
                raise PluginError(problems[0]) from candidate.cause
    return Discovery([candidate for candidate, _ in found], registry)


def installed() -> Registry:
    """Return the registry of all installed plugins. It is made once per process; failed plugins are then logged as
    warnings.

    Returns
    -------
    Registry
        The registry.

    Examples
    --------
    >>> from demo_core.plugins import Explainer, installed
    >>> installed().find(Explainer, "saliency").spec.kind
    'attribution'
    """
    return _installed(tuple(sys.path), *(os.environ.get(name) for name in _VARIABLES))


def reload() -> Registry:
    """Find plugins again, such as after ``pip install`` in a notebook. Imported modules do not change.

    Returns
    -------
    Registry
        The new registry.

    Examples
    --------
    >>> from demo_core.plugins import installed, reload
    >>> reload() is installed()
    True
    """
    importlib.invalidate_caches()
    _installed.cache_clear()
    return installed()


@functools.lru_cache(maxsize=1)
def _installed(*where: object) -> Registry:
    found = discover()
    for line in found.problems():
        _log.warning("%s", line)
    return found.registry


def _admit(candidate: Candidate, env: Mapping[str, str], load: Callable[[], ModuleType], registry: Registry) -> None:
    owner = candidate.owner
    if why := _switched_off(owner, env):
        candidate.state, candidate.reason = "disabled", why
        registry.away[owner.entry_point] = f"is disabled {why}"
        return
    try:
        started = time.perf_counter()
        with refusals() as candidate.refused, redirect_stdout(sys.stderr):  # output of an import is no result
            candidate.specs = specs_of(load(), candidate.refused)
        candidate.seconds = time.perf_counter() - started
        return
    except Broken as error:
        candidate.reason, candidate.cause = str(error), error
    # A plugin may raise anything, SystemExit included. Other plugins must not be affected.
    except BaseException as error:
        if passes(error):
            raise
        from demo_core.plugins.failures import places

        module = local_module(Path(candidate.module).stem) if owner.origin == "local file" else candidate.module
        candidate.reason, candidate.cause = one_line(error) + places(error, module), error
    candidate.state, registry.away[owner.entry_point] = "failed", "failed"


def specs_of(module: ModuleType, refused: list[str] | None = None) -> list[AnySpec]:
    """Collect what a module registers. Raises Broken, or whatever the module raises.

    With ``refused``, specs that break the contract are skipped, and the reasons are added to it.
    """
    api = getattr(module, "DEMO_API", None)
    if api is None:
        raise Broken(f"does not define DEMO_API; add the line DEMO_API = {API}")
    if api != API:
        lagging = DISTRIBUTION if isinstance(api, int) and api > API else "version of it"
        raise Broken(
            f"was built for DEMO_API {printable(repr(api), 40)}; this is DEMO_API {API}; install a newer {lagging}"
        )
    manager = pluggy.PluginManager(GROUP)  # a registry of its own, so that faults of a plugin stay in it
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module)
    except Exception as error:
        raise Broken(one_line(error)) from error
    for hook in manager.get_hookcallers(module) or []:
        if not hook.has_spec():
            raise Broken(unknown_name("hook", hook.name, _HOOKS))
    found: list[AnySpec] = []
    for name, kind in _HOOKS.items():
        registered: list[AnySpec] = []
        getattr(manager.hook, name)(register=registered.append)
        for spec in registered:
            problem = _problem(name, kind, spec, found)
            if problem and refused is None:
                raise SpecError(problem)
            if problem and refused is not None:
                refused.append(problem)
            elif not getattr(spec, "refused", False):  # the reason was recorded when the spec was made
                found.append(spec)
    if not found and refused:
        raise Broken("; ".join(refused))
    if not found:
        raise Broken("registers nothing; a module needs at least one function marked @hookimpl")
    return found


def _problem(hook: str, kind: type, spec: AnySpec, found: list[AnySpec]) -> str:
    if getattr(spec, "refused", False):
        return ""
    if not isinstance(spec, kind):
        return f"{hook} takes {kind.__name__}(...), not {printable(repr(spec), 60)}"
    if any(type(s) is type(spec) and s.name == spec.name for s in found):
        return f"{hook}: '{spec.name}' is registered twice"
    return ""


def _import(point: metadata.EntryPoint, built_in: set[str]) -> ModuleType:
    top = point.module.split(".")[0]
    if not _is_built_in(point) and top in built_in:
        raise Broken(f"its module '{top}' has the name of a built-in one")
    found = point.load()
    if _is_built_in(point):
        _check_place(point, found)
    if not isinstance(found, ModuleType):
        raise Broken(f"its entry point must name a module, not {printable(point.value)}")
    return found


def _check_place(point: metadata.EntryPoint, module: ModuleType) -> None:
    where = Path(module.__file__ or "")
    root = Path(__file__).parents[2]
    relative = Path(*point.module.split("."), "__init__.py")
    allowed = [root / relative, root / "plugins" / relative]
    if point.dist is not None:
        allowed.append(Path(str(point.dist.locate_file(relative))))
    if where not in allowed:
        raise Broken(f"'{point.module}' was imported from {where}, which is not where {DISTRIBUTION} keeps it")


def _import_file(path: Path, taken: dict[str, Path]) -> ModuleType:
    if not path.is_file():
        raise Broken("no such file")
    name = local_module(path.stem)
    if name in taken:
        raise Broken(f"its module would be called {name}, as that of {taken[name]}: rename one of the files")
    taken[name] = path
    import importlib.util

    spec: ModuleSpec | None = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Broken("is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    # registered first, so that dataclasses and lazy targets ("demo_local_x:Class") find it
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _owner(point: metadata.EntryPoint) -> Owner:
    name, version = _identity(point.dist)
    return Owner(
        entry_point=point.name,
        distribution=name,
        version=version,
        origin="built-in" if _is_built_in(point) else "installed",
    )


# a distribution parses its metadata at every access to its name
@functools.cache
def _identity(dist: metadata.Distribution | None) -> tuple[str, str]:
    try:
        return (str(dist.name or "unknown"), str(dist.version or "unknown")) if dist else ("unknown", "unknown")
    except Exception:  # noqa: BLE001 - a distribution that an interrupted pip left behind has no metadata, or half of it
        return ("unknown", "unknown")


def _file_owner(path: Path) -> Owner:
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
    return Owner(entry_point=path.stem, distribution=path.name, version=f"sha256:{digest}", origin="local file")


def _is_built_in(point: metadata.EntryPoint) -> bool:
    return _identity(point.dist)[0].replace("_", "-").lower() == DISTRIBUTION


def _built_in_first(point: metadata.EntryPoint) -> tuple[bool, str, str]:
    return (not _is_built_in(point), point.name, _identity(point.dist)[0])


def _switched_off(owner: Owner, env: Mapping[str, str]) -> str:
    disabled = _names(env.get("DEMO_DISABLE_PLUGINS", ""))
    if disabled and owner.named_in(disabled):
        return "by DEMO_DISABLE_PLUGINS"
    allowed = env.get("DEMO_LOAD_PLUGINS")
    if allowed is not None and owner.origin == "installed" and not owner.named_in(_names(allowed)):
        return "not in DEMO_LOAD_PLUGINS"
    return ""


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}
