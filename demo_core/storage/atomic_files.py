"""Atomic output: a file gets its final name only when it is complete."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from demo_core.errors import DemoError, printable
from demo_core.storage.limits import TEXT
from demo_core.storage.locks import clear_leftovers, exchange, hidden_name, lock

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def whole_file(path: Path, *, within: Path | None = None, replace: bool = True) -> Iterator[Path]:
    r"""Yield a temporary path beside ``path``. It is renamed to ``path`` on success and removed on failure.

    The content is fsynced before the rename, so a crash leaves the old file or the new one. Leftovers of killed
    processes are deleted first. A symbolic link is followed.

    Parameters
    ----------
    path
        File to write.
    within
        Another folder, on the same file system, for the temporary file.
    replace
        Whether an existing file may be replaced, including one that appears in the meantime.

    Raises
    ------
    DemoError
        If the path cannot be written, exists and may not be replaced, is being written by another process, or the disk
        is full.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import whole_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder) / "table.tsv") as temporary:
    ...         _ = temporary.write_text("id\n")
    ...     [path.name for path in Path(folder).iterdir()]
    ['table.tsv']
    """
    with whole_files([path], within=within, replace=replace) as (temporary,):
        yield temporary


@contextlib.contextmanager
def whole_files(paths: Sequence[Path], *, within: Path | None = None, replace: bool = True) -> Iterator[list[Path]]:
    """Yield temporary paths for several files of one result, which are renamed together; see ``whole_file``.

    Parameters
    ----------
    paths
        Files of one result.
    within
        Folder for temporary files.
    replace
        Whether existing files may be replaced.

    Raises
    ------
    DemoError
        As for ``whole_file``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import whole_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_files([Path(folder) / "a.npz", Path(folder) / "b.npz"]) as temporary:
    ...         _ = [path.write_bytes(b"") for path in temporary]
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['a.npz', 'b.npz']
    """
    targets = [_followed(path) for path in paths]
    for path in targets:
        check_file_can_be(path)
        if not replace:
            _check_new(path)
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(_temporary_file(path, within or path.parent)) for path in targets]
        with saying_full(paths[0]):
            yield made
            for temporary in made:
                temporary.chmod(0o666 & ~_umask())  # mkstemp's mode 0600 would exclude colleagues
                fsync(temporary)
            if not replace:
                for path in targets:
                    _check_new(path)
            for temporary, path in zip(made, targets, strict=True):
                _take_name(temporary, path, replace)
            for folder in {path.parent for path in targets}:
                fsync(folder)


@contextlib.contextmanager
def _temporary_file(path: Path, folder: Path) -> Iterator[Path]:
    _check_not_busy(path, folder)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{hidden_name(path)}.", suffix=".tmp" + path.suffix, dir=folder)
    except OSError as error:  # whose text names a temporary file
        raise DemoError(f"{path} cannot be written ({error.strerror}); choose another output") from None
    os.close(handle)
    temporary = Path(name)
    held = lock(temporary)  # while this process lives, other processes do not delete it as a leftover
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        held.release()


def _take_name(temporary: Path, path: Path, replace: bool) -> None:
    if replace:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # fails if another process was faster
    except FileExistsError:
        _check_new(path)
        raise
    except OSError:  # a file system without hard links
        temporary.replace(path)


@contextlib.contextmanager
def whole_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    r"""Yield a temporary folder beside ``path``. It is renamed to ``path`` on success and removed on failure.

    With ``replace``, an existing folder is exchanged atomically if the system supports it. Otherwise it is moved aside
    first, and moved back on failure; after a kill between the two renames, the next call moves it back.

    Parameters
    ----------
    path
        Folder to write.
    replace
        Whether an existing folder may be replaced.

    Raises
    ------
    DemoError
        As for ``whole_file``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import whole_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_folder(Path(folder) / "motifs") as temporary:
    ...         _ = (temporary / "motifs.tsv").write_text("motif\n")
    ...     [path.name for path in Path(folder, "motifs").iterdir()]
    ['motifs.tsv']
    """
    path = _followed(path)
    check_folder_of(path)
    _check_not_busy(path, path.parent)
    if not replace:
        _check_new(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{hidden_name(path)}.", suffix=".tmp", dir=path.parent))
    held = lock(temporary, folder=True)
    try:
        with saying_full(path):
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            for inside in temporary.rglob("*"):
                fsync(inside)
            if not replace:
                _check_new(path)
            if not replace or not path.exists():
                _rename_folder(temporary, path)
            elif not exchange(temporary, path):
                _swap(temporary, path)
            fsync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        held.release()


@contextlib.contextmanager
def saying_full(path: Path) -> Iterator[None]:
    """Turn a full disk into a DemoError that names the output and the disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DemoError(
            f"{path}: cannot write to the file system at {printable(_mount(path))} ({error.strerror}); "
            "free space, or choose another output"
        ) from None


def _mount(path: Path) -> Path:
    folder = path.absolute().parent
    while not os.path.ismount(folder):
        folder = folder.parent
    return folder


def _followed(path: Path) -> Path:
    """Return the real path of an output: a symbolic link stays, and its target is replaced."""
    if not path.is_symlink():
        return path
    try:
        return path.resolve(strict=False)
    except (OSError, RuntimeError):
        raise DemoError(f"{path} is a symbolic link to itself; choose another output") from None


def _check_new(path: Path) -> None:
    if path.exists():
        raise DemoError(f"{path} already exists; choose another name, or replace it (--force; in Python replace=True)")


def _check_not_busy(path: Path, folder: Path) -> None:
    if clear_leftovers(path, folder):
        raise DemoError(f"{path}: another process is writing it; wait for it to end, or choose another name")


def _rename_folder(temporary: Path, path: Path) -> None:
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):  # another process was faster
            _check_new(path)
        raise


def _swap(new: Path, path: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix=f".{hidden_name(path)}.", suffix=".old", dir=path.parent))
    old = aside / "was"
    try:
        path.replace(old)
        new.replace(path)
    except BaseException:
        if old.exists() and not path.exists():
            old.replace(path)
        raise
    finally:
        # never while it holds the only copy
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)


def write_text(path: Path, text: str, *, replace: bool = True) -> None:
    r"""Write a text file atomically.

    Parameters
    ----------
    path
        File to write.
    text
        Its content.
    replace
        Whether an existing file may be replaced.

    Raises
    ------
    DemoError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import write_text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "peaks.bed"
    ...     write_text(path, "chr1\t100\t200\n")
    ...     path.read_text()
    'chr1\t100\t200\n'
    """
    with whole_file(path, replace=replace) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically.

    Parameters
    ----------
    path
        File to write.
    value
        Value to write.

    Raises
    ------
    DemoError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import write_json
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.json"
    ...     write_json(path, {"seed": 0})
    ...     path.exists()
    True
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def check_regular(path: Path) -> None:
    """Raise DemoError if a path is not a regular file: a pipe or a device could be read without end.

    Parameters
    ----------
    path
        File to read.

    Raises
    ------
    DemoError
        If it exists and is not a regular file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core import DemoError
    >>> from demo_core.storage import check_regular
    >>> try:
    ...     check_regular(Path("/dev/null"))
    ... except DemoError:
    ...     print("refused")
    refused
    """
    if not path.exists():
        raise DemoError(f"{path}: no such file")
    if path.is_dir():
        raise DemoError(f"{path}: this is a folder; give a file")
    if not path.is_file():
        raise DemoError(f"{path} is a pipe or a device; give a regular file")


def read_json(path: Path, what: str) -> Any:
    """Read JSON from a file.

    Parameters
    ----------
    path
        File to read.
    what
        Description of the content, for messages.

    Returns
    -------
    object
        The value.

    Raises
    ------
    DemoError
        If it cannot be read; the message names file and place.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import read_json, write_json
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.json"
    ...     write_json(path, {"seed": 0})
    ...     read_json(path, "a run")
    {'seed': 0}
    """
    try:
        if path.exists():
            check_regular(path)
            TEXT.check(path.stat().st_size, printable(path))
        return parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DemoError(f"{path}: no such {what}") from None
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DemoError(f"{path} is not a readable {what}: {error}") from None


def parse_json(text: str) -> Any:
    """Parse JSON strictly: NaN, Infinity and lone surrogates, which Python accepts, are a ValueError.

    Parameters
    ----------
    text
        JSON text.

    Returns
    -------
    object
        The value.

    Raises
    ------
    ValueError
        On invalid JSON, NaN, Infinity or lone surrogates.

    Examples
    --------
    >>> from demo_core.storage import parse_json
    >>> parse_json('{"limit": 100}')
    {'limit': 100}
    """

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    value = json.loads(text, parse_constant=refuse)
    if "\\ud" in text.lower():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a string contains a lone surrogate (half of a UTF-16 pair)") from None
    return value


def check_folder_of(path: Path) -> None:
    """Raise DemoError unless ``path`` can be created.

    Parameters
    ----------
    path
        File or folder to write.

    Raises
    ------
    DemoError
        Unless it can be created.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core import DemoError
    >>> from demo_core.storage import check_folder_of
    >>> try:
    ...     check_folder_of(Path("/dev/null/results"))
    ... except DemoError:
    ...     print("refused")
    refused
    """
    folder = path.parent
    if not folder.is_dir():
        raise DemoError(f"{folder}: no such folder; create it, or choose another output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DemoError(f"{folder}: this folder is not writable; choose another output")


def check_file_can_be(path: Path) -> None:
    """Raise DemoError unless the file ``path`` can be created or replaced.

    Parameters
    ----------
    path
        File to write.

    Raises
    ------
    DemoError
        Unless it can be created or replaced.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core import DemoError
    >>> from demo_core.storage import check_file_can_be
    >>> try:
    ...     check_file_can_be(Path("/dev/null/figure.png"))
    ... except DemoError:
    ...     print("refused")
    refused
    """
    check_folder_of(path)
    if path.is_dir():
        raise DemoError(f"{path} is a folder; give the name of a file")


def make_folder(path: Path) -> None:
    """Make a folder and its parents.

    Parameters
    ----------
    path
        Folder to make, with its parents.

    Raises
    ------
    DemoError
        If that fails.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import make_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     make_folder(Path(folder) / "results" / "cnn")
    ...     Path(folder, "results", "cnn").is_dir()
    True
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"{path}: cannot create this folder ({error.strerror}); choose another") from None


def check_not_an_input(output: Path, *inputs: Path | None) -> None:
    """Raise DemoError if an output is one of the inputs, or lies in one: --force must not destroy an input.

    Parameters
    ----------
    output
        Path of an output.
    inputs
        Paths of inputs; None is ignored.

    Raises
    ------
    DemoError
        If the output is an input, or lies in one: --force must not destroy an input.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core import DemoError
    >>> from demo_core.storage import check_not_an_input
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "peaks.h5"
    ...     path.touch()
    ...     try:
    ...         check_not_an_input(path, path)
    ...     except DemoError:
    ...         print("refused")
    refused
    """
    for source in inputs:
        if source is None or not output.exists() or not source.exists():
            continue
        if output.samefile(source) or source.resolve() in output.resolve().parents:
            raise DemoError(f"{output} is an input of this command; choose another output")


def fsync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
