"""Locks on files, also where the file system has none, and what processes that were killed have left behind."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import glob
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


@dataclass
class Lock:
    """A lock that is held: release it, or let the process end."""

    handle: int
    #: The file that stands for the lock where the file system has none
    standing: Path | None = None

    def release(self) -> None:
        """Give it back."""
        if self.standing is not None:
            self.standing.unlink(missing_ok=True)
        os.close(self.handle)


def lock(path: Path, *, folder: bool = False) -> Lock:
    """An exclusive lock on a file, made if need be, or on a folder that is there.

    Raises BlockingIOError while another process has it, FileNotFoundError if its folder has gone.
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
            # The file that was locked may be one that has been deleted since, and so locks nothing
            if os.path.samestat(os.fstat(handle), path.stat()):
                return Lock(handle, standing)
        except FileNotFoundError:
            pass
        except OSError:
            os.close(handle)
            raise
        Lock(handle, standing).release()


def _stand_in(path: Path) -> Path:
    """A lock file for file systems without locks (Lustre, some NFS); one of a dead process of this machine is taken."""
    standing = path.with_name(path.name + ".held")
    mine = f"{socket.gethostname()} {os.getpid()}"
    for _ in range(2):
        try:
            handle = os.open(standing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            host, _, number = standing.read_text(encoding="utf-8", errors="replace").partition(" ")
            if host != socket.gethostname() or not number.isdecimal() or _is_alive(int(number)):
                raise BlockingIOError(errno.EAGAIN, f"held by {printable(host, 60)}") from None
            standing.unlink(missing_ok=True)
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(mine)
        _log.warning(
            "%s: this file system has no file locks; %s stands in for one (delete it if no process is at work here)",
            printable(path.parent), printable(standing.name),
        )  # fmt: skip
        return standing
    raise BlockingIOError(errno.EAGAIN, "held by another process")


def _is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def clear_leftovers(path: Path, folder: Path) -> bool:
    """Delete what killed processes left of writing ``path`` in ``folder``; restore an output that was set aside.

    Returns whether another process is writing it now.
    """
    name = glob.escape(path.name[:80])
    busy = False
    for left in folder.glob(f".{name}.????????.tmp*"):
        try:
            held = lock(left, folder=left.is_dir())
        except BlockingIOError:
            busy = True
            continue
        except OSError:
            continue
        _delete(left)
        held.release()
    for aside in folder.glob(f".{name}.????????.old"):
        if (aside / "was").exists() and not path.exists():
            (aside / "was").replace(path)
            _log.warning("%s was being replaced by a process that was killed, and is restored", printable(path))
        _delete(aside)
    return busy


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names at once; False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here = ctypes.c_int(-100)  # AT_FDCWD: paths are taken from the current folder
    return bool(renameat2(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(_EXCHANGE)) == 0)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
