"""Records that a dataset reader yields."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from demo_core.sequences.intervals import Interval

#: Splits of a dataset. A record may leave its split open.
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Record:
    """One sequence of a source.

    Parameters
    ----------
    id
        Its name, or '' if it has none. The import makes it unique.
    sequence
        Its letters, in upper or lower case.
    labels
        One number per target; NaN, or an empty tuple for all, where unknown.
    interval
        Its genomic interval, of the same length as the sequence.
    split
        ``train``, ``validation`` or ``test``; None leaves it to the import.
    group
        Records of one group are always in the same split.
    sites
        Known binding sites, a '0' or '1' for each base.
    where
        Its place in the source ("line 7"), for messages.

    Examples
    --------
    >>> from demo_core import Interval, Record
    >>> Record("peak_1", "ACGT", (1.0,), interval=Interval("chr1", 100, 104, "+")).id
    'peak_1'
    """

    id: str
    sequence: str
    labels: tuple[float, ...] = ()
    interval: Interval | None = None
    split: str | None = None
    group: Hashable | None = None
    sites: str | None = None
    where: str = ""


class Decoder(Protocol):
    """An alphabet: it turns codes into letters."""

    def decode(self, codes: Any) -> str:
        """Return the letters of codes (L,)."""


@dataclass(frozen=True)
class RecordBlock:
    """Many records as arrays, for readers of formats that hold arrays.

    Parameters
    ----------
    codes
        (n, L) uint8, index of each letter in the alphabet; the alphabet's length for unknown letters.
    labels
        (n, T), NaN where unknown; None if nothing is known.
    ids, intervals, splits, groups
        One for each sequence, as in ``Record``; None if no sequence has one. An ``IntervalTable`` holds
        many intervals as an array.
    sites
        (n, L), 1 on a known site.
    where
        File and position of the block, for messages.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core import RecordBlock
    >>> from demo_core.sequences import DNA
    >>> block = RecordBlock(np.array([[0, 1, 2, 3]], np.uint8), ids=["peak_1"])
    >>> [record.sequence for record in block.records(DNA)]
    ['ACGT']
    """

    codes: Any
    labels: Any = None
    ids: Sequence[str] | None = None
    intervals: Sequence[Interval | None] | None = None
    splits: Sequence[str | None] | None = None
    groups: Sequence[Hashable] | None = None
    sites: Any = None
    where: str = ""

    def records(self, alphabet: Decoder) -> Iterator[Record]:
        """Yield the records one by one."""
        for row, codes in enumerate(self.codes):
            yield Record(
                id=str(self.ids[row]) if self.ids is not None else "",
                sequence=alphabet.decode(codes),
                labels=tuple(float(v) for v in self.labels[row]) if self.labels is not None else (),
                interval=self.intervals[row] if self.intervals is not None else None,
                split=self.splits[row] if self.splits is not None else None,
                group=self.groups[row] if self.groups is not None else None,
                sites="".join("1" if v else "0" for v in self.sites[row]) if self.sites is not None else None,
                where=self.where,
            )
