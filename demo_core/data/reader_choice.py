"""Choose the reader of a file by its suffix; imports neither numpy nor h5py."""

from __future__ import annotations

from pathlib import Path

from demo_core.errors import DemoError, UsageProblem
from demo_core.plugins.registry import Registered, Registry
from demo_core.plugins.specs import DatasetReader


def find_reader(registry: Registry, source: Path, name: str | None) -> Registered[DatasetReader]:
    """Return the reader of that name, or the one with the longest matching suffix.

    Parameters
    ----------
    registry
        The registry.
    source
        File to read.
    name
        Name of a reader. Default: chosen by the suffix of ``source``.

    Returns
    -------
    Registered
        The reader.

    Raises
    ------
    UsageProblem
        If there is no such reader, or no suffix matches.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core.data import find_reader
    >>> from demo_core.plugins import installed
    >>> find_reader(installed(), Path("peaks.fa.gz"), None).spec.name
    'fasta'
    """
    if name:
        return registry.find(DatasetReader, name)
    text = source.name.lower()
    fitting = [
        (len(suffix), r) for r in registry.all(DatasetReader) for suffix in r.spec.suffixes if text.endswith(suffix)
    ]
    if not fitting and source.is_dir():
        raise DemoError(f"{source}: this is a folder; give a file")
    if not fitting and not source.exists() and source.suffix:
        raise DemoError(f"{source}: no such file")
    if not fitting:
        known = ", ".join(f"{r.spec.name} ({' '.join(r.spec.suffixes)})" for r in registry.all(DatasetReader))
        raise UsageProblem(f"{source}: no reader knows this suffix; name one with --reader: {known or 'none'}")
    longest = max(length for length, _ in fitting)
    best = [r for length, r in fitting if length == longest]
    if len(best) > 1:
        names = " or ".join(registry.qualified(r) for r in best)
        raise UsageProblem(f"{source}: several readers know this suffix; choose with --reader {names}")
    return best[0]
