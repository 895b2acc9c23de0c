"""Write explanation files block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo_core.results.explanation import FIELDS, FORMAT, VERSION
from demo_core.storage import hdf5
from demo_core.storage.atomic_files import whole_file
from demo_core.storage.hdf5_chunks import ChunkWriter

if TYPE_CHECKING:
    from demo_core.results.explanation import Explanation


def write_explanation(
    path: Path,
    blocks: Iterable[Mapping[str, Any]],
    record: Callable[[], Mapping[str, Any]],
    *,
    replace: bool,
    within: Path | None = None,
) -> None:
    """Write an explanation file. Nothing is left behind on failure.

    Parameters
    ----------
    blocks
        Columns of some rows at a time, by the names of ``FIELDS``; None for an absent column.
    record
        Function that returns the provenance; called after the last block.
    replace, within
        As ``demo_core.storage.whole_file`` takes them.
    """
    with (
        whole_file(path, within=within, replace=replace) as temporary,
        hdf5.create(temporary) as file,
        closing(ChunkWriter()) as chunks,
    ):
        for block in blocks:
            hdf5.append_columns(file, FIELDS, block, chunks)
        chunks.finish()
        hdf5.describe(file, {**record(), "format": FORMAT, "version": VERSION})


def columns_of(explanation: Explanation, rows: slice) -> dict[str, Any]:
    """Some rows of an explanation, as ``write_explanation`` takes them."""
    columns = {name: getattr(explanation, name, getattr(explanation.sequences, name, None)) for name in FIELDS}
    return {name: None if column is None else column[rows] for name, column in columns.items()}
