"""Motif matrices and MEME files: counts (PFM), probabilities (PPM) and log-odds (PWM)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from demo_core.errors import printable
from demo_core.sequences.text_files import BadSource, text_lines

Floats = NDArray[np.float64]
#: Uniform background frequencies of A, C, G and T.
UNIFORM = (0.25, 0.25, 0.25, 0.25)
#: Maximum number of positions of a matrix; the widest of JASPAR has 35.
_WIDEST = 10_000


@dataclass(frozen=True, eq=False)
class Motif:
    """A DNA motif as probabilities.

    Parameters
    ----------
    id, name
        An accession ("MA0139.1") and a factor's name ("CTCF"; may be '').
    ppm
        (4, W), the probability of A, C, G, T at each position.
    sites
        Number of sites it was made from; None if unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.sequences import Motif
    >>> motif = Motif("M1", "example", np.array([[0.7, 0.1], [0.1, 0.7], [0.1, 0.1], [0.1, 0.1]]), sites=10)
    >>> len(motif), motif.pfm()[0].tolist()
    (2, [7.0, 1.0])
    """

    id: str
    name: str
    ppm: Floats
    sites: float | None = None

    def __len__(self) -> int:
        return int(self.ppm.shape[1])

    def pfm(self) -> Floats:
        """Return counts (4, W). Raises ValueError if the number of sites is unknown."""
        if self.sites is None:
            raise ValueError(f"motif {self.id} has no number of sites, so counts cannot be computed")
        return self.ppm * self.sites

    def pwm(self, background: ArrayLike = UNIFORM, pseudocount: float = 1.0) -> Floats:
        """Return log-odds (4, W) in bits against a background.

        ``pseudocount`` sites of background composition are added. 20 sites are assumed if their number is unknown.
        """
        base = np.asarray(background, float)[:, None]
        sites = self.sites or 20.0
        smoothed = (self.ppm * sites + pseudocount * base) / (sites + pseudocount)
        return np.asarray(np.log2(smoothed / base))


def read_meme(path: Path) -> list[Motif]:
    """Read the motifs of a file in MEME's minimal format, version 4 or later.

    Parameters
    ----------
    path
        A file in MEME's minimal format, version 4 or later.

    Returns
    -------
    list
        Its motifs.

    Raises
    ------
    BadSource
        On an invalid file; the message names the line.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from demo_core.sequences import Motif, format_meme, read_meme
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "motifs.meme"
    ...     _ = path.write_text(format_meme([Motif("M1", "example", np.full((4, 3), 0.25))]))
    ...     [(motif.id, len(motif)) for motif in read_meme(path)]
    [('M1', 3)]
    """
    reader = _MemeReader(path)
    for number, line in text_lines(path):
        reader.take(number, line.strip())
    return reader.finish()


def format_meme(motifs: Iterable[Motif], background: ArrayLike = UNIFORM) -> str:
    """Format motifs in MEME's minimal format.

    Parameters
    ----------
    motifs
        The motifs.
    background
        Background frequencies of A, C, G and T.

    Returns
    -------
    str
        The text of a file.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.sequences import Motif, format_meme
    >>> print(format_meme([Motif("M1", "example", np.full((4, 1), 0.25))]).splitlines()[0])
    MEME version 4
    """
    letters = " ".join(f"{letter} {share:.5g}" for letter, share in zip("ACGT", np.asarray(background), strict=True))
    text = [
        "MEME version 4",
        "",
        "ALPHABET= ACGT",
        "",
        "strands: + -",
        "",
        "Background letter frequencies",
        letters,
        "",
    ]
    for motif in motifs:
        sites = f"{motif.sites:g}" if motif.sites is not None else "20"
        text.append(f"MOTIF {motif.id} {motif.name}".rstrip())
        text.append(f"letter-probability matrix: alength= 4 w= {len(motif)} nsites= {sites} E= 0")
        text += [" ".join(f"{p:.6f}" for p in column) for column in motif.ppm.T]
        text.append("")
    return "\n".join(text)


class _MemeReader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.motifs: list[Motif] = []
        self.versioned = False
        self.head: tuple[str, str] | None = None
        self.width: float | None = None
        self.sites: float | None = None
        self.rows: list[list[float]] = []
        self.reading = False

    def take(self, number: int, line: str) -> None:
        where = f"line {number}"
        if line.startswith("MEME version"):
            self.versioned = True
        elif line.startswith("ALPHABET=") and line.replace(" ", "") != "ALPHABET=ACGT":
            raise BadSource(self.path, "only the DNA alphabet ACGT can be read", where)
        elif line.startswith("MOTIF"):
            self._close(where)
            words = line.split(maxsplit=2)
            if not self.versioned or len(words) < 2:
                problem = (
                    "a motif without a name" if self.versioned else "no 'MEME version' line before the first motif"
                )
                raise BadSource(self.path, problem, where)
            self.head = (words[1], words[2] if len(words) > 2 else "")
        elif line.startswith("letter-probability matrix"):
            if self.head is None:
                raise BadSource(self.path, "this matrix has no MOTIF line before it; add one", where)
            self.width, self.sites = (self._number(line, key, where) for key in ("w", "nsites"))
            if self.width is not None and not 1 <= self.width <= _WIDEST:
                raise BadSource(self.path, f"w= must be 1 to {_WIDEST}", where)
            self.rows = []
            self.reading = True
        elif self.reading and line and not (_ends_matrix(line) or self._complete(line)):
            self._row(line, where)
        elif line:
            self.reading = False

    def _complete(self, line: str) -> bool:
        """Return whether a line cannot be a further row: all announced rows were read, and it starts with a word."""
        return self.width is not None and len(self.rows) == int(self.width) and not line[0].isdigit()

    def finish(self) -> list[Motif]:
        self._close("end of file")
        if not self.motifs:
            raise BadSource(self.path, "contains no motif; give a file in MEME's minimal format")
        return self.motifs

    def _row(self, line: str, where: str) -> None:
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            raise BadSource(self.path, f"'{printable(line, 40)}' is not four numbers", where) from None
        # also refuses NaN, which compares as false
        if len(row) != 4 or not (min(row) >= 0 and abs(sum(row) - 1) <= 0.02):
            raise BadSource(self.path, f"'{printable(line, 40)}' is not four probabilities that sum to 1", where)
        if len(self.rows) == _WIDEST:
            raise BadSource(self.path, f"the matrix has more than {_WIDEST} rows", where)
        self.rows.append([p / sum(row) for p in row])

    def _close(self, where: str) -> None:
        if self.head is None:
            return
        if not self.rows or (self.width is not None and len(self.rows) != int(self.width)):
            said = f"{len(self.rows)} rows" + (f" where w= {int(self.width)} are announced" if self.width else "")
            raise BadSource(self.path, f"motif {printable(self.head[0], 60)} has {said}", where)
        self.motifs.append(Motif(self.head[0], self.head[1], np.array(self.rows).T, self.sites))
        self.head, self.rows, self.width, self.reading = None, [], None, False

    def _number(self, line: str, key: str, where: str) -> float | None:
        """Return the number after ``key=``, or None. Raises BadSource unless it is finite and not negative."""
        match = re.search(rf"\b{key}=\s*(\S*)", line)
        if match is None:
            return None
        try:
            value = float(match[1])
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise BadSource(self.path, f"{key}= must be a number of at least 0, not '{printable(match[1], 20)}'", where)
        return value


def _ends_matrix(line: str) -> bool:
    """Return whether a line can follow the rows of a matrix, in MEME's minimal format or in MEME's own report."""
    return line.startswith(("URL", "MOTIF", "//", "#")) or set(line) <= set("-*=")
