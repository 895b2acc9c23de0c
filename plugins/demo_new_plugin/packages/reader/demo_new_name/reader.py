"""Two columns separated by a tab: a sequence, and its label as a number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from demo_core import BadSource, Reader, Record, text_lines

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample
    from demo_new_name.options import NewNameOptions


class NewName(Reader):
    """Read lines one by one; a file may be larger than memory."""

    targets = ("bound",)

    def __init__(self, options: NewNameOptions) -> None:
        self.options = options

    @staticmethod
    def example() -> ReaderExample:
        """Return files for the conformance kit."""
        from demo_new_name.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[Record]:
        """Yield records in the order of the lines. Raises BadSource, naming the line."""
        for number, line in text_lines(source):
            if number <= self.options.skip or not line.strip():
                continue
            where = f"line {number}"
            cells = line.split("\t")
            if len(cells) != 2:
                raise BadSource(source, f"has {len(cells)} columns, not a sequence and a label", where)
            try:
                label = float(cells[1])
            except ValueError:
                raise BadSource(source, f"the label must be a number, not '{cells[1][:20]}'", where) from None
            yield Record(id=f"line-{number}", sequence=cells[0], labels=(label,), where=f"{source.name} {where}")
