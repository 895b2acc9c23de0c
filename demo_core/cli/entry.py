"""Run the ``demo`` command line and turn errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from demo_core.cli.group import root
from demo_core.cli.output import say
from demo_core.cli.streams import drop
from demo_core.errors import DemoError, ExitCode, one_line, printable


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Each failure is one line on stderr.

    Parameters
    ----------
    arguments
        The words after ``demo``.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> from demo_core.cli import run
    >>> int(run(["plugins", "--no-such-option"]))
    2
    """
    if os.environ.get("_DEMO_COMPLETE"):  # warnings of a plugin would appear in the line that is being typed
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as this process lives
    debug = "--debug" in arguments or os.environ.get("DEMO_DEBUG", "") not in ("", "0")
    try:
        code = _invoke(arguments)
        sys.stdout.flush()  # flush here, where a failed write can still be reported
        return code
    except KeyboardInterrupt:
        return _end(
            "interrupted; any unfinished output files were removed; run the command again", ExitCode.INTERRUPTED
        )
    except Exception as error:  # noqa: BLE001 - all errors are classified and shown there
        return _failed(error, debug)
    finally:
        _let_go_of_stdout()


def _let_go_of_stdout() -> None:
    """Close a stream that cannot be written; otherwise the interpreter would try again at exit, with a traceback."""
    try:
        sys.stdout.flush()
    except OSError:
        drop(sys.stdout.fileno())


def _failed(error: Exception, debug: bool) -> int:
    if os.environ.get("_DEMO_COMPLETE"):  # an incomplete line is often invalid, and there is no place for a message
        return ExitCode.FAILED
    if debug:
        traceback.print_exception(error)
    if isinstance(error, DemoError):
        return _end(str(error), error.exit_code)
    if isinstance(error, MemoryError) or _out_of_memory(error):
        return _end(
            "out of memory; use smaller batches (--batch-size), fewer sequences, or another --device", ExitCode.FAILED
        )
    if isinstance(error, OSError):
        where = f"{printable(error.filename)}: " if error.filename else ""
        return _end(f"{where}{printable(error.strerror or one_line(error))}", ExitCode.FAILED)
    return _end(f"unexpected {one_line(error)} (--debug shows where)", ExitCode.FAILED)


def _out_of_memory(error: Exception) -> bool:
    """Return whether torch ran out of memory, such as for a model that does not fit on a GPU."""
    if "torch" not in sys.modules:
        return False
    from demo_core.models.device import out_of_memory

    return out_of_memory(error)


def _invoke(arguments: Sequence[str]) -> int:
    try:
        code = root.main(args=list(arguments), prog_name="demo", standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.DONE
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "demo"
        message = " ".join(error.format_message().split())
        return _end(f"{message} (see '{path} --help')", ExitCode.USAGE)


def _end(message: str, code: ExitCode) -> int:
    say(f"demo: {message}")
    return code
