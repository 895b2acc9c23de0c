"""What a plugin's code raises is the plugin's failure: one line that says whose, where in it, and whom to tell."""

from __future__ import annotations

from collections.abc import Iterator
from opcode import opmap
from pathlib import Path
from types import TracebackType

from demo_core.errors import MisfitError, PluginError, Unsuitable, one_line, printable
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


def refuses(error: BaseException, module: str) -> bool:
    """Whether an exception is a refusal: ``Unsuitable``, or a ValueError that the plugin itself raises.

    A ValueError raised by a library or by Python, such as ``int("x")``, is a failure of the plugin.
    """
    if isinstance(error, Unsuitable):
        return True
    if not isinstance(error, ValueError) or error.__traceback__ is None:
        return False
    *_, last = walk(error.__traceback__)
    raised = last.tb_frame.f_code.co_code[last.tb_lasti] == opmap["RAISE_VARARGS"]  # by a statement, in Python code
    return raised and _package(last.tb_frame.f_globals.get("__name__", "")) == _package(module)


def pass_on_refusal(error: BaseException, module: str, what: str) -> None:
    """Raise MisfitError, naming ``what``, if an exception of a plugin is a refusal."""
    if refuses(error, module):
        raise MisfitError(f"{what}: {printable(' '.join(str(error).split()), 400)}") from None


def walk(trace: TracebackType | None) -> Iterator[TracebackType]:
    """Every entry of a traceback, the innermost last."""
    while trace is not None:
        yield trace
        trace = trace.tb_next


def broke_contract(what: str, owner: Owner, problem: str) -> PluginError:
    """The error to raise for a plugin that gave what the contract does not allow."""
    whose = f"{what} of plugin {owner.describe()}"
    return PluginError(f"{whose} broke the contract: {problem}", report_to(owner))


def report_to(owner: Owner) -> str:
    """The end of a line: where to report it, if the plugin is not the user's own file and names a place."""
    place = place_to_report(owner.distribution) if owner.origin != "local file" else ""
    return f"; report it to {place}" if place else ""


def places(error: BaseException, module: str) -> str:
    """Where in a plugin it happened: the frames whose module is in the same package as ``module``."""
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
