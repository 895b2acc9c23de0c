"""Errors for the user, and their exit codes."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Iterable

#: Unicode categories: controls, formats (such as right-to-left), surrogates, line and paragraph separators.
_CONTROLS = ("Cc", "Cf", "Cs", "Zl", "Zp")
#: Most known names that a message lists, and most characters of a message.
_LISTED, _LONGEST = 40, 4000


class ExitCode(enum.IntEnum):
    """Exit codes of the ``demo`` command.

    Examples
    --------
    >>> from demo_core import ExitCode
    >>> [code.name for code in ExitCode]
    ['DONE', 'FAILED', 'USAGE', 'MISFIT', 'PLUGIN', 'INTERRUPTED']
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    MISFIT = 3
    PLUGIN = 4
    INTERRUPTED = 130


class DemoError(Exception):
    """An error that the user can act on: one line that says where, what is wrong, and what to do.

    Examples
    --------
    >>> from demo_core import DemoError, UsageProblem
    >>> try:
    ...     raise UsageProblem("unknown target 'x'; known: bound")
    ... except DemoError as error:
    ...     print(error, int(error.exit_code))
    unknown target 'x'; known: bound 2
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str = "") -> None:
        # the one place that sanitises text from files, so messages can quote it unchanged
        super().__init__(printable(" ".join(message.splitlines()), _LONGEST))


class UsageProblem(DemoError):
    """The request is invalid: an unknown name, or an option out of range.

    Examples
    --------
    >>> from demo_core import UsageProblem
    >>> int(UsageProblem("unknown name").exit_code)
    2
    """

    exit_code = ExitCode.USAGE


class MisfitError(DemoError):
    """A model and a method, or a model and data, do not fit together.

    Examples
    --------
    >>> from demo_core import MisfitError
    >>> int(MisfitError("the model reads 101 bases").exit_code)
    3
    """

    exit_code = ExitCode.MISFIT


class Unsuitable(MisfitError, ValueError):
    """Raise this in a plugin to refuse a model, data or a combination of options; the user reads the message.

    Examples
    --------
    >>> from demo_core import MisfitError, Unsuitable
    >>> isinstance(Unsuitable("needs an odd width"), MisfitError)
    True
    """


class PluginError(DemoError):
    """A plugin failed. The message names it and its distribution; ``report`` says where to report it.

    Examples
    --------
    >>> from demo_core import PluginError
    >>> str(PluginError("explainer 'mine' failed").within("batch 3"))
    "explainer 'mine' failed (batch 3)"
    """

    def __init__(self, message: str, report: str = "") -> None:
        super().__init__(message + report)
        self.message, self.report = message, report

    def within(self, place: str) -> PluginError:
        """Return the same error with the operation during which it happened."""
        return PluginError(f"{self.message} ({place})", self.report)

    exit_code = ExitCode.PLUGIN


class Interrupted(DemoError):
    """Ctrl-C, or SIGTERM from a cluster. The message says what was kept."""

    exit_code = ExitCode.INTERRUPTED


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Return a message for an unknown name, with the closest match and the known names.

    Parameters
    ----------
    what, name
        Kind of thing, and the name received.
    known
        Names that exist.

    Examples
    --------
    >>> from demo_core.errors import unknown_name
    >>> unknown_name("explainer", "salency", ["saliency"])
    "unknown explainer 'salency': did you mean 'saliency'? Known: saliency"
    """
    import difflib  # imported only when a message is shown

    names = sorted(printable(k, 60) for k in known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
    if close:
        return f"unknown {what} '{printable(name)}': did you mean '{close[0]}'? Known: {listed}"
    return f"unknown {what} '{printable(name)}'; known: {listed or 'none'}"


def without_controls(text: str) -> str:
    """Remove characters that a terminal interprets: escape sequences, C1 controls, changes of direction.

    Parameters
    ----------
    text
        Any text.

    Examples
    --------
    >>> from demo_core.errors import without_controls
    >>> without_controls("peak\\x1b[2J")
    'peak[2J'
    """
    if text.isprintable():  # the usual case, and much faster
        return text
    return "".join(c for c in text if unicodedata.category(c) not in _CONTROLS)


def printable(text: object, limit: int = 200) -> str:
    """Make text from data safe to print: control characters are removed, and it is cut at ``limit``.

    Names come from files of others; an escape sequence in a name must not reach a terminal.

    Parameters
    ----------
    text
        Any object.
    limit
        Maximum number of characters.

    Examples
    --------
    >>> from demo_core.errors import printable
    >>> printable("chr1:100-200", 6)
    'chr1:…'
    """
    clean = without_controls(str(text))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def counted(n: int, what: str) -> str:
    """Return a number with its noun: "1 motif", "2,000 motifs".

    Parameters
    ----------
    n
        The number.
    what
        The noun in the singular.

    Examples
    --------
    >>> from demo_core.errors import counted
    >>> counted(2000, "motif")
    '2,000 motifs'
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def one_line(error: BaseException) -> str:
    """Return the text of an exception on one line; its type if it has no text.

    Parameters
    ----------
    error
        Any exception.

    Examples
    --------
    >>> from demo_core.errors import one_line
    >>> one_line(ValueError("not a number"))
    'ValueError: not a number'
    """
    text = " ".join(str(error).split())
    kind = type(error).__name__
    return printable(f"{kind}: {text}" if text else kind, 400)
