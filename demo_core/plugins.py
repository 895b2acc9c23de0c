"""Finding plugins, and keeping the failure of one from touching the others.

A plugin is a light module behind an entry point of the group ``demo_core``, or one local file that the user
names with ``--plugin``. Each is loaded, checked and asked for its specs by itself, so that the owner of
every spec is known and a broken plugin costs one line on stderr.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from demo_core import hookspecs
from demo_core.deprecation import Refused, deprecated, noting, refusing
from demo_core.errors import PluginError, UsageProblem, one_line, printable, unknown_name
from demo_core.interrupts import passes
from demo_core.owner import Owner
from demo_core.registry import Registered, Registry, local_module
from demo_core.specs import AnySpec, Architecture, Command, DatasetReader, Explainer, SpecError

#: The version of the contract between plugins and the core.
API = 1
#: Versions before it whose plugins still work; a warning says that they were built for one.
OLDER_APIS: tuple[int, ...] = ()
#: A hook's arguments that something newer took the place of: still given, with a warning. (hook, older) to newer.
OLDER_ARGUMENTS: dict[tuple[str, str], str] = {}
GROUP = "demo_core"
#: Seconds of import that are worth telling.
SLOW = 0.5
DISTRIBUTION = "deep-motif-dashboard"

_HOOKS: dict[str, Any] = {
    "register_architectures": Architecture,
    "register_datasets": DatasetReader,
    "register_explainers": Explainer,
    "register_commands": Command,
}


class Broken(Exception):
    """Why a plugin cannot be used; the message is the cause alone."""


@dataclass
class Candidate:
    """A plugin that was found, whatever became of it."""

    owner: Owner
    module: str
    state: str = "active"
    reason: str = ""
    specs: list[AnySpec] = field(default_factory=list)
    deprecated: list[str] = field(default_factory=list)
    #: Why single specs were left out, while the others work
    refused: list[str] = field(default_factory=list)
    #: How long its import and registration took
    seconds: float = 0.0
    cause: BaseException | None = None

    def line(self) -> str:
        """The one line that reports a failure."""
        from demo_core.blame import report_to

        return f"plugin {self.owner.describe()} failed: {self.reason}{report_to(self.owner)}"

    def problems(self) -> list[str]:
        """One line for the failure of the plugin, or for each spec that was left out."""
        from demo_core.blame import report_to

        if self.state == "failed":
            return [self.line()]
        plugin, report = self.owner.describe(), report_to(self.owner)
        return [f"plugin {plugin}: one spec is left out: {printable(why, 400)}{report}" for why in self.refused]


@dataclass
class Discovery:
    """All plugins found and the registry of what the working ones register."""

    candidates: list[Candidate]
    registry: Registry

    def problems(self) -> list[str]:
        """One line for each failed plugin and each name that two plugins claim."""
        return [line for c in self.candidates for line in c.problems()] + self.registry.conflicts()

    def meant(self, name: str) -> list[Registered[Any]]:
        """What a name means: specs of that name, or all of the plugin of that name. Raises UsageProblem."""
        registry, kinds = self.registry, tuple(_HOOKS.values())
        found: list[Registered[Any]] = [registry.find(k, name) for k in kinds if registry.has(k, name)]
        found += [r for k in kinds for r in registry.all(k) if r.owner.named_in({name}) and r not in found]
        if found:
            return found
        for candidate in self.candidates:
            if candidate.owner.named_in({name}):
                if candidate.state == "failed":
                    raise PluginError(candidate.line())
                raise UsageProblem(f"plugin {printable(name, 60)} is disabled, {candidate.reason}")
        known = {n for k in kinds for n in registry.names(k)}
        known |= {n for c in self.candidates for n in (c.owner.entry_point, c.owner.distribution)}
        raise UsageProblem(unknown_name("plugin", name, known))


def discover(files: Iterable[Path] = (), environ: dict[str, str] | None = None, *, exact: bool = False) -> Discovery:
    """Load every enabled plugin and collect its specs.

    Parameters
    ----------
    files
        Local plugin files the user named; nothing is ever loaded from a folder implicitly.
    environ
        Where ``DEMO_LOAD_PLUGINS``, ``DEMO_DISABLE_PLUGINS`` and ``DEMO_STRICT_PLUGINS`` are read from.
    exact
        Compare the digests of built-in files, not their sizes alone, with what was installed.

    Raises
    ------
    PluginError
        On the first failing plugin, if ``DEMO_STRICT_PLUGINS=1``.
    """
    env = dict(os.environ) if environ is None else environ
    strict = env.get("DEMO_STRICT_PLUGINS", "") not in ("", "0")
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    registry = Registry()
    points = sorted(metadata.entry_points(group=GROUP), key=_built_in_first)
    built_in = {p.module.split(".")[0] for p in points if _is_built_in(p)}
    candidates: list[Candidate] = []
    taken: dict[str, Path] = {}
    for point in points:
        candidate = Candidate(_owner(point), point.value)
        candidates.append(candidate)
        _admit(candidate, env, lambda p=point: _import(p, built_in, exact), manager, registry)
    for path in files:
        candidate = Candidate(_file_owner(path), str(path))
        candidates.append(candidate)
        _admit(candidate, env, lambda p=path: _import_file(p, taken), manager, registry)
    if strict:
        for candidate in candidates:
            if problems := candidate.problems():
                raise PluginError(problems[0]) from candidate.cause
    return Discovery(candidates, registry)


def _admit(
    candidate: Candidate, env: dict[str, str], load: Any, manager: pluggy.PluginManager, registry: Registry
) -> None:
    owner = candidate.owner
    if why := _switched_off(owner, env):
        candidate.state, candidate.reason = "disabled", why
        registry.away[owner.entry_point] = f"is disabled {why}"
        return
    try:
        started = time.perf_counter()
        # what it prints is no result
        with noting() as candidate.deprecated, refusing() as candidate.refused, redirect_stdout(sys.stderr):
            candidate.specs = specs_of(load(), owner.label, manager, candidate.refused)
        candidate.seconds = time.perf_counter() - started
        for spec in candidate.specs:
            registry.add(Registered(spec, owner))
        return
    except Broken as error:
        candidate.reason, candidate.cause = str(error), error
    # A plugin may raise anything, SystemExit included: whatever it is must not take the others down.
    except BaseException as error:
        if passes(error):
            raise
        from demo_core.blame import places

        module = local_module(Path(candidate.module).stem) if owner.origin == "local file" else candidate.module
        candidate.reason, candidate.cause = one_line(error) + places(error, module), error
    candidate.state, registry.away[owner.entry_point] = "failed", "failed"


def specs_of(
    module: ModuleType, label: str, manager: pluggy.PluginManager, refused: list[str] | None = None
) -> list[AnySpec]:
    """What a module registers. Raises Broken, or whatever the module raises.

    With ``refused``, specs that break the contract are left out, and why is added to it.
    """
    api = getattr(module, "DEMO_API", None)
    if api in OLDER_APIS:
        deprecated(f"built for DEMO_API {api}; this is DEMO_API {API}", at=(str(module.__file__), 1))
    elif api != API:
        if api is None:
            raise Broken(f"does not say which DEMO_API it was built for: a line DEMO_API = {API} is missing")
        lagging = DISTRIBUTION if isinstance(api, int) and api > API else "version of it"
        raise Broken(
            f"was built for DEMO_API {printable(repr(api), 40)}; this is DEMO_API {API}: a newer {lagging} is needed"
        )
    try:
        manager.register(module, name=label)
    except Exception as error:
        # pluggy 1.6 leaves a plugin that failed validation half registered; 1.7 does not
        if manager.is_registered(module):
            manager.unregister(module)
        raise Broken(one_line(error)) from error
    own = manager.get_hookcallers(module) or []
    for hook in own:
        if not hook.has_spec():
            manager.unregister(module)
            raise Broken(unknown_name("hook", hook.name, _HOOKS))
    found: list[AnySpec] = []
    others = [p for p in manager.get_plugins() if p is not module]
    for name, kind in _HOOKS.items():
        hook = manager.subset_hook_caller(name, others)
        _note_older_arguments(name, hook, module)
        hook(**_arguments(name, kind, found, refused))
    if not found and refused:
        raise Broken("; ".join(refused))
    if not found:
        raise Broken("registers nothing: a module needs at least one function marked @hookimpl")
    return found


def _note_older_arguments(name: str, hook: Any, module: ModuleType) -> None:
    for implementation in hook.get_hookimpls():
        for older in implementation.argnames if implementation.plugin is module else ():
            if newer := OLDER_ARGUMENTS.get((name, older)):
                code = implementation.function.__code__
                where = (code.co_filename, code.co_firstlineno)
                deprecated(f"{name}: '{newer}' takes the place of the argument '{older}'", at=where)


def _arguments(hook: str, kind: type, found: list[AnySpec], refused: list[str] | None) -> dict[str, Any]:
    """What a hook is given. One may be added: a plugin that was written before does not ask for it."""
    return {"register": _collector(hook, kind, found, refused)}


def _collector(hook: str, kind: type, found: list[AnySpec], refused: list[str] | None) -> Any:
    def register(spec: AnySpec | Refused) -> None:
        if isinstance(spec, Refused):  # which has said why
            return
        problem = ""
        if not isinstance(spec, kind):
            problem = f"{hook} takes {kind.__name__}(...), not {printable(repr(spec), 60)}"
        elif any(type(s) is type(spec) and s.name == spec.name for s in found):
            problem = f"{hook}: '{spec.name}' is registered twice"
        if not problem:
            found.append(spec)
        elif refused is None:
            raise SpecError(problem)
        else:
            refused.append(problem)

    return register


def _import(point: metadata.EntryPoint, built_in: set[str], exact: bool) -> ModuleType:
    top = point.module.split(".")[0]
    if not _is_built_in(point):
        if top in built_in:
            raise Broken(f"its module '{top}' has the name of a built-in one")
        found = point.load()
    else:
        _check_not_written_over(point, exact)
        found = point.load()
        _check_place(point, found)
    if not isinstance(found, ModuleType):
        raise Broken(f"its entry point must name a module, not {printable(point.value)}")
    return found


def _check_not_written_over(point: metadata.EntryPoint, exact: bool) -> None:
    """Compare a built-in module with what our distribution installed: pip lets another one write over it.

    By size at every start, since loading a hash library costs more than all else that is done here; ``exact`` compares
    digests.
    """
    for name, (digest, size) in _recorded(point.dist).items():
        if not name.startswith(point.module.split(".")[0] + "/") or not name.endswith(".py"):
            continue
        assert point.dist is not None  # or nothing would be recorded
        path = Path(str(point.dist.locate_file(name)))
        if not path.is_file() or path.stat().st_size != size or (exact and _digest(path) != digest):
            raise Broken(
                f"{path} is not the file that {DISTRIBUTION} installed: another distribution has written over it; "
                f"run pip install --force-reinstall --no-deps {DISTRIBUTION}"
            )


def _digest(path: Path) -> str:
    import base64
    import hashlib

    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def _check_place(point: metadata.EntryPoint, module: ModuleType) -> None:
    where = Path(module.__file__ or "")
    root = Path(__file__).parent.parent
    relative = Path(*point.module.split("."), "__init__.py")
    allowed = [root / relative, root / "plugins" / relative]
    if point.dist is not None:
        allowed.append(Path(str(point.dist.locate_file(relative))))
    if where not in allowed:
        raise Broken(f"'{point.module}' was imported from {where}, which is not where {DISTRIBUTION} keeps it")


@functools.lru_cache(maxsize=1)
def _recorded(dist: metadata.Distribution | None) -> dict[str, tuple[str, int]]:
    """Digest and size of our files as RECORD has them; an editable install lists none."""
    # RECORD read as text: metadata.files would build a path object for each of its lines at every start
    record = (dist.read_text("RECORD") or "") if dist else ""
    found = {}
    for line in record.splitlines():
        name, _, rest = line.partition(",sha256=")
        digest, _, size = rest.partition(",")
        if name.startswith("demo_") and size.isdecimal():
            found[name] = (digest, int(size))
    return found


def _import_file(path: Path, taken: dict[str, Path]) -> ModuleType:
    if not path.is_file():
        raise Broken("there is no such file")
    name = local_module(path.stem)
    if name in taken:
        raise Broken(f"its module would be called {name}, as that of {taken[name]}: rename one of the files")
    taken[name] = path
    import importlib.util

    spec: ModuleSpec | None = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Broken("is not a Python file: its name must end in .py")
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


# a distribution parses its metadata anew at every access to its name
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


def _switched_off(owner: Owner, env: dict[str, str]) -> str:
    if owner.named_in(_names(env.get("DEMO_DISABLE_PLUGINS", ""))):
        return "by DEMO_DISABLE_PLUGINS"
    allowed = env.get("DEMO_LOAD_PLUGINS")
    if allowed is not None and owner.origin == "installed" and not owner.named_in(_names(allowed)):
        return "not in DEMO_LOAD_PLUGINS"
    return ""


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",") if name.strip()}
