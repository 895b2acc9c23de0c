"""Records of readers, which may yield blocks of them."""

from collections.abc import Iterable

from demo_core import Record, RecordBlock
from demo_core.sequences import DNA


def records_of(found: Iterable[Record | RecordBlock]) -> list[Record]:
    """Return the records one by one."""
    return [r for item in found for r in (item.records(DNA) if isinstance(item, RecordBlock) else (item,))]
