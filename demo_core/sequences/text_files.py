"""Lines of text files, plain or gzip, with errors that name the place."""

from __future__ import annotations

import codecs
import io
import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from demo_core.errors import DemoError, printable
from demo_core.storage.limits import RECORD

#: Seconds to wait for a process that writes into a named pipe.
_WAIT = 10.0


class BadSource(DemoError):
    """A source file is not what its reader expects. The message names the file and the place.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core import BadSource
    >>> str(BadSource(Path("peaks.tsv"), "has 2 columns, but the header has 3", "line 7"))
    'peaks.tsv: line 7: has 2 columns, but the header has 3'
    """

    def __init__(self, path: Path, problem: str, where: str = "") -> None:
        super().__init__(": ".join(part for part in (printable(path), where, problem) if part))


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Yield number (from 1) and text of each line, without its line ending. Gzip is detected by the first bytes.

    Pipes and process substitution are read like files.

    Parameters
    ----------
    path
        A text file, plain or gzip, or a pipe.

    Returns
    -------
    iterator
        Pairs of line number (from 1) and text without line ending.

    Raises
    ------
    BadSource
        If the file is missing, empty, not text, a damaged or truncated gzip file, or has a line of more than
        ``limits.RECORD`` bytes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core import text_lines
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "peaks.txt"
    ...     _ = path.write_text("ACGT\nTTGA\n")
    ...     list(text_lines(path))
    [(1, 'ACGT'), (2, 'TTGA')]
    """
    for first, block in text_blocks(path):
        yield from enumerate(block.removesuffix("\n").split("\n"), first)


def text_blocks(path: Path, size: int = 1 << 16) -> Iterator[tuple[int, str]]:
    r"""Yield blocks of whole lines, for readers that handle many lines at once.

    Parameters
    ----------
    path
        A text file, plain or gzip, or a pipe.
    size
        Number of bytes to read at a time.

    Returns
    -------
    iterator
        Pairs: number of the first line (from 1), and text of the lines. Lines end with ``\n``, except perhaps the last
        of the file.

    Raises
    ------
    BadSource
        As ``text_lines``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.sequences import text_blocks
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "peaks.txt"
    ...     _ = path.write_bytes(b"ACGT\r\nTTGA")
    ...     list(text_blocks(path))
    [(1, 'ACGT\n'), (2, 'TTGA')]
    """
    import gzip  # imported here: zlib slows down the start of commands that read nothing
    import zlib

    number, most = 1, RECORD.value
    begun: list[str] = []  # pieces of a line that continues in the next block
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")("replace"), translate=True)
    try:
        with open_source(path) as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"  # type: ignore[attr-defined]
            stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            data = b"more"
            while data:
                data = stream.read1(size)
                text = decoder.decode(data, final=not data)
                if "\0" in text:
                    line = number + text.count("\n", 0, text.index("\0"))
                    raise BadSource(path, "this is not a text file", f"line {line}")
                end = text.rfind("\n") + 1 if data else len(text)
                if end or not data:
                    block, begun = "".join([*begun, text[:end]]), []
                    if len(block) > most:
                        _check_lines(path, block, number, most)
                    if block:
                        yield number, block
                        number += block.count("\n") + (block[-1] != "\n")
                begun.append(text[end:])
                if sum(map(len, begun)) > most:
                    raise BadSource(path, RECORD.exceeded(), f"line {number}")
    except EOFError:
        raise BadSource(path, "the gzip file is truncated; copy it again", f"after line {number - 1}") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadSource(path, f"the gzip file is damaged ({error})", f"after line {number - 1}") from None
    if number == 1:
        raise BadSource(path, "the file is empty")


def _check_lines(path: Path, block: str, number: int, most: int) -> None:
    for line, text in enumerate(block.split("\n"), number):
        if len(text) > most:
            raise BadSource(path, RECORD.exceeded(), f"line {line}")


def open_source(path: Path) -> BinaryIO:
    """Open a file in binary mode, or a pipe that some process writes to. Raises BadSource."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BadSource(path, "this is a folder; give a file")
        if stat.S_ISFIFO(mode):
            return _open_pipe(path)
        return path.open("rb")
    except FileNotFoundError:
        raise BadSource(path, "no such file") from None
    except OSError as error:
        raise BadSource(path, f"cannot be read ({error.strerror})") from None


def _open_pipe(path: Path) -> BinaryIO:
    # without blocking, since opening a named pipe without a writer would wait forever
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    if not poll.poll(_WAIT * 1000):
        try:
            nobody = os.read(handle, 1) == b""
        except BlockingIOError:  # a writer exists, and has not written yet
            nobody = False
        if nobody:
            os.close(handle)
            raise BadSource(
                path,
                f"no process wrote to this pipe within {_WAIT:g} seconds; start the writing process, or give a file",
            )
    os.set_blocking(handle, True)
    return os.fdopen(handle, "rb")
