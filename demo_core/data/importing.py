"""Import records of a reader into a dataset file: encoding, unique ids, splits and negatives, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.data.collecting import Collector
from demo_core.data.dataset import BLOCK, NO_SPLIT, DatasetWriter, SequenceDataset, take_rows
from demo_core.data.record import SPLITS, Record, RecordBlock
from demo_core.data.splits import ImportSettings, assign_splits
from demo_core.errors import DemoError, counted
from demo_core.sequences.shuffling import dinucleotide_shuffle, shuffle
from demo_core.storage.atomic_files import whole_file
from demo_core.storage.hdf5_columns import TextColumn
from demo_core.storage.limits import rows_of

#: Settings that keep every record unchanged, for explaining a sequence file directly.
AS_IS = ImportSettings(negatives="none", validation=0, test=0, assign=False)


def import_records(
    records: Iterable[Record | RecordBlock],
    output: Path,
    targets: Callable[[], tuple[str, ...]],
    settings: ImportSettings,
    source: str,
    reader: Mapping[str, Any] | None = None,
    info: Callable[[], Mapping[str, Any]] = dict,
    replace: bool = True,
) -> list[str]:
    """Write a dataset file from records. Nothing is left behind on failure.

    Parameters
    ----------
    records
        Records or blocks of them, in the order of the file.
    output
        Dataset file to write.
    targets
        Names of the targets; requested after the first record was read.
    settings
        Negatives, splits and length.
    source
        Source of the records, for messages and for the metadata.
    reader
        Name and options of the reader, for the metadata.
    info
        Further metadata of the reader, such as the genome; requested after the last record was read.
    replace
        Whether an existing file may be replaced.

    Returns
    -------
    The decisions made, one line each.

    Raises
    ------
    DemoError
        If there is no record, lengths differ, a letter is invalid or labels do not fit. The message names the record.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from demo_core import SequenceDataset
    >>> from demo_core.data import ImportSettings, import_records
    >>> from demo_core.testing import planted_records
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "peaks.h5"
    ...     notes = import_records(planted_records(40), path, lambda: ("bound",), ImportSettings(), "example")
    ...     with SequenceDataset.open(path) as data:
    ...         len(data)
    40
    """
    random = np.random.default_rng(settings.seed)
    notes: list[str] = []
    with whole_file(output, replace=replace) as temporary, DatasetWriter(temporary) as writer:
        collector = Collector(targets, settings, source)
        for block in collector.of(records):
            writer.append(block)
        if not collector.count:
            raise DemoError(f"{source}: contains no sequence; check the file and the reader")
        notes += collector.notes()
        split, group = writer.column("split")[:], collector.groups.numbers()
        writer.rewrite("group", group)
        if _labelled(writer):
            notes += assign_splits(split, group, settings, random)
        elif settings.assign and settings.split is None and (split == NO_SPLIT).any():
            notes.append("no sequence has a label, so no splits were assigned")
        writer.rewrite("split", split)
        if settings.negatives != "none":
            notes += _add_negatives(writer, collector, split, settings, random)
        writer.info = {**info(), "source": source, "negatives": settings.negatives, "seed": settings.seed}
        if reader:
            writer.info["reader"] = dict(reader)
    return notes


def _labelled(writer: DatasetWriter) -> bool:
    """Return whether any sequence has a label."""
    labels = writer.column("labels")
    return any(not np.isnan(labels[start : start + BLOCK]).all() for start in range(0, len(labels), BLOCK))


def _add_negatives(
    writer: DatasetWriter,
    collector: Collector,
    split: NDArray[np.uint8],
    settings: ImportSettings,
    random: np.random.Generator,
) -> list[str]:
    """Append a shuffle of each positive of every split that has positives and no negatives."""
    labels = writer.column("labels")[:]
    known = ~np.isnan(labels)
    positive = np.any(np.where(known, labels, 0) > 0, axis=1)
    negative = np.any(known, axis=1) & ~positive
    wanting = [
        code for code in range(len(SPLITS)) if positive[split == code].any() and not negative[split == code].any()
    ]
    if not wanting:
        return []
    if not np.isin(labels[known], (0, 1)).all():
        return ["no negatives were added: the labels are not 0 and 1"]
    method = dinucleotide_shuffle if settings.negatives == "dinucleotide" else shuffle
    word = "dinucleotide-preserving shuffle" if settings.negatives == "dinucleotide" else "shuffle"
    notes = []
    for code in wanting:
        rows = np.flatnonzero(positive & (split == code))
        same = 0
        size = rows_of(4 * writer.column("codes").shape[1], BLOCK)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            shuffled, unchanged = _shuffled(writer, part, collector, settings, method, random)
            writer.append(shuffled)
            same += unchanged
        each = f"{len(rows) - same:,} of them; the shuffles of the others equal the original" if same else "each"
        notes.append(f"{SPLITS[code]}: {counted(len(rows), 'positive')}, no negatives; added a {word} of {each}")
    return notes


def _shuffled(
    writer: DatasetWriter,
    rows: NDArray[np.int64],
    collector: Collector,
    settings: ImportSettings,
    method: Callable[..., NDArray[np.uint8]],
    random: np.random.Generator,
) -> tuple[SequenceDataset, int]:
    """Return shuffles of some rows, without those equal to their original, and the number of the latter."""
    codes = take_rows(writer.column("codes"), rows)
    shuffled = method(codes, random, settings.alphabet.unknown)
    changed = (shuffled != codes).any(axis=1)
    rows, shuffled = rows[changed], shuffled[changed]
    labels = take_rows(writer.column("labels"), rows)
    names = take_rows(TextColumn(writer.column("ids")), rows)
    block = SequenceDataset(
        codes=shuffled,
        labels=np.where(np.isnan(labels), np.nan, 0).astype(np.float32),
        targets=collector.targets(),
        ids=np.array(collector.unique([f"{name}.shuffled" for name in names]), dtype=object),
        group=take_rows(writer.column("group"), rows),
        split=take_rows(writer.column("split"), rows),
        alphabet=settings.alphabet,
        chroms=tuple(collector.chroms),
    )
    return block, int((~changed).sum())
