"""Errors that a user reads, and the exit codes they end with."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Iterable

#: Categories of Unicode: controls, formats (as right-to-left), surrogates, separators of lines and paragraphs.
_CONTROLS = ("Cc", "Cf", "Cs", "Zl", "Zp")
#: Most known names that a message lists, and most characters of a message.
_LISTED, _LONGEST = 40, 4000


class ExitCode(enum.IntEnum):
    """What the ``demo`` command returns to the shell."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    MISFIT = 3
    PLUGIN = 4
    INTERRUPTED = 130


class DemoError(Exception):
    """Something the user can act on: one line that says what, where and what to do next."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str = "") -> None:
        # the one place that sanitises text from files, so messages can quote it unchanged
        super().__init__(printable(" ".join(message.splitlines()), _LONGEST))


class UsageProblem(DemoError):
    """The request itself is wrong: an unknown name, an option out of range."""

    exit_code = ExitCode.USAGE


class MisfitError(DemoError):
    """A model and a method, or a model and data, do not fit together."""

    exit_code = ExitCode.MISFIT


class Unsuitable(MisfitError, ValueError):
    """Raise this in a plugin to refuse a model, data or a combination of options; the user reads the message."""


class PluginError(DemoError):
    """A plugin failed: the message names it and who ships it; ``report`` ends it with where to report that."""

    def __init__(self, message: str, report: str = "") -> None:
        super().__init__(message + report)
        self.message, self.report = message, report

    def within(self, place: str) -> PluginError:
        """The same error, saying during what it happened."""
        return PluginError(f"{self.message} ({place})", self.report)

    exit_code = ExitCode.PLUGIN


class Interrupted(DemoError):
    """Ctrl-C, or a cluster's SIGTERM; the message says what was kept."""

    exit_code = ExitCode.INTERRUPTED


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Say that ``name`` is not a known ``what``, naming the closest match and what there is.

    >>> unknown_name("explainer", "salency", ["saliency"])
    "unknown explainer 'salency': did you mean 'saliency'? There is: saliency"
    """
    import difflib  # only a message that is really shown needs it

    names = sorted(printable(k, 60) for k in known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
    if close:
        return f"unknown {what} '{printable(name)}': did you mean '{close[0]}'? There is: {listed}"
    return f"unknown {what} '{printable(name)}'; there is " + (listed if names else "none")


def without_controls(text: str) -> str:
    """Text without characters that a terminal acts on: escape sequences, C1 controls, changes of direction."""
    return "".join(c for c in text if unicodedata.category(c) not in _CONTROLS)


def printable(text: object, limit: int = 200) -> str:
    """Text from data, made safe to print: control characters are stripped and it is cut at ``limit``.

    Names come out of files that somebody else wrote; an escape sequence in one must not reach a terminal.
    """
    clean = without_controls(str(text))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def counted(n: int, what: str) -> str:
    """A number with its noun: "1 motif", "2,000 motifs"."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def one_line(error: BaseException) -> str:
    """An exception's text on one line, for messages that quote it; its type where it has no text."""
    text = " ".join(str(error).split())
    kind = type(error).__name__
    return printable(f"{kind}: {text}" if text else kind, 400)
