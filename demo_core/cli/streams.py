"""Standard streams that drop output without an error once their reader has closed."""

from __future__ import annotations

import errno
import io
import os
import sys

_TERMINAL_GONE = {errno.EIO, errno.ENXIO}


class _Lasting(io.FileIO):
    """A stream's file that drops output once its reader has closed."""

    gone = False

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if error.errno != errno.EPIPE and not (error.errno in _TERMINAL_GONE and self.isatty()):
                raise
            self.gone = True
            drop(self.fileno())
            return memoryview(data).nbytes  # type: ignore[arg-type]


def drop(number: int) -> None:
    """Redirect pending output of a stream to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def make_lasting() -> None:
    """Replace stdout and stderr by streams that drop output after their reader closed. Reopen closed ones (``>&-``)."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # otherwise the next file that is opened would get this file descriptor
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        old = getattr(sys, name)
        raw = _Lasting(number, "w", closefd=False)
        setattr(
            sys,
            name,
            io.TextIOWrapper(
                io.BufferedWriter(raw),
                encoding=getattr(old, "encoding", None) or "utf-8",
                errors=getattr(old, "errors", None) or "backslashreplace",
                line_buffering=number == 2 or raw.isatty(),
            ),
        )


def reader_gone() -> bool:
    """Return whether the reader of stdout has closed.

    Returns
    -------
    bool
        Whether the reader has closed.

    Examples
    --------
    >>> from demo_core.cli import reader_gone
    >>> reader_gone()
    False
    """
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return bool(getattr(raw, "gone", False))
