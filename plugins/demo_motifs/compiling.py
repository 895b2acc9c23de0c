"""Compilation of memelite and modisco-lite at first use: the cache, and the message."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def call_compiled(what: str, packages: tuple[str, ...], call: Callable[[], T], say: Callable[[str], None]) -> T:
    """Call a function that numba may have to compile, with a writable cache; report a compilation before it starts.

    Parameters
    ----------
    what
        Name in the message.
    packages
        Distributions whose versions determine whether the cache is valid.
    """
    given = set(os.environ)
    folder = cache_folder()
    mark = folder / "-".join([what.lower(), *(f"{p}-{metadata.version(p)}" for p in packages), _machine()])
    if "NUMBA_CACHE_DIR" not in given and folder.is_relative_to(tempfile.gettempdir()):
        say(f"{what}: no writable home folder; using the temporary folder {folder}")
    if not mark.exists():
        say(
            f"{what} is being compiled for this machine: about a minute on 2 cores, once "
            f"(kept in {folder}; NUMBA_CACHE_DIR names another folder)"
        )
    result = call()
    with contextlib.suppress(OSError):  # otherwise the message is printed once more
        mark.touch()
    return result


def cache_folder() -> Path:
    """Return the folder of numba's cache: NUMBA_CACHE_DIR, otherwise the user's cache, otherwise a temporary folder.

    Call it before numba is imported, which reads the variable then. site-packages is not used, since it may be
    read-only.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    temporary = Path(tempfile.gettempdir()) / f"deep-motif-dashboard-numba-{os.getuid()}"
    for folder in [Path(given)] if given else [*_of_the_user(), temporary]:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.access(folder, os.W_OK) and (given or _is_ours_alone(folder)):
                break
        except OSError:
            continue
    else:
        folder = Path(tempfile.mkdtemp(prefix="demo-numba-"))
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:
        import numba

        setattr(numba.config, "CACHE_DIR", str(folder))  # noqa: B010 - a setting that numba makes at run time
    return folder


def _of_the_user() -> list[Path]:
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        home = Path.home()
        cache = Path(given) if given else home / ".cache"
    except RuntimeError:  # a user without an account, as in some containers
        return []
    if not given and not home.is_dir():  # the folder must not be created
        return []
    return [cache / "deep-motif-dashboard" / "numba"]


def _is_ours_alone(folder: Path) -> bool:
    """Code in the cache will be run: a folder that others made, linked or may write to is not trusted."""
    there = folder.lstat()
    return stat.S_ISDIR(there.st_mode) and there.st_uid == os.getuid() and not there.st_mode & 0o022


def _machine() -> str:
    import llvmlite.binding
    import numba

    version = ".".join(map(str, sys.version_info[:3]))
    return f"numba-{numba.__version__}-python-{version}-{llvmlite.binding.get_host_cpu_name()}"
