"""Lines of interval files: BED, ENCODE's peak formats and MACS tables, detected by suffix and checked by content."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo_core import BadSource, text_lines
from demo_core.errors import counted, printable

_log = logging.getLogger(__name__)
_LABELS = {
    **dict.fromkeys(("1", "1.0", "True", "TRUE", "true"), 1.0),
    **dict.fromkeys(("0", "0.0", "False", "FALSE", "false"), 0.0),
    **dict.fromkeys(("-1", "-1.0"), float("nan")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an interval file.

    ``summit`` is its position in the chromosome, None if the file has none. ``labels`` are the labels of the columns
    from the fourth on, if they hold labels.
    """

    number: int
    chrom: str
    start: int
    end: int
    name: str
    strand: str
    summit: int | None
    labels: tuple[float, ...] = ()


def read_intervals(path: Path, *, summits: bool = True, labels: bool = True) -> list[Line]:
    """Read the lines of an interval file. Each inference is logged once, with counts.

    The suffix says what to expect: ``.narrowPeak`` has a summit in column 10, whatever columns follow, and
    ``_peaks.xls`` is a table of MACS with 1-based starts. A ``.bed`` file is read as narrowPeak if its lines have the
    ten columns of it (ENCODE names them so), and columns of 0, 1 and -1 right after the third are labels, -1 for
    unknown, unless ``labels`` is false.

    Raises BadSource, naming an invalid line.
    """
    kind = _kind(path)
    rows = list(_macs(path) if kind == "MACS table" else _columns(path))
    if not rows:
        return []
    while len(rows[0][1]) > 3 and not any(cells[-1] for _, cells in rows):  # tabs at the ends of lines
        rows = [(number, cells[:-1]) for number, cells in rows]
    columns = len(rows[0][1])
    if kind == "bed" and columns == 10 and all(_like_narrowpeak(cells) for _, cells in rows):
        kind = "narrowPeak"
        if summits:
            _log.warning("%s: %s of 10 columns read as narrowPeak", path.name, counted(len(rows), "line"))
    elif kind == "narrowPeak" and columns < 10:
        kind = "bed"
        if summits:
            _log.warning(
                "%s: %d columns, but narrowPeak has 10; without summits, windows are centred on midpoints",
                path.name, columns,
            )  # fmt: skip
    labelled = kind == "bed" and columns >= 4 and all(set(cells[3:]) <= set(_LABELS) for _, cells in rows)
    if labelled and labels:
        values = [_LABELS[cell] for _, cells in rows for cell in cells[3:]]
        ones, zeros = values.count(1.0), values.count(0.0)
        which = "column 4 is" if columns == 4 else f"columns 4 to {columns} are"
        rest = f", {len(values) - ones - zeros} unknown (-1)" if ones + zeros < len(values) else ""
        _log.warning("%s: %s read as labels, %d positive, %d negative%s", path.name, which, ones, zeros, rest)
    elif labels and kind == "bed" and columns > 4 and columns != 12:
        _say_other_labels(path, rows, columns)
    found = [_line(path, number, cells, kind, summits, labelled and labels) for number, cells in rows]
    if summits and kind in ("narrowPeak", "MACS table"):
        without = sum(line.summit is None for line in found)
        if without:
            _log.warning(
                "%s: %s of %d without a summit, centred on the midpoint",
                path.name, counted(without, "line"), len(found),
            )  # fmt: skip
        else:
            _log.warning("%s: %s centred on summits", path.name, counted(len(found), "window"))
    return found


def _say_other_labels(path: Path, rows: list[tuple[int, list[str]]], columns: int) -> None:
    """Report that a later column of 0 and 1 is not read as labels: it may be a score."""
    for place in range(4, columns):
        if {cells[place] for _, cells in rows} == {"0", "1"}:
            _log.warning(
                "%s: column %d holds 0 and 1, and is not read as labels; put label columns right after the third",
                path.name, place + 1,
            )  # fmt: skip


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    for suffix, kind in ((".narrowpeak", "narrowPeak"), (".broadpeak", "broadPeak"), (".gappedpeak", "gappedPeak"),
                         (".xls", "MACS table")):  # fmt: skip
        if name.endswith(suffix):
            return kind
    return "bed"


def _columns(path: Path) -> Iterator[tuple[int, list[str]]]:
    columns = 0
    for number, text in text_lines(path):
        if not text.strip() or text.startswith("#") or text.split()[0] in ("track", "browser"):
            continue
        cells = [cell.strip() for cell in text.split("\t")] if "\t" in text.strip() else text.split()
        where = f"line {number}"
        if len(cells) < 3:
            raise BadSource(path, "a BED line needs chromosome, start and end", where)
        columns = columns or len(cells)
        if len(cells) != columns:
            raise BadSource(
                path,
                f"has {len(cells)} columns, but earlier lines have {columns}; give all lines the same columns",
                where,
            )
        yield number, cells


def _macs(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Convert lines of a MACS table to narrowPeak's ten columns, with 0-based starts."""
    heads: dict[str, int] = {}
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
        yield number, [cells[heads["chr"]], str(start), cells[heads["end"]], name, "0", ".", "0", "0", "0", summit]


def _line(path: Path, number: int, cells: list[str], kind: str, summits: bool, labelled: bool) -> Line:
    where = f"line {number}"
    start, end = _position(path, cells[1], where), _position(path, cells[2], where)
    if start > end:
        raise BadSource(path, f"the interval starts at {start}, after its end {end}; correct the line", where)
    if labelled:
        labels = tuple(_LABELS[cell] for cell in cells[3:])
        return Line(number, cells[0], start, end, "", ".", None, labels)
    strand = cells[5] if len(cells) > 5 else "."
    if strand not in ("+", "-", "."):
        raise BadSource(path, f"the strand (column 6) must be +, - or ., not '{printable(strand, 20)}'", where)
    name = cells[3] if len(cells) > 3 and cells[3] not in (".", "") else ""
    summit = None
    if summits and kind in ("narrowPeak", "MACS table"):
        summit = _summit(path, cells[9], start, end, where)
    return Line(number, cells[0], start, end, name, strand, summit)


def _like_narrowpeak(cells: list[str]) -> bool:
    """Return whether ten columns are those of narrowPeak: numbers in the last four, an integer in the last."""
    try:
        _ = [float(cell) for cell in cells[6:9]]
    except ValueError:
        return False
    return cells[9] in _NO_SUMMIT or _whole(cells[9]) is not None


_NO_SUMMIT = ("-1", "NA", "NaN", "nan", ".", "")


def _summit(path: Path, text: str, start: int, end: int, where: str) -> int | None:
    if text in _NO_SUMMIT:
        return None
    offset = _whole(text)
    if offset is None:
        raise BadSource(
            path, f"the summit (column 10) must be a whole number or NA, not '{printable(text, 20)}'", where
        )
    if offset == -1:
        return None
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
    # No genome has a position of more digits, and int() accepts "1_000" and digits of other scripts
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise BadSource(path, f"'{printable(text, 30)}' is not a position, a whole number from 0", where)
    return int(text)
