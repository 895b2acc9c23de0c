"""What a plugin's code raises is the plugin's failure: one line that says whose, where in it, and whom to tell."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path

from demo_core.distributions import place_to_report
from demo_core.errors import PluginError, one_line, printable
from demo_core.owner import Owner

#: So many places in a plugin are named, the innermost last.
_PLACES = 3


def plugin_failed(what: str, owner: Owner, error: BaseException, did: str = "failed") -> PluginError:
    """The error to raise for what a plugin's code raised; ``what`` is "explainer 'mine'".

    It names the places in the plugin and none of the core: those are seen with ``--debug``.
    """
    cause = f"{one_line(error)}{_places(error)}"
    return PluginError(f"{what} of plugin {owner.describe()} {did}: {cause}{report_to(owner)}")


def broke_contract(what: str, owner: Owner, problem: str) -> PluginError:
    """The error to raise for a plugin that gave what the contract does not allow."""
    whose = f"{what} of plugin {owner.describe()}"
    return PluginError(f"{whose} broke the contract: {printable(problem)}{report_to(owner)}")


def report_to(owner: Owner) -> str:
    """The end of a line: where to report it, if the plugin is not the user's own file and names a place."""
    place = place_to_report(owner.distribution) if owner.origin != "local file" else ""
    return f"; report it to {place}" if place else ""


def _places(error: BaseException) -> str:
    """Where in the plugin it happened: its own frames, not those of the core that calls it or of what it calls."""
    frames = traceback.extract_tb(error.__traceback__)
    others = [Path(__file__).parent, *_folders("torch"), *_folders("click")]  # what calls a plugin
    begun = next((f for f in frames if not any(_lies_in(f, folder) for folder in others)), None)
    if begun is None:
        return ""
    theirs = [f for f in frames if _lies_in(f, Path(begun.filename).parent)][-_PLACES:]
    return f", at {', '.join(f'{_short(f.filename)}:{f.lineno} in {f.name}' for f in theirs)}"


def _lies_in(frame: traceback.FrameSummary, folder: Path) -> bool:
    return Path(frame.filename).is_relative_to(folder)


def _folders(module: str) -> list[Path]:
    spec = importlib.util.find_spec(module)
    return list(map(Path, spec.submodule_search_locations or ())) if spec else []


def _short(path: str) -> str:
    return printable("/".join(Path(path).parts[-2:]), 80)
