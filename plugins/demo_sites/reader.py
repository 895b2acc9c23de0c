"""Two files, line by line: a sequence, and 0 or 1 for each base. A sequence with any 1 is a positive."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from demo_core import BadSource, Reader, Record, text_lines

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample
    from demo_sites.options import SitesOptions


class SitesReader(Reader):
    """Read sequences and their known sites; the label is 1 if any base is marked."""

    targets = ("bound",)

    def __init__(self, options: SitesOptions) -> None:
        self.options = options

    @staticmethod
    def example() -> ReaderExample:
        """Return files for the conformance kit."""
        from demo_sites.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[Record]:
        """Yield records in the order of the lines. Raises BadSource, naming the line."""
        marks = self.options.marks or _beside(source)
        for count, (mine, other) in enumerate(zip_longest(_filled(source), _filled(marks))):
            if mine is None or other is None:
                shorter, longer = (source, marks) if mine is None else (marks, source)
                raise BadSource(
                    shorter, f"ends after {count} lines, but {longer.name} has more; give files that belong together"
                )
            (number, sequence), (place, said) = mine, other
            if set(said) - {"0", "1"}:
                raise BadSource(marks, "a site label must be 0 or 1", f"line {place}")
            if len(said) != len(sequence):
                raise BadSource(
                    marks,
                    f"has {len(said)} site labels for the {len(sequence)} bases of line {number}",
                    f"line {place}",
                )
            yield Record(
                id=f"line-{number}",
                sequence=sequence,
                labels=(float("1" in said),),
                sites=said,
                group=count // 2 if self.options.pairs else None,
                where=f"{source.name} line {number}",
            )


def _beside(source: Path) -> Path:
    if not source.exists():
        raise BadSource(source, "no such file")
    if "sequence" not in source.name:
        raise BadSource(source, "no file of site labels; give it with --marks, or choose another --reader")
    marks = source.with_name(source.name.replace("sequence", "label"))
    if not marks.exists():
        raise BadSource(source, f"{marks.name} is missing beside it; give the file of site labels with --marks")
    return marks


def _filled(path: Path) -> Iterator[tuple[int, str]]:
    return ((number, line.strip()) for number, line in text_lines(path) if line.strip())
