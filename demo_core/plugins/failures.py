"""What a plugin's code raises is the plugin's failure: one line that says whose, where in it, and whom to tell."""

from __future__ import annotations

import traceback
from pathlib import Path

from demo_core.errors import PluginError, one_line, printable
from demo_core.plugins.distributions import place_to_report
from demo_core.plugins.owner import Owner

#: So many places in a plugin are named, the innermost last.
_PLACES = 3


def plugin_failed(what: str, owner: Owner, error: BaseException, module: str, did: str = "failed") -> PluginError:
    """The error to raise for what a plugin's code raised.

    ``what`` is "explainer 'mine'", and ``module`` one of the plugin's modules. Places in the plugin are named, and none
    of the core or of libraries: those are seen with ``--debug``.
    """
    cause = f"{one_line(error)}{places(error, module)}"
    return PluginError(f"{what} of plugin {owner.describe()} {did}: {cause}", report_to(owner))


def broke_contract(what: str, owner: Owner, problem: str) -> PluginError:
    """The error to raise for a plugin that gave what the contract does not allow."""
    whose = f"{what} of plugin {owner.describe()}"
    return PluginError(f"{whose} broke the contract: {printable(problem)}", report_to(owner))


def report_to(owner: Owner) -> str:
    """The end of a line: where to report it, if the plugin is not the user's own file and names a place."""
    place = place_to_report(owner.distribution) if owner.origin != "local file" else ""
    return f"; report it to {place}" if place else ""


def places(error: BaseException, module: str) -> str:
    """Where in a plugin it happened: the frames whose module is in the same package as ``module``."""
    package = module.split(".", maxsplit=1)[0]
    theirs = [
        f"{_short(frame.f_code.co_filename)}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).split(".")[0] == package
    ]
    return f", at {', '.join(theirs[-_PLACES:])}" if theirs else ""


def _short(path: str) -> str:
    return printable("/".join(Path(path).parts[-2:]), 80)
