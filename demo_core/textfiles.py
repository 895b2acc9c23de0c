"""Lines of a text file, plain or gzip, with errors that say where."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from demo_core.errors import DemoError, printable


class BadSource(DemoError):
    """A source file is not what its reader expects; the message names the file and the place."""

    def __init__(self, path: Path, problem: str, where: str = "") -> None:
        super().__init__(": ".join(part for part in (printable(path), where, problem) if part))


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line, without its line ending; gzip is told by its first bytes.

    Raises BadSource if the file is missing, empty, not text, or a damaged or truncated gzip file.
    """
    import gzip  # with zlib, a noticeable part of the start-up of commands that read nothing
    import zlib

    if path.is_dir():
        raise BadSource(path, "this is a folder; give a file")
    number = 0
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace") as text:
                for number, line in enumerate(text, start=1):
                    if "\0" in line:
                        raise BadSource(path, "this is not a text file", f"line {number}")
                    yield number, line.rstrip("\r\n")
    except FileNotFoundError:
        raise BadSource(path, "there is no such file") from None
    except EOFError:
        raise BadSource(path, "the gzip file is truncated: copy it again", f"after line {number}") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadSource(path, f"the gzip file is damaged ({error})", f"after line {number}") from None
    if number == 0:
        raise BadSource(path, "the file is empty")
