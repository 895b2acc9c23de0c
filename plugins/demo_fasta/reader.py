"""FASTA: a header after '>', then sequence over one or more lines."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from demo_core import BadSource, Interval, Reader, Record, RecordBlock
from demo_core.errors import counted, printable
from demo_core.sequences import DNA, Codes, IllegalLetter, locus_in, text_blocks
from demo_core.storage import RECORD
from demo_fasta.options import FastaOptions

if TYPE_CHECKING:
    from demo_core.testing import ReaderExample

_log = logging.getLogger(__name__)

#: Bytes of text to read at a time.
_BLOCK = 1 << 20
_LABELS = {"1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
_LETTERS = DNA.letters + DNA.ambiguous + (DNA.letters + DNA.ambiguous).lower()


@dataclass
class _File:
    """A file, how its sequences are labelled, and whether those read before have labels."""

    path: Path
    label: float | None
    split: str | None
    must_be_labelled: bool = False
    labelled: bool | None = None


class FastaReader(Reader):
    """Read sequences with labels from ``>1`` and ``>0`` headers, or by file.

    The id is the first word of the header, or the second if the first is a label.
    """

    targets = ("bound",)

    def __init__(self, options: FastaOptions) -> None:
        self.options = options
        self._without_interval = 0
        self._forms: Counter[str] = Counter()
        self._length: int | None = None

    @staticmethod
    def example() -> ReaderExample:
        """Return files for the conformance kit."""
        from demo_fasta.example import EXAMPLE

        return EXAMPLE

    def read(self, source: Path) -> Iterator[Record | RecordBlock]:
        """Yield records of all files. Raises BadSource, naming the line."""
        test = self.options.test_from
        given = 1.0 if self.options.all_positive or self.options.negatives_from else None
        files = [_File(source, given, "train" if test else None)]
        if self.options.negatives_from:
            files.append(_File(self.options.negatives_from, 0.0, "train" if test else None))
        if test:
            files.append(_File(test, given if self.options.all_positive else None, "test", must_be_labelled=True))
        for file in files:
            for number, text in _whole_entries(file.path):
                block = self._block(file, number, text)
                yield from self._records(file, number, text) if block is None else (block,)
        for form, n in self._forms.items():
            _log.warning("%s read as intervals (%s)", counted(n, "header"), form)
        if self._without_interval:
            _log.warning(
                "%s: no interval assigned, because the span differs from the sequence length",
                counted(self._without_interval, "header"),
            )

    def _block(self, file: _File, number: int, text: str) -> RecordBlock | None:
        """Return all entries as a block. None if lengths differ or one is invalid: they are then read one by one."""
        try:
            headers, codes = _of_labels_only(text) or _of_one_length(text)
        except ValueError:
            return None
        n, length = codes.shape
        only_labels = set(headers) <= _LABELS.keys()
        words, names = headers, None
        if not only_labels:
            words, names = map(list, zip(*map(_label_and_name, headers), strict=True))
        different = set(words)
        labels: list[float] | None = None
        if file.label is not None:
            labels = [file.label] * n
        elif different <= _LABELS.keys():
            labels = [_LABELS[word] for word in words]
        wrong = file.label == 1.0 and "0" in different
        wrong |= labels is None and (file.must_be_labelled or bool(different & _LABELS.keys()))
        if wrong or file.labelled not in (None, labels is not None) or self._length not in (None, length):
            return None
        file.labelled, self._length = labels is not None, length
        return RecordBlock(
            codes=codes,
            labels=None if labels is None else np.array(labels, np.float32)[:, None],
            ids=names,
            intervals=None if only_labels else [self._interval(header, length) for header in headers],
            splits=[file.split] * n if file.split else None,
            where=f"{file.path.name} from line {number}",
        )

    def _records(self, file: _File, first: int, text: str) -> Iterator[Record]:
        for header, sequence, where in _entries(file.path, first, text):
            word, name = _label_and_name(header)
            label = _LABELS.get(word) if file.label is None else file.label
            shown = f"header '>{printable(header, 40)}'"
            if file.label == 1.0 and word == "0":
                problem = f"{shown} is labelled negative in a file of positives; correct it"
                raise BadSource(file.path, problem, where)
            if file.must_be_labelled and label is None:
                raise BadSource(file.path, f"{shown} must be >1 or >0 in a test file", where)
            if file.labelled not in (None, label is not None):
                has = (
                    "is not >1 or >0, as those before it are" if file.labelled else "is a label, unlike those before it"
                )
                raise BadSource(file.path, f"{shown} {has}; label all sequences or none", where)
            file.labelled = label is not None
            self._length = self._length or len(sequence)
            yield Record(
                id=name,
                sequence=sequence,
                labels=() if label is None else (label,),
                interval=self._interval(header, len(sequence)),
                split=file.split,
                where=f"{file.path.name} {where}",
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


def _label_and_name(header: str) -> tuple[str, str]:
    """Return the first word of a header, and the id: the second word if the first is a label, else the first."""
    first, *others = header.split(maxsplit=2) or [""]
    return first, first if first not in _LABELS else others[0] if others else ""


def _of_labels_only(text: str) -> tuple[list[str], Codes] | None:
    """Return headers and codes of ``>1`` and ``>0`` entries with one line each; None for others."""
    width = text.find("\n", 3) + 1  # bytes of the first entry
    if width < 5 or text[2] != "\n" or not text.isascii():
        return None
    whole = text if text[-1] == "\n" else text + "\n"
    if len(whole) % width:
        return None
    lines = np.frombuffer(whole.encode("ascii"), np.uint8).reshape(-1, width)
    if (lines[:, [0, 2, -1]] != np.frombuffer(b">\n\n", np.uint8)).any():
        return None
    return list(lines[:, 1].tobytes().decode("ascii")), DNA.encode_bytes(lines[:, 3:-1])


def _of_one_length(text: str) -> tuple[list[str], Codes]:
    """Return headers and codes of entries with sequences of one length. Raises ValueError for others."""
    entries = [entry.partition("\n") for entry in text[1:].split("\n>")]
    sequences = [entry[2].replace("\n", "") for entry in entries]
    length = len(sequences[0])
    if text[0] != ">" or not 0 < length <= RECORD.value or set(map(len, sequences)) != {length}:
        raise ValueError("not whole entries of one length")
    return [entry[0].strip() for entry in entries], DNA.encode("".join(sequences)).reshape(len(entries), length)


def _whole_entries(source: Path) -> Iterator[tuple[int, str]]:
    """Yield number of the first line and text of some whole entries."""
    begun: list[str] = []  # pieces of an entry that continues in the next block
    number, lines, size, most = 1, 0, 0, RECORD.value
    for first, text in text_blocks(source, _BLOCK):
        last = text.rfind("\n>") + 1  # where its last entry starts
        number = first - lines
        if last or text[0] == ">":
            whole = "".join([*begun, text[:last]])
            if not whole.isspace() and whole:
                yield number, whole
            number = 0  # is known when the next block comes
            begun, lines, size = [], 0, 0
        begun.append(text[last:])
        more = begun[-1].count("\n")
        lines, size = lines + more, size + len(begun[-1]) - more
        if size - len(begun[0].partition("\n")[0]) > most:
            stripped = (line.strip() for piece in begun for line in piece.split("\n") if line[:1] != ">")
            size = sum(map(len, stripped))
            if size > most:
                break
    yield number or first + text.count("\n", 0, last), "".join(begun)


def _entries(source: Path, first: int, text: str) -> Iterator[tuple[str, str, str]]:
    """Yield header, sequence and place of each entry."""
    header: str | None = None
    parts: list[str] = []
    where, size, most = "", 0, RECORD.value
    for number, line in enumerate(text.split("\n"), first):
        if line.startswith(">"):
            if header is not None:
                yield header, _joined(source, header, parts, where), where
            header, parts, where, size = line[1:].strip(), [], f"line {number}", 0
        elif line.strip():
            if header is None:
                raise BadSource(source, "the first line of a FASTA file must begin with '>'", f"line {number}")
            if line.strip().strip(_LETTERS):
                try:
                    DNA.encode(line.strip())
                except IllegalLetter as error:
                    raise BadSource(source, str(error), f"line {number}") from None
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
