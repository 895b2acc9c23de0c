"""Turn exceptions of a plugin's code into one line: which plugin, where in it, and where to report it."""

from __future__ import annotations

from collections.abc import Iterator
from opcode import opmap
from pathlib import Path
from types import TracebackType

from demo_core.errors import MisfitError, PluginError, Unsuitable, one_line, printable
from demo_core.plugins.distributions import place_to_report
from demo_core.plugins.owner import Owner

#: Number of places in a plugin that are named, the innermost last.
_PLACES = 3


def plugin_failed(what: str, owner: Owner, error: BaseException, module: str, did: str = "failed") -> PluginError:
    """Make the error for an exception of a plugin's code.

    ``what`` is "explainer 'mine'", and ``module`` one of the plugin's modules. The message names places in the plugin,
    not in the core or in libraries; ``--debug`` shows those.
    """
    cause = f"{one_line(error)}{places(error, module)}"
    return PluginError(f"{what} of plugin {owner.describe()} {did}: {cause}", report_to(owner))


def refuses(error: BaseException, module: str) -> bool:
    """Return whether an exception is a refusal: ``Unsuitable``, or a ValueError that the plugin itself raises.

    A ValueError raised by a library or by Python, such as ``int("x")``, is a failure of the plugin.
    """
    if isinstance(error, Unsuitable):
        return True
    if not isinstance(error, ValueError) or error.__traceback__ is None:
        return False
    *_, last = walk(error.__traceback__)
    raised = (
        last.tb_frame.f_code.co_code[last.tb_lasti] == opmap["RAISE_VARARGS"]
    )  # by a raise statement, in Python code
    return raised and _package(last.tb_frame.f_globals.get("__name__", "")) == _package(module)


def pass_on_refusal(error: BaseException, module: str, what: str) -> None:
    """Raise MisfitError, naming ``what``, if an exception of a plugin is a refusal."""
    if refuses(error, module):
        raise MisfitError(f"{what}: {printable(' '.join(str(error).split()), 400)}") from None


def walk(trace: TracebackType | None) -> Iterator[TracebackType]:
    """Return every entry of a traceback, the innermost last."""
    while trace is not None:
        yield trace
        trace = trace.tb_next


def broke_contract(what: str, owner: Owner, problem: str) -> PluginError:
    """Make the error for a plugin whose result breaks the contract."""
    whose = f"{what} of plugin {owner.describe()}"
    return PluginError(f"{whose} broke the contract: {problem}", report_to(owner))


def report_to(owner: Owner) -> str:
    """Return the end of a message: where to report it, unless the plugin is the user's own file or names no place."""
    place = place_to_report(owner.distribution) if owner.origin != "local file" else ""
    return f"; report it to {place}" if place else ""


def places(error: BaseException, module: str) -> str:
    """Return places of an exception in a plugin: frames whose module is in the same package as ``module``."""
    theirs = [
        f"{_short(one.tb_frame.f_code.co_filename)}:{one.tb_lineno} in {one.tb_frame.f_code.co_name}"
        for one in walk(error.__traceback__)
        if _package(one.tb_frame.f_globals.get("__name__", "")) == _package(module)
    ]
    return f", at {', '.join(theirs[-_PLACES:])}" if theirs else ""


def _package(module: object) -> str:
    return str(module).partition(".")[0]


def _short(path: str) -> str:
    return printable("/".join(Path(path).parts[-2:]), 80)
