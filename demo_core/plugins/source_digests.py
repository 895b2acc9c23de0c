"""Digests of code and files that a version number does not cover."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from demo_core.plugins.dataset_option import DatasetFile
from demo_core.plugins.options import options_of
from demo_core.plugins.registry import Registered


def editable_source(registered: Registered[Any]) -> str | None:
    """Return the SHA-256 of a plugin's own package if it is installed in editable mode (``pip install -e``); otherwise
    None.

    The version of an editable install stays the same while its code changes.

    Parameters
    ----------
    registered
        A registered spec.

    Returns
    -------
    str or None
        SHA-256 of its package; None unless it is installed with ``pip install -e``.

    Examples
    --------
    >>> from demo_core.plugins import Architecture, editable_source, installed
    >>> digest = editable_source(installed().find(Architecture, "cnn"))  # None unless DeMo is installed with -e
    >>> digest is None or len(digest) == 64
    True
    """
    if registered.owner.origin == "local file" or not _is_editable(registered.owner.distribution):
        return None
    spec = find_spec(registered.spec.target.partition(":")[0].partition(".")[0])
    if spec is None:
        return None
    folders = [Path(p) for p in spec.submodule_search_locations or ()]
    files = [(p, p.relative_to(folder)) for folder in folders for p in sorted(folder.rglob("*.py"))]
    return _digest(files or [(Path(str(spec.origin)), Path("module.py"))])


def network_source(module: Any) -> str:
    """Return the SHA-256 of the files that define the classes of a network, without those of torch.

    For a package outside site-packages, all files count. A network made by a function adds the digest of that
    function's file as ``class_digest``.
    """
    names = {type(m).__module__ for m in module.modules()}
    files: dict[str, Path] = {}
    for name in sorted(n for n in names if n.partition(".")[0] != "torch"):
        path = getattr(sys.modules.get(name), "__file__", None)
        if path:
            files[name] = Path(path)
            files |= _package_of(name.partition(".")[0])
    found = _digest((path, Path(name)) for name, path in sorted(files.items()))
    made_by = getattr(module, "class_digest", "")
    return hashlib.sha256(f"{found}{made_by}".encode()).hexdigest() if made_by else found


def _package_of(top: str) -> dict[str, Path]:
    """Return the files of an editable package; none of the core, or of packages installed by pip."""
    spec = find_spec(top) if top not in ("demo_core", "__main__") else None
    folders = [Path(p) for p in (spec.submodule_search_locations or ())] if spec else []
    return {
        f"{top}/{p.relative_to(folder).as_posix()}": p
        for folder in folders
        if "site-packages" not in folder.parts
        for p in folder.rglob("*.py")
    }


def option_files(options: object) -> dict[str, str | None]:
    """Return the SHA-256 of the content of each option that is a path or a dataset; None for a missing file."""
    found: dict[str, str | None] = {}
    for option in options_of(type(options)):
        value = getattr(options, option.name)
        if isinstance(value, DatasetFile):
            found[option.name] = value.sequences.digest()
        if option.scalar is not Path:
            continue
        for place, path in enumerate(value if isinstance(value, tuple) else () if value is None else (value,)):
            label = option.name if option.items is None else f"{option.name} {place + 1}"
            inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
            known = [(p, p.relative_to(path) if p != path else Path("content")) for p in inside if p.is_file()]
            found[label] = _digest(known) if known else None
    return found


def _digest(files: Iterable[tuple[Path, Path]]) -> str:
    content = hashlib.sha256()
    for path, name in files:
        with path.open("rb") as file:
            content.update(f"{name.as_posix()} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return content.hexdigest()


@functools.cache
def _is_editable(distribution: str) -> bool:
    try:
        origin = json.loads(metadata.distribution(distribution).read_text("direct_url.json") or "{}")
        return bool(origin.get("dir_info", {}).get("editable"))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return False
