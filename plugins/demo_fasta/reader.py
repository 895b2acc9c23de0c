"""FASTA: a header after '>', then sequence over one or more lines."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from demo_core import BadSource, Interval, Reader, Record, text_lines
from demo_core.errors import counted, printable
from demo_core.sequences import locus_in
from demo_core.storage import RECORD
from demo_fasta.options import FastaOptions

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample

_log = logging.getLogger(__name__)

_LABELS = {"1": 1.0, "0": 0.0}


class FastaReader(Reader):
    """Read sequences with labels from ``>1`` and ``>0`` headers, or by file."""

    targets = ("bound",)

    def __init__(self, options: FastaOptions) -> None:
        self.options = options
        self._without_interval = 0
        self._forms: Counter[str] = Counter()

    @staticmethod
    def example() -> ReaderExample:
        """Return files for the conformance kit."""
        from demo_fasta.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[Record]:
        """Yield records of all files. Raises BadSource, naming the line."""
        test = self.options.test_from
        given = 1.0 if self.options.all_positive or self.options.negatives_from else None
        yield from self._file(source, given, "train" if test else None)
        if self.options.negatives_from:
            yield from self._file(self.options.negatives_from, 0.0, "train" if test else None)
        if test:
            yield from self._file(test, given if self.options.all_positive else None, "test", must_be_labelled=True)
        for form, n in self._forms.items():
            _log.warning("%s read as intervals (%s)", counted(n, "header"), form)
        if self._without_interval:
            _log.warning(
                "%s: no interval assigned, because the span differs from the sequence length",
                counted(self._without_interval, "header"),
            )

    def _file(
        self, source: Path, given: float | None, split: str | None, *, must_be_labelled: bool = False
    ) -> Iterator[Record]:
        labelled: bool | None = None
        for header, sequence, where in _entries(source):
            word = header.split(maxsplit=1)[0] if header else ""
            label = _LABELS.get(word) if given is None else given
            if given == 1.0 and word == "0":
                raise BadSource(
                    source,
                    f"header '>{printable(header, 40)}' is labelled negative in a file of positives; correct it",
                    where,
                )
            if must_be_labelled and label is None:
                raise BadSource(source, f"header '>{printable(header, 40)}' must be >1 or >0 in a test file", where)
            if labelled is not None and labelled != (label is not None):
                has = "is not >1 or >0, as those before it are" if labelled else "is a label, unlike those before it"
                raise BadSource(source, f"header '>{printable(header, 40)}' {has}; label all sequences or none", where)
            labelled = label is not None
            yield Record(
                id="" if word in _LABELS else word,
                sequence=sequence,
                labels=() if label is None else (label,),
                interval=self._interval(header, len(sequence)),
                split=split,
                where=f"{source.name} {where}",
            )

    def _interval(self, header: str, length: int) -> Interval | None:
        try:
            found = locus_in(header, length)
        except ValueError:
            self._without_interval += 1
            return None
        if found is None:
            return None
        self._forms[found[1]] += 1
        return found[0]


def _entries(source: Path) -> Iterator[tuple[str, str, str]]:
    """Yield header, sequence and place of each entry."""
    header: str | None = None
    parts: list[str] = []
    where, size, most = "", 0, RECORD.value
    for number, line in text_lines(source):
        if line.startswith(">"):
            if header is not None:
                yield header, _joined(source, header, parts, where), where
            header, parts, where, size = line[1:].strip(), [], f"line {number}", 0
        elif line.strip():
            if header is None:
                raise BadSource(source, "the first line of a FASTA file must begin with '>'", f"line {number}")
            parts.append(line.strip())
            size += len(parts[-1])
            if size > most:
                raise BadSource(source, f"entry '>{printable(header, 40)}': {RECORD.exceeded()}", where)
    if header is None:
        raise BadSource(source, "contains no sequence; check the file and the reader")
    yield header, _joined(source, header, parts, where), where


def _joined(source: Path, header: str, parts: list[str], where: str) -> str:
    if not parts:
        raise BadSource(source, f"header '>{printable(header, 40)}' has no sequence after it", where)
    return "".join(parts)
