"""Whole or nothing: a file gets its name when it is complete, and never before."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo_core.errors import DemoError, printable


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``; renamed to it on success, removed on any failure.

    The content is fsynced before the rename, so that a crash leaves the old file or the new one.
    """
    check_folder_of(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".tmp" + path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would keep colleagues out
        fsync(temporary)
        temporary.replace(path)
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A temporary folder beside ``path``; takes its name on success, is removed on any failure.

    With ``replace`` an existing folder is moved aside first and deleted last.
    """
    check_folder_of(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:80]}.", suffix=".tmp", dir=path.parent))
    old = None
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        for inside in temporary.rglob("*"):
            fsync(inside)
        if replace and path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name[:80]}.", suffix=".old", dir=path.parent))
            path.replace(old / "was")
        try:
            temporary.replace(path)
        except OSError:
            if old:
                (old / "was").replace(path)
            raise
        fsync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old:
            shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """JSON from a file; raises DemoError naming file and place."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DemoError(f"{printable(path)}: there is no such {what}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DemoError(f"{printable(path)} is not a readable {what}: {printable(error)}") from None


def check_folder_of(path: Path) -> None:
    """Raise DemoError unless a file called ``path`` could be made."""
    folder = path.parent
    if not folder.is_dir():
        raise DemoError(f"{printable(folder)}: there is no such folder to write {printable(path.name)} into")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DemoError(f"{printable(folder)}: this folder cannot be written to; choose another output")


def fsync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
