"""Tables of Alipanahi et al. 2015, tab-separated: FoldID, EventID, seq, Bound.

``X_AC`` holds only training positives; ``X_B`` holds the test set, positives and their dinucleotide shuffles,
named ``seq_00002_peak`` and ``seq_00002_shuf``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from demo_core import BadSource, Reader, Record, text_lines
from demo_core.errors import printable
from demo_deepbind.options import DeepBindOptions

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample

_log = logging.getLogger(__name__)

_PART = re.compile(r"(?P<stem>.+)_(?P<part>AC|A|B|C)\.seq(?P<gz>\.gz)?", re.IGNORECASE)
_SPLIT = {"AC": "train", "A": "train", "C": "train", "B": "test"}
_COLUMNS = ("seq", "bound")


class DeepBindReader(Reader):
    """Reader of one table and its test table."""

    targets = ("bound",)

    def __init__(self, options: DeepBindOptions) -> None:
        self.options = options

    @staticmethod
    def example() -> ReaderExample:
        """Return files for the conformance kit."""
        from demo_deepbind.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[Record]:
        """Yield records of the table, then those of its test table. Raises BadSource, naming the line."""
        name = _PART.fullmatch(source.name)
        part = name["part"].upper() if name else ""
        yield from _rows(source, _SPLIT.get(part))
        if name and part == "AC" and self.options.sibling:
            for sibling in _siblings(source, name["stem"]):
                _log.warning("%s is read as the test split; --no-sibling disables this", sibling.name)
                yield from _rows(sibling, "test")
                return
            _log.warning("no %s_B.seq.gz beside it, so there is no test split", name["stem"])


def _siblings(source: Path, stem: str) -> Iterator[Path]:
    for ending in (".seq.gz", ".seq"):
        path = source.with_name(f"{stem}_B{ending}")
        if path.exists():
            yield path


def _rows(source: Path, split: str | None) -> Iterator[Record]:
    columns: dict[str, int] | None = None
    for number, line in text_lines(source):
        if not line.strip():
            continue
        cells = line.split("\t")
        where = f"line {number}"
        if columns is None:
            columns = {cell.strip().lower(): place for place, cell in enumerate(cells)}
            if len(columns) < len(cells):
                raise BadSource(source, "the header repeats a column name; rename one", where)
            missing = [c for c in _COLUMNS if c not in columns]
            if missing:
                raise BadSource(
                    source, f"the header has no column {' or '.join(missing)}; give a DeepBind table", where
                )
            continue
        if len(cells) != len(columns):
            raise BadSource(
                source, f"has {len(cells)} columns, but the header has {len(columns)}; correct the line", where
            )
        event = cells[columns["eventid"]] if "eventid" in columns else ""
        base = re.fullmatch(r"(.+)_(?:peak|shuf)", event)
        yield Record(
            id=event,
            sequence=cells[columns["seq"]].strip(),
            labels=(_label(source, cells[columns["bound"]], where),),
            split=split,
            group=(split, base[1]) if base else None,
            where=f"{source.name} {where}",
        )


def _label(source: Path, text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise BadSource(source, f"Bound must be a number, not '{printable(text, 20)}'", where) from None
    return value
