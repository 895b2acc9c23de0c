"""Reader of tables with two columns separated by a tab: a sequence and a numeric label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from demo_core import BadSource, Reader, Record, text_lines

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample
    from demo_new_name.options import NewNameOptions


class NewName(Reader):
    """Reads line by line, so a file may be larger than memory."""

    targets = ("bound",)

    def __init__(self, options: NewNameOptions) -> None:
        self.options = options

    @staticmethod
    def example() -> ReaderExample:
        """Return example files for the conformance kit."""
        from demo_new_name.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[Record]:
        """Yield records in file order. Raises BadSource with the line number."""
        for number, line in text_lines(source):
            if number <= self.options.skip or not line.strip():
                continue
            where = f"line {number}"
            cells = line.split("\t")
            if len(cells) != 2:
                raise BadSource(source, f"has {len(cells)} columns; expected a sequence and a label", where)
            try:
                label = float(cells[1])
            except ValueError:
                raise BadSource(source, f"label '{cells[1][:20]}' is not a number; write 0 or 1", where) from None
            yield Record(id=f"line-{number}", sequence=cells[0], labels=(label,), where=f"{source.name} {where}")
