"""Lines of interval files: BED, ENCODE's peak formats and MACS tables, detected by suffix and checked by content."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo_core import BadSource, text_lines
from demo_core.errors import counted, printable
from demo_core.sequences import text_blocks

_log = logging.getLogger(__name__)
_LABELS = {
    **dict.fromkeys(("1", "1.0", "True", "TRUE", "true"), 1.0),
    **dict.fromkeys(("0", "0.0", "False", "FALSE", "false"), 0.0),
    **dict.fromkeys(("-1", "-1.0"), float("nan")),
}
_STRANDS = {"+": 1, "-": -1, ".": 0}
_NOT_DATA = frozenset({"track", "browser"})


@dataclass(frozen=True)
class Lines:
    """Lines of an interval file, as columns.

    ``chrom`` are indices into ``chroms``, ``strands`` 1, -1 or 0. ``summits`` are positions in the chromosome, -1 where
    the file has none. ``labels`` (n, T) are the columns from the fourth on, if they hold labels.
    """

    numbers: NDArray[np.int64]
    chroms: list[str]
    chrom: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    names: list[str]
    strands: NDArray[np.int64]
    summits: NDArray[np.int64]
    labels: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.int64]) -> Lines:
        """Return some lines."""
        columns = ("numbers", "chrom", "starts", "ends", "strands", "summits")
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in columns},
            names=[self.names[row] for row in rows.tolist()] if self.names else [],
            labels=None if self.labels is None else self.labels[rows],
        )


def read_intervals(path: Path, *, summits: bool = True, labels: bool = True) -> Lines:
    """Read the lines of an interval file. Each inference is logged once, with counts.

    The suffix says what to expect: ``.narrowPeak`` has a summit in column 10, whatever columns follow, and
    ``_peaks.xls`` is a table of MACS with 1-based starts. A ``.bed`` file is read as narrowPeak if its lines have the
    ten columns of it (ENCODE names them so), and columns of 0, 1 and -1 right after the third are labels, -1 for
    unknown, unless ``labels`` is false.

    Raises BadSource, naming an invalid line.
    """
    kind = _kind(path)
    numbers, cells = _macs(path) if kind == "MACS table" else _columns(path)
    if not numbers:
        return _lines(path, [], [[], [], []], summits=False, labelled=False)
    while len(cells) > 3 and not any(cells[-1]):  # tabs at the ends of lines
        cells.pop()
    columns = len(cells)
    if kind == "bed" and columns == 10 and _like_narrowpeak(cells):
        kind = "narrowPeak"
        if summits:
            _log.warning("%s: %s of 10 columns read as narrowPeak", path.name, counted(len(numbers), "line"))
    elif kind == "narrowPeak" and columns < 10:
        kind = "bed"
        if summits:
            _log.warning(
                "%s: %d columns, but narrowPeak has 10; without summits, windows are centred on midpoints",
                path.name, columns,
            )  # fmt: skip
    known = [set(column) for column in cells[3:]]
    labelled = kind == "bed" and columns >= 4 and all(values <= _LABELS.keys() for values in known)
    if labelled and labels:
        values = [_LABELS[cell] for column in cells[3:] for cell in column]
        ones, zeros = values.count(1.0), values.count(0.0)
        which = "column 4 is" if columns == 4 else f"columns 4 to {columns} are"
        rest = f", {len(values) - ones - zeros} unknown (-1)" if ones + zeros < len(values) else ""
        _log.warning("%s: %s read as labels, %d positive, %d negative%s", path.name, which, ones, zeros, rest)
    elif labels and kind == "bed" and columns > 4 and columns != 12:
        _say_other_labels(path, known)
    found = _lines(path, numbers, cells, summits and kind in ("narrowPeak", "MACS table"), labelled and labels)
    if summits and kind in ("narrowPeak", "MACS table"):
        without = int((found.summits < 0).sum())
        if without:
            _log.warning(
                "%s: %s of %d without a summit, centred on the midpoint",
                path.name, counted(without, "line"), len(found),
            )  # fmt: skip
        else:
            _log.warning("%s: %s centred on summits", path.name, counted(len(found), "window"))
    return found


def _say_other_labels(path: Path, known: list[set[str]]) -> None:
    """Report that a later column of 0 and 1 is not read as labels: it may be a score."""
    for place, values in enumerate(known[1:], 5):
        if values == {"0", "1"}:
            _log.warning(
                "%s: column %d holds 0 and 1, and is not read as labels; put label columns right after the third",
                path.name, place,
            )  # fmt: skip


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    for suffix, kind in ((".narrowpeak", "narrowPeak"), (".broadpeak", "broadPeak"), (".gappedpeak", "gappedPeak"),
                         (".xls", "MACS table")):  # fmt: skip
        if name.endswith(suffix):
            return kind
    return "bed"


def _columns(path: Path) -> tuple[list[int], list[list[str]]]:
    """Return the numbers of the lines that are not comments, and their columns of text."""
    numbers: list[int] = []
    columns: list[list[str]] = []
    for first, block in text_blocks(path, 1 << 20):
        lines = block.removesuffix("\n").split("\n")
        words = block.split()
        if _is_regular(block, lines, words, len(columns)):
            columns = columns or [[] for _ in range(len(words) // len(lines))]
            for place in range(len(columns)):
                columns[place] += words[place :: len(columns)]
            numbers += range(first, first + len(lines))
            continue
        for number, text in enumerate(lines, first):
            if not text.strip() or text.startswith("#") or text.split()[0] in _NOT_DATA:
                continue
            cells = [cell.strip() for cell in text.split("\t")] if "\t" in text.strip() else text.split()
            where = f"line {number}"
            if len(cells) < 3:
                raise BadSource(path, "a BED line needs chromosome, start and end", where)
            columns = columns or [[] for _ in cells]
            if len(cells) != len(columns):
                raise BadSource(
                    path,
                    f"has {len(cells)} columns, but earlier lines have {len(columns)}; give all lines the same columns",
                    where,
                )
            numbers.append(number)
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
    return numbers, columns


def _is_regular(block: str, lines: list[str], words: list[str], columns: int) -> bool:
    """Return whether all lines have ``columns`` cells (0: any number), single tabs between them, and no comment."""
    tabs = lines[0].count("\t")
    names = words[:: tabs + 1]
    return (
        tabs >= 2
        and columns in (0, tabs + 1)
        and len(words) == len(lines) * (tabs + 1)
        and all(line.count("\t") == tabs for line in lines)
        and len(block) == len("".join(words)) + len(lines) * tabs + block.count("\n")  # no other white space
        and not any(name.startswith("#") for name in names)
        and _NOT_DATA.isdisjoint(names)
    )


def _macs(path: Path) -> tuple[list[int], list[list[str]]]:
    """Convert lines of a MACS table to narrowPeak's ten columns, with 0-based starts."""
    heads: dict[str, int] = {}
    numbers: list[int] = []
    rows: list[list[str]] = []
    for number, text in text_lines(path):
        if not text.strip() or text.startswith("#"):
            continue
        cells = text.rstrip("\t").split("\t")
        where = f"line {number}"
        if not heads:
            heads = {name: place for place, name in enumerate(cells)}
            if any(name not in heads for name in ("chr", "start", "end")):
                raise BadSource(path, "the header lacks chr, start or end; give a MACS _peaks.xls table", where)
            continue
        if len(cells) != len(heads):
            raise BadSource(path, f"has {len(cells)} columns, but the header has {len(heads)}; correct the line", where)
        start = _position(path, cells[heads["start"]], where) - 1
        if start < 0:
            raise BadSource(path, "start is 0, but MACS tables are 1-based; correct the start", where)
        summit = "NA"
        if "abs_summit" in heads:
            summit = str(_position(path, cells[heads["abs_summit"]], where) - 1 - start)
        elif "summit" in heads:  # MACS 1.4: within the peak, 1-based
            summit = str(_position(path, cells[heads["summit"]], where) - 1)
        name = cells[heads["name"]] if "name" in heads else "."
        numbers.append(number)
        rows.append([cells[heads["chr"]], str(start), cells[heads["end"]], name, "0", ".", "0", "0", "0", summit])
    return numbers, [list(column) for column in zip(*rows, strict=True)]


def _lines(path: Path, numbers: list[int], cells: list[list[str]], summits: bool, labelled: bool) -> Lines:
    n, columns = len(numbers), len(cells)
    chroms = {name: code for code, name in enumerate(dict.fromkeys(cells[0]))}
    starts, ends = _positions(path, cells[1], numbers), _positions(path, cells[2], numbers)
    if (wrong := starts > ends).any():
        row = int(wrong.argmax())
        problem = f"the interval starts at {starts[row]}, after its end {ends[row]}; correct the line"
        raise BadSource(path, problem, f"line {numbers[row]}")
    names: list[str] = []
    strands, found, labels = np.zeros(n, np.int64), np.full(n, -1), None
    if labelled:
        labels = np.array([[_LABELS[cell] for cell in column] for column in cells[3:]]).T
    else:
        if columns > 3:
            names = ["" if cell == "." else cell for cell in cells[3]]
        if columns > 5:
            if strange := set(cells[5]) - _STRANDS.keys():
                row = next(i for i, strand in enumerate(cells[5]) if strand in strange)
                problem = f"the strand (column 6) must be +, - or ., not '{printable(cells[5][row], 20)}'"
                raise BadSource(path, problem, f"line {numbers[row]}")
            strands = np.array([_STRANDS[cell] for cell in cells[5]])
        if summits:
            rows = zip(cells[9], starts.tolist(), ends.tolist(), numbers, strict=True)
            found = np.array([_summit(path, cell, start, end, f"line {number}") for cell, start, end, number in rows])
    chrom = np.fromiter(map(chroms.__getitem__, cells[0]), np.int64, n)
    return Lines(np.array(numbers), list(chroms), chrom, starts, ends, names, strands, found, labels)


def _positions(path: Path, cells: list[str], numbers: list[int]) -> NDArray[np.int64]:
    # No genome has a position of more digits, and int() accepts "1_000" and digits of other scripts
    joined = "".join(cells)
    if not (joined.isascii() and joined.isdecimal() and all(cells) and max(map(len, cells)) <= 15):
        for number, cell in zip(numbers, cells, strict=True):
            _position(path, cell, f"line {number}")
    return np.fromiter(map(int, cells), np.int64, len(cells))


def _like_narrowpeak(cells: list[list[str]]) -> bool:
    """Return whether ten columns are those of narrowPeak: numbers in the last four, an integer in the last."""
    try:
        _ = [float(cell) for column in cells[6:9] for cell in column]
    except ValueError:
        return False
    return all(cell in _NO_SUMMIT or _whole(cell) is not None for cell in cells[9])


_NO_SUMMIT = ("-1", "NA", "NaN", "nan", ".", "")


def _summit(path: Path, text: str, start: int, end: int, where: str) -> int:
    if text in _NO_SUMMIT:
        return -1
    offset = _whole(text)
    if offset is None:
        raise BadSource(
            path, f"the summit (column 10) must be a whole number or NA, not '{printable(text, 20)}'", where
        )
    if offset == -1:
        return -1
    if not 0 <= offset < max(1, end - start):
        problem = f"the summit (column 10) is {offset}, outside its interval of {end - start} bases"
        raise BadSource(path, f"{problem}; if it is not a summit, use --center midpoint", where)
    return start + offset


def _whole(text: str) -> int | None:
    """Parse an integer, also one that a spreadsheet program has written as 20.0."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def _position(path: Path, text: str, where: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise BadSource(path, f"'{printable(text, 30)}' is not a position, a whole number from 0", where)
    return int(text)
