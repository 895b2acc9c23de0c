"""Genomic coordinates: 0-based, half-open, with a strand."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_PLACE = r"(?P<chrom>[^\s:=]+):(?P<start>[\d,]+)(?:-|\.\.)(?P<end>[\d,]+)"
#: Forms of a locus in FASTA headers: name, pattern, whether it counts from 1 (None: either), and whether the pattern
#: matches a single word.
_FORMS: tuple[tuple[str, re.Pattern[str], bool | None, bool], ...] = (
    (
        "chrom:start-end",
        re.compile(rf"(?:.*::)?{_PLACE}(?:\((?P<strand>[+\-.])\)|:(?P<sign>[+\-.*])|(?P<rc>/rc))?"),
        None,
        True,
    ),
    # NCBI's form of the other strand
    ("chrom:cEND-START", re.compile(r"(?P<chrom>[^\s:]+):(?P<rc>c)(?P<end>[\d,]+)-(?P<start>[\d,]+)"), True, True),
    (
        "UCSC's range=",
        re.compile(rf"\S+ (?:.* )?range={_PLACE}(?: .*?strand=(?P<strand>[+\-.]).*| .*)?"),
        True,
        False,
    ),
    (
        "Ensembl's location",
        re.compile(
            r"(?:.*\s)?(?:chromosome|scaffold|primary_assembly|supercontig|contig):[^\s:]+:(?P<chrom>[^\s:]+):"
            r"(?P<start>\d+):(?P<end>\d+):(?P<sign>-?[01])(?:\s.*)?"
        ),
        True,
        False,
    ),
    (
        "chrom_start_end",
        re.compile(
            r"(?:.*[_:])?(?P<chrom>chr[0-9A-Za-z]+(?:_\w+?)?)(?P<join>[_\-])(?P<start>\d+)(?P=join)(?P<end>\d+)"
            r"(?:_(?P<strand>[+\-.]))?"
        ),
        None,
        True,
    ),
)
#: Positions are below this: BED and bigWig store 32 bits.
LIMIT = 2**31
_SIGNS = {"1": "+", "-1": "-", "0": ".", "*": "."}


@dataclass(frozen=True, order=True, slots=True)
class Interval:
    """Genomic interval of a sequence: ``[start, end)`` on ``chrom``, read along ``strand`` (``+``, ``-`` or ``.``).

    Positions are 0-based. A negative start means padding beyond the edge of the chromosome.

    Examples
    --------
    >>> from demo_core import Interval
    >>> Interval("chr1", 100, 200, "-").part(0, 10)
    Interval(chrom='chr1', start=190, end=200, strand='-')
    """

    chrom: str
    start: int
    end: int
    strand: str = "."

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"interval {self.chrom}:{self.start}-{self.end} ends before it starts")
        if self.strand not in ("+", "-", "."):
            raise ValueError(f"strand must be +, - or ., not {self.strand!r}")

    def __len__(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        tail = "" if self.strand == "." else f"({self.strand})"
        return f"{self.chrom}:{self.start}-{self.end}{tail}"

    def part(self, first: int, length: int) -> Interval:
        """Return the interval of ``length`` positions from position ``first`` of the sequence, counted along the
        strand.

        ``first`` may be negative and the part may be longer than the whole, for padding.
        """
        if self.strand == "-":
            end = self.end - first
            return replace(self, start=end - length, end=end)
        return replace(self, start=self.start + first, end=self.start + first + length)

    def position(self, place: int) -> int:
        """Return the 0-based genomic position of a position in the sequence."""
        return self.end - 1 - place if self.strand == "-" else self.start + place

    def flip(self) -> Interval:
        """Return the same interval on the other strand."""
        return replace(self, strand={"+": "-", "-": "+", ".": "."}[self.strand])


def parse_locus(text: str, length: int) -> Interval | None:
    """Parse a name like ``chr1:100-200(+)`` of a sequence of ``length`` bases.

    Returns None if the name has another form. Positions are 0-based if end - start is the length, and 1-based inclusive
    if it is one less.

    Parameters
    ----------
    text
        Name of a sequence.
    length
        Length of the sequence in bases.

    Returns
    -------
    Interval or None
        The interval; None if the name has another form.

    Raises
    ------
    ValueError
        If the name is a locus that does not span ``length`` bases.

    Examples
    --------
    >>> from demo_core import parse_locus
    >>> parse_locus("chr1:101-200(+)", 100)
    Interval(chrom='chr1', start=100, end=200, strand='+')
    """
    found = locus_in(text, length)
    return found[0] if found else None


def locus_in(header: str, length: int) -> tuple[Interval, str] | None:
    """Find a locus in the FASTA header of a sequence of ``length`` bases. Return the interval and the form.

    Forms are those of samtools, bedtools, twoBitToFa and Bioconductor (``chr1:100-200``, perhaps with a strand as
    ``(+)``, ``:+`` or samtools' ``/rc``), of UCSC's table browser (``range=chr1:101-200 ... strand=+``), of Ensembl
    (``chromosome:GRCh38:1:101:200:1``), and ``chr1_100_200``. Where a form may count from 0 or from 1 the length
    decides.

    Returns None if there is none.

    Parameters
    ----------
    header
        FASTA header without ``>``.
    length
        Length of the sequence in bases.

    Returns
    -------
    tuple or None
        The interval, and the name of the form; None if there is no locus.

    Raises
    ------
    ValueError
        If there is a locus that does not span the sequence.

    Examples
    --------
    >>> from demo_core.sequences import locus_in
    >>> locus_in("hg38_dna range=chr1:101-200 strand=-", 100)
    (Interval(chrom='chr1', start=100, end=200, strand='-'), "UCSC's range=, 1-based")
    """
    if ":" not in header and "chr" not in header:  # every form has one of them
        return None
    for form, pattern, from_one, of_a_word in _FORMS:
        for text in header.split()[:4] if of_a_word else (header,):
            if match := pattern.fullmatch(text):
                found = _interval(match, length, form, from_one)
                if found is not None:
                    return found
    return None


def _interval(match: re.Match[str], length: int, form: str, from_one: bool | None) -> tuple[Interval, str] | None:
    groups = match.groupdict()
    start, end = (int(groups[g].replace(",", "") or 0) for g in ("start", "end"))
    strand = groups.get("strand") or groups.get("sign") or ("-" if groups.get("rc") else ".")
    strand = _SIGNS.get(strand, strand)
    if max(start, end) >= LIMIT:
        raise ValueError(f"'{match['chrom']}' has no position {max(start, end)}")
    if end - start == length and not from_one:
        return Interval(match["chrom"], start, end, strand), f"{form}, 0-based"
    if end - start == length - 1 and start >= 1:
        return Interval(match["chrom"], start - 1, end, strand), f"{form}, 1-based"
    if form == "chrom_start_end":  # more likely a name that ends in numbers
        return None
    raise ValueError(f"'{match['chrom']}:{start}-{end}' spans {end - start} bases, the sequence has {length}")
