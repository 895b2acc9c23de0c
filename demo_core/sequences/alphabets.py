"""Alphabets, encoding and reverse complement.

Codes are uint8: the index of a letter in its alphabet (DNA: A 0, C 1, G 2, T 3), and the alphabet's length for an
unknown letter or padding. One-hot arrays are (batch, letters, length); an unknown letter is a column of zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import UsageProblem, printable, unknown_name

#: An array of codes: uint8, see the module.
Codes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Small = TypeVar("Small", np.uint8, np.int8)

_ILLEGAL = 255


class IllegalLetter(ValueError):
    """A letter outside the alphabet; ``column`` counts from 1.

    Examples
    --------
    >>> from demo_core.sequences import DNA, IllegalLetter
    >>> try:
    ...     DNA.encode("AC*T")
    ... except IllegalLetter as error:
    ...     print(error.letter, error.column)
    * 3
    """

    def __init__(self, letter: str, column: int, alphabet: Alphabet) -> None:
        self.letter, self.column = letter, column
        also = f", or {alphabet.ambiguous} for an unknown one" if alphabet.ambiguous else ""
        super().__init__(
            f"illegal letter '{printable(letter)}' in column {column}: {alphabet.name} has {alphabet.letters}{also}"
        )


@dataclass(frozen=True)
class Alphabet:
    """Letters of sequences.

    ``complement`` lists, letter for letter, the opposite strand; it is empty if there is none. ``ambiguous`` letters
    are read as unknown.

    Examples
    --------
    >>> from demo_core.sequences import DNA
    >>> codes = DNA.encode("ACGTN")
    >>> codes.tolist(), DNA.decode(DNA.reverse_complement(codes))
    ([0, 1, 2, 3, 4], 'NACGT')
    """

    name: str
    letters: str
    complement: str = ""
    ambiguous: str = ""

    @property
    def unknown(self) -> int:
        """Code of an unknown letter."""
        return len(self.letters)

    @cached_property
    def _codes(self) -> Codes:
        table = np.full(256, _ILLEGAL, np.uint8)
        for text in (self.ambiguous, self.letters):
            for letter in text:
                code = self.letters.find(letter)
                table[[ord(letter), ord(letter.lower())]] = self.unknown if code < 0 else code
        return table

    @cached_property
    def _complements(self) -> Codes:
        if not self.complement:
            raise UsageProblem(f"the alphabet {self.name} has no complement, so there is no reverse strand")
        return np.array([*(self.letters.index(c) for c in self.complement), self.unknown], np.uint8)

    def encode(self, sequence: str) -> Codes:
        """Encode one sequence as codes (L,); lower case counts as upper. Raises IllegalLetter."""
        try:
            return self.encode_bytes(np.frombuffer(sequence.encode("latin-1", "replace"), np.uint8))
        except IllegalLetter as error:
            raise IllegalLetter(sequence[error.column - 1], error.column, self) from None

    def encode_bytes(self, letters: NDArray[np.uint8]) -> Codes:
        """Encode ASCII letters (..., L) as codes of the same shape. Raises IllegalLetter for the first illegal one."""
        codes = translated(letters, self._codes)
        if codes.size and codes.max() == _ILLEGAL:
            place = int(np.argmax(codes == _ILLEGAL))
            raise IllegalLetter(chr(letters.flat[place]), place % letters.shape[-1] + 1, self)
        return codes

    def decode(self, codes: Codes) -> str:
        """Decode codes (L,); N for unknown."""
        table = np.frombuffer((self.letters + "N").encode("ascii"), np.uint8)
        return table[np.minimum(codes, self.unknown)].tobytes().decode("ascii")

    def check(self, codes: NDArray[np.generic]) -> None:
        """Raise UsageProblem unless an array holds codes: integers from 0 to ``unknown``."""
        if codes.dtype.kind not in "iu":
            raise UsageProblem(f"codes must be integers, one for each letter, not {codes.dtype}; encode() makes them")
        if codes.size and not 0 <= (low := codes.min()) <= (high := codes.max()) <= self.unknown:
            raise UsageProblem(f"codes of {self.name} are from 0 to {self.unknown}, not {low if low < 0 else high}")

    def one_hot(self, codes: Codes) -> Floats:
        """Encode codes (..., L) as one-hot float32 (..., A, L); unknown letters are columns of zeros. Raises
        UsageProblem.
        """
        self.check(codes)
        rows = np.arange(len(self.letters), dtype=np.uint8)[:, None]
        hot: Floats = np.empty((*codes.shape[:-1], len(rows), codes.shape[-1]), np.float32)
        return np.equal(codes[..., None, :], rows, out=hot, casting="unsafe")

    def reverse_complement(self, codes: Codes) -> Codes:
        """Return codes (..., L) of the other strand. Raises UsageProblem."""
        self.check(codes)
        return translated(codes[..., ::-1].astype(np.uint8, copy=False), self._complements)

    @property
    def complement_order(self) -> list[int]:
        """Rows of a one-hot array in the order that complements it."""
        return [int(c) for c in self._complements[:-1]]


def translated(values: Codes, table: NDArray[Small]) -> NDArray[Small]:
    """Return ``table[values]`` for a table of bytes. Indexing is much slower, since it makes 64-bit indices first."""
    whole = table.tobytes().ljust(256, bytes([_ILLEGAL]))
    return np.frombuffer(bytearray(values.tobytes()).translate(whole), table.dtype).reshape(values.shape)


#: The alphabet of DNA. IUPAC codes for more than one base are read as unknown. U is an error: RNA is another alphabet.
DNA = Alphabet("dna", "ACGT", complement="TGCA", ambiguous="RYSWKMBDHVN")

ALPHABETS = {DNA.name: DNA}


def alphabet_named(name: str) -> Alphabet:
    """Return the alphabet of that name.

    Parameters
    ----------
    name
        Name of an alphabet, such as ``dna``.

    Returns
    -------
    Alphabet
        The alphabet.

    Raises
    ------
    UsageProblem
        On an unknown name; the message lists the known ones.

    Examples
    --------
    >>> from demo_core.sequences import alphabet_named
    >>> alphabet_named("dna").letters
    'ACGT'
    """
    if name not in ALPHABETS:
        raise UsageProblem(unknown_name("alphabet", name, ALPHABETS))
    return ALPHABETS[name]


def fit_length(codes: Codes, length: int, fill: int) -> tuple[Codes, int]:
    """Crop or pad codes (..., L) around the centre to ``length``. Return them and the shift of the first position.

    The shift is positive for a crop and negative for padding. An odd base is removed from, or added to, the end.
    """
    own = codes.shape[-1]
    if own >= length:
        shift = (own - length) // 2
        return codes[..., shift : shift + length], shift
    shift = (length - own) // 2
    padded = np.full((*codes.shape[:-1], length), fill, codes.dtype)
    padded[..., shift : shift + own] = codes
    return padded, -shift
