"""What a dataset reader yields."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from demo_core.intervals import Interval

#: The splits a dataset has; a record may leave its split open.
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Record:
    """One sequence as a reader found it.

    Parameters
    ----------
    id
        Its name, or '' if it has none; made unique on import.
    sequence
        Letters; case does not matter.
    labels
        One number per target; NaN, or an empty tuple for all, where unknown.
    interval
        Where it lies in the genome, as long as the sequence.
    split
        ``train``, ``validation`` or ``test``; None leaves it to the import.
    group
        Records of one group are never parted by a split.
    sites
        Known binding sites, a '0' or '1' for each base.
    where
        Where it stands in its source ("line 7"), for messages.
    """

    id: str
    sequence: str
    labels: tuple[float, ...] = ()
    interval: Interval | None = None
    split: str | None = None
    group: Hashable | None = None
    sites: str | None = None
    where: str = ""
