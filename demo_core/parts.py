"""Part files: what a long run has done so far, safe against being killed at any moment.

An HDF5 file that is being appended to does not survive a full disk; a folder of small whole files does. The folder
``RUN.partial`` holds ``run.json`` (what is being computed) and one ``000123.npz`` a part.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import DemoError, printable
from demo_core.files import check_folder_of, read_json, whole_file, write_json

Arrays = Mapping[str, NDArray[Any]]


class Parts:
    """The part files of one run. Use ``Parts.open``, which makes sure that there is one writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator[Parts]:
        """The parts in ``folder``, made if need be; raises DemoError while another process writes them."""
        check_folder_of(folder)
        folder.mkdir(exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DemoError(f"{printable(folder)}: another process is computing this; wait for it to end") from None
            yield cls(folder)
        finally:
            os.close(lock)

    def run(self) -> dict[str, Any] | None:
        """What was being computed here, if anything."""
        path = self.folder / "run.json"
        return dict(read_json(path, "record of an unfinished run")) if path.exists() else None

    def begin(self, run: Mapping[str, Any]) -> None:
        """Forget earlier parts and say what is computed from now on."""
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink()
        write_json(self.folder / "run.json", dict(run))

    def write(self, number: int, arrays: Arrays) -> None:
        """Keep a part."""
        with whole_file(self._path(number)) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def read(self, number: int) -> dict[str, NDArray[Any]] | None:
        """A part, or None if it is not there, or not readable and so to be computed again."""
        try:
            with self._path(number).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            self._path(number).unlink(missing_ok=True)
            return None

    def has(self, number: int) -> bool:
        """Whether a part is there."""
        return self._path(number).exists()

    def remove(self) -> None:
        """Delete the folder, its work being done."""
        shutil.rmtree(self.folder)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"
