"""Part files: finished parts of a long run, safe against a kill at any moment.

An HDF5 file that is being appended to does not survive a full disk; a folder of small complete files does. The folder
``RUN.partial`` holds ``run.json`` (the fingerprint) and parts: ``000123.npz`` has batch 123 and possibly some batches
after it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import DemoError, printable
from demo_core.storage.atomic_files import check_folder_of, read_json, whole_file, write_json
from demo_core.storage.locks import Lock, lock

_PART = re.compile(r"\d{6,}\.npz")
#: Prefix of names of text arrays, which are stored as JSON: numpy would pickle them.
_TEXT = "text:"

Arrays = Mapping[str, NDArray[Any]]


class Parts:
    """Part files of one run. ``Parts.open`` ensures that there is one writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator[Parts]:
        """Open the parts in ``folder``, which is made if necessary.

        Raises DemoError if another process writes them, or if the folder holds other files.
        """
        check_folder_of(folder)
        if folder.exists() and not folder.is_dir():
            raise DemoError(f"{folder} is a file, but this run needs a folder of that name; move the file away")
        held = _locked(folder)
        try:
            if foreign := [p.name for p in folder.iterdir() if not _ours(p.name)]:
                raise DemoError(
                    f"{folder} holds {printable(foreign[0], 60)}, which is not part of a run; "
                    "move it away, or choose another --name"
                )
            yield cls(folder)
        finally:
            held.release()

    def run(self) -> dict[str, Any] | None:
        """Return the fingerprint of the run, if any part is finished."""
        path = self.folder / "run.json"
        if not path.exists() or not self.finished():
            return None
        return dict(read_json(path, "record of an unfinished run"))

    def finished(self) -> list[int]:
        """Return the numbers of the parts: of each the first batch."""
        return sorted(int(p.stem) for p in self.folder.glob("*.npz") if _PART.fullmatch(p.name))

    def begin(self, run: Mapping[str, Any]) -> None:
        """Delete earlier parts and store a new fingerprint."""
        for path in self.folder.iterdir():
            if path.name not in ("lock", "lock.held"):
                path.unlink()
        write_json(self.folder / "run.json", dict(run))

    def write(self, number: int, arrays: Arrays) -> None:
        """Write a part. Arrays of objects hold text."""
        stored = {
            (_TEXT + name if array.dtype == object else name): _packed(array) if array.dtype == object else array
            for name, array in arrays.items()
        }
        with whole_file(self._path(number)) as temporary, temporary.open("wb") as file:
            np.savez(file, **stored)  # type: ignore[arg-type]

    def read(self, number: int) -> dict[str, NDArray[Any]] | None:
        """Read a part. None if it is missing, or unreadable and so to be computed again."""
        try:
            with self._path(number).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
            return {
                name.removeprefix(_TEXT): _unpacked(array) if name.startswith(_TEXT) else array
                for name, array in found.items()
            }
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            self._path(number).unlink(missing_ok=True)
            return None

    def remove(self) -> None:
        """Delete the folder when the run is finished."""
        for path in self.folder.iterdir():
            path.unlink(missing_ok=True)
        try:
            self.folder.rmdir()
        except OSError as error:  # another process is waiting for the lock
            if error.errno != errno.ENOTEMPTY:
                raise

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def _packed(texts: NDArray[Any]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(texts.tolist()).encode(), np.uint8)


def _unpacked(stored: NDArray[np.uint8]) -> NDArray[np.object_]:
    return np.array(json.loads(stored.tobytes()), dtype=object)


def _ours(name: str) -> bool:
    return (
        name in ("lock", "lock.held", "run.json")
        or bool(_PART.fullmatch(name))
        or (name.startswith(".") and ".tmp" in name)
    )


def _locked(folder: Path) -> Lock:
    """Return an exclusive lock on the folder's lock file."""
    while True:
        folder.mkdir(exist_ok=True)
        try:
            return lock(folder / "lock")
        except FileNotFoundError:  # removed by a process that finished just now
            continue
        except BlockingIOError:
            raise DemoError(f"{folder}: another process is computing this; wait for it to end") from None
