"""File locks, with a fallback for file systems without them, and removal of leftovers of killed processes."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import glob
import hashlib
import logging
import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from demo_core.errors import printable

_log = logging.getLogger(__name__)

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
_EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h
_HELD = ".held"
_LONGEST = 80
#: Folders without locks for which a warning was given.
_WARNED: set[Path] = set()


@dataclass
class Lock:
    """A lock. Release it, or let the process end."""

    handle: int
    #: File that represents the lock on a file system without locks
    standing: Path | None = None

    def release(self) -> None:
        """Release the lock."""
        if self.standing is not None:
            self.standing.unlink(missing_ok=True)
        os.close(self.handle)


def lock(path: Path, *, folder: bool = False) -> Lock:
    """Lock a file, which is made if necessary, or an existing folder, exclusively.

    Parameters
    ----------
    path
        File to lock, made if necessary, or an existing folder.
    folder
        Whether it is a folder.

    Returns
    -------
    Lock
        The lock; release it, or let the process end.

    Raises
    ------
    BlockingIOError
        If another process has it.
    FileNotFoundError
        If its folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import lock
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     held = lock(Path(folder) / "lock")
    ...     held.release()
    """
    while True:
        handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR | os.O_CREAT, 0o666)
        standing = None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                standing = _stand_in(path)
            # The locked file may have been deleted in the meantime, and then locks nothing
            if os.path.samestat(os.fstat(handle), path.stat()):
                return Lock(handle, standing)
        except FileNotFoundError:
            pass
        except OSError:
            os.close(handle)
            raise
        Lock(handle, standing).release()


def _stand_in(path: Path) -> Path:
    """Make a lock file for file systems without locks (Lustre, some NFS). One of a dead process of this machine is
    taken over.
    """
    standing = path.with_name(path.name + _HELD)
    mine = f"{socket.gethostname()} {os.getpid()}"
    for _ in range(2):
        try:
            handle = os.open(standing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            if _held_by_somebody(standing):
                raise BlockingIOError(errno.EAGAIN, "held by another process") from None
            standing.unlink(missing_ok=True)
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(mine)
        if standing.parent in _WARNED:
            return standing
        _WARNED.add(standing.parent)
        _log.warning(
            "%s: this file system has no file locks; using %s instead (delete it if no DeMo process is running here)",
            printable(path.parent), printable(standing.name),
        )  # fmt: skip
        return standing
    raise BlockingIOError(errno.EAGAIN, "held by another process")


def _held_by_somebody(standing: Path) -> bool:
    """Return whether a lock file belongs to a process that may be alive. For another machine this is unknown."""
    try:
        host, _, number = standing.read_text(encoding="utf-8", errors="replace").partition(" ")
    except FileNotFoundError:
        return False
    return host != socket.gethostname() or not number.isdecimal() or _is_alive(int(number))


def _is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def clear_leftovers(path: Path, folder: Path) -> bool:
    """Delete what killed processes left when writing ``path`` in ``folder``. Restore an output that was set aside.

    Return whether another process is writing it now.

    Parameters
    ----------
    path
        Output of a command.
    folder
        Folder with its temporary files.

    Returns
    -------
    bool
        Whether another process is writing the output now.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core.storage import clear_leftovers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clear_leftovers(Path(folder) / "peaks.h5", Path(folder))
    False
    """
    name = glob.escape(hidden_name(path))
    busy = False
    for left in folder.glob(f".{name}.????????.tmp*"):
        if left.name.endswith(_HELD):
            if not left.with_name(left.name.removesuffix(_HELD)).exists() and not _held_by_somebody(left):
                left.unlink(missing_ok=True)
            continue
        try:
            held = lock(left, folder=left.is_dir())
        except BlockingIOError:
            busy = True
            continue
        except OSError:
            continue
        _delete(left)
        held.release()
    if busy:
        return True
    for aside in folder.glob(f".{name}.????????.old"):
        if (aside / "was").exists() and not path.exists():
            (aside / "was").replace(path)
            _log.warning("%s: restored; a killed process had left the replacement unfinished", printable(path))
        _delete(aside)
    return False


def hidden_name(path: Path) -> str:
    """Return the prefix of hidden files of an output: its name, shortened so that different names stay different."""
    if len(path.name) <= _LONGEST:
        return path.name
    return f"{path.name[: _LONGEST - 9]}-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}"


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names atomically. Return False if the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here = ctypes.c_int(-100)  # AT_FDCWD: paths are relative to the current folder
    return bool(renameat2(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(_EXCHANGE)) == 0)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
