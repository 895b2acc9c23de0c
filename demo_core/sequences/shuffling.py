"""Shuffled sequences, as negatives and as background sequences.

Unknown letters stay where they are. Sequences are shuffled many at a time: no Python loop runs over them.
"""

from __future__ import annotations

import itertools
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from demo_core.sequences.alphabets import Codes

#: Number of rows to shuffle at once: enough to make the steps of a walk cheap, and few enough for the cache.
_BLOCK = 2000
#: Bits of a letter in a sort key, and random bits in a key of two letters
_BITS = 3
_RANDOM_BITS = 64 - 2 * _BITS
#: A last-exit tree is drawn from a full list of (letters - 1) ** (letters - 1) of them for each root.
MOST_LETTERS = 6


class RowRandom(Protocol):
    """Random numbers of each row by itself, such as ``batch.random`` of an explainer."""

    def bits(self, k: int) -> NDArray[np.uint64]:
        """Return new random numbers (N, k) of 64 bits for N rows. The first of a row do not depend on k."""
        ...


def shuffle(codes: Codes, random: Generator, unknown: int = 4) -> Codes:
    """Permute the known letters of each row of (N, L) codes, every order equally likely."""
    known = codes < unknown
    keys = np.where(known, random.random(codes.shape), np.inf)
    order = np.argsort(keys, axis=1)
    drawn = np.take_along_axis(codes, order, axis=1)
    # the n known letters now come first in each row: assign them to the known places
    place = np.cumsum(known, axis=1) - 1
    dealt = np.take_along_axis(drawn, np.maximum(place, 0), axis=1)
    return np.where(known, dealt, codes)


def dinucleotide_shuffle(codes: Codes, random: Generator | RowRandom, unknown: int = 4) -> Codes:
    """Shuffle each row of (N, L) codes, keeping exactly how often each letter follows each other letter.

    Every sequence with the same first letter, last letter and dinucleotide counts is equally likely. Unknown
    letters stay in place and each stretch of known letters between them is shuffled by itself.

    Method: Altschul & Erickson, Mol. Biol. Evol. 1985, 2:526-538. The letters are the nodes of a graph and the
    dinucleotides its edges; a shuffle is an Eulerian path. The last edge out of each node is drawn as a random tree
    towards the last letter, with probability in proportion to its number of labelled trees; all other edges are
    used in random order.

    When not to use it: as a null for methods that are themselves about dinucleotides; and for repeats, where few
    other orders, or none, exist.

    Parameters
    ----------
    codes
        (N, L) uint8.
    random
        Random generator; or an object whose ``bits(k)`` returns (N, k) uint64 for the N rows, such as ``batch.random``
        of an explainer. The shuffle of a row then does not depend on the other rows.
    unknown
        Code of unknown letters.

    Returns
    -------
    ndarray
        (N, L) uint8, shuffled.

    Raises
    ------
    ValueError
        For alphabets of more than six letters.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.sequences import DNA, dinucleotide_shuffle
    >>> codes = np.array([DNA.encode("ACGTACGGTCATTG")])
    >>> shuffled = dinucleotide_shuffle(codes, np.random.default_rng(0))
    >>> bool((np.bincount(shuffled[0]) == np.bincount(codes[0])).all())
    True
    """
    if unknown > MOST_LETTERS:
        raise ValueError(f"dinucleotide_shuffle takes alphabets of at most {MOST_LETTERS} letters, not {unknown}")
    shuffled = np.array(codes, dtype=np.uint8)
    rows, starts, lengths = _known_runs(shuffled < unknown)
    # the path through three letters or fewer is determined by its ends
    long_enough = lengths > 3
    rows, starts, lengths = rows[long_enough], starts[long_enough], lengths[long_enough]
    draws = _Generated(random) if isinstance(random, Generator) else _OfRows(random, shuffled.shape[1], rows, unknown)
    for first in range(0, len(rows), _BLOCK):
        part = slice(first, first + _BLOCK)
        row, start, length = rows[part], starts[part], lengths[part]
        columns = start[:, None] + np.arange(int(length.max()))
        inside = np.arange(columns.shape[1]) < length[:, None]
        columns = np.minimum(columns, shuffled.shape[1] - 1)
        runs = np.where(inside, shuffled[row[:, None], columns], 0)
        done = _shuffle_runs(runs, length, draws, part, row[:, None], columns[:, :-1], unknown)
        shuffled[np.broadcast_to(row[:, None], columns.shape)[inside], columns[inside]] = done[inside]
    return shuffled


def _known_runs(known: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return row, start and length of each stretch of True."""
    edges = np.diff(np.pad(known, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return rows, starts, ends - starts


class _Draws(Protocol):
    """Random numbers for stretches of known letters."""

    def edges(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return ``_RANDOM_BITS`` bits for each edge; ``columns`` (stretches, edges) are places in the sequence."""

    def gumbel(self, stretches: NDArray[np.int64], k: int) -> NDArray[np.float64]:
        """Return (stretches, k) numbers of the standard Gumbel distribution."""


class _Generated:
    """Draws of a generator, which depend on all rows before."""

    def __init__(self, random: Generator) -> None:
        self._random = random

    def edges(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.uint64]:
        return self._random.integers(0, 1 << _RANDOM_BITS, columns.shape, dtype=np.uint64)

    def gumbel(self, stretches: NDArray[np.int64], k: int) -> NDArray[np.float64]:
        return self._random.gumbel(size=(len(stretches), k))


class _OfRows:
    """Draws that depend on the row alone: one number for each position, and some for each stretch of a row."""

    def __init__(self, random: RowRandom, length: int, rows: NDArray[np.int64], letters: int) -> None:
        self._trees = letters ** max(0, letters - 2)  # of each root (Cayley's formula)
        self._edges = random.bits(length) >> np.uint64(64 - _RANDOM_BITS)
        self._rows, first = rows, np.searchsorted(rows, rows)
        self._number = np.arange(len(rows)) - first  # of each stretch in its row
        most = int(self._number.max(initial=-1)) + 1
        self._uniform = (random.bits(most * self._trees) >> np.uint64(11)) * 2.0**-53

    def edges(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.uint64]:
        return self._edges[rows, columns]

    def gumbel(self, stretches: NDArray[np.int64], k: int) -> NDArray[np.float64]:
        columns = self._number[stretches, None] * self._trees + np.arange(k)
        uniform = self._uniform[self._rows[stretches, None], columns]
        return np.asarray(-np.log(-np.log(np.maximum(uniform, 2.0**-54))))


def _shuffle_runs(
    runs: Codes, lengths: NDArray[np.int64], draws: _Draws, part: slice, rows: NDArray[np.int64],
    columns: NDArray[np.int64], letters: int,
) -> Codes:  # fmt: skip
    """Shuffle the first ``lengths[i]`` letters of each row i of (N, M), the stretches ``part`` of all.

    ``rows`` (N, 1) and ``columns`` (N, M - 1) are the places of their edges in the sequences.
    """
    n, width = runs.shape
    each = np.arange(n)
    here, there = runs[:, :-1], runs[:, 1:]
    edges = here << _BITS | there
    real = np.arange(width - 1) < (lengths - 1)[:, None]
    last = runs[each, lengths - 1].astype(np.int64)

    # counts[i, a, b]: how often b follows a in row i
    flat = (each[:, None] << 2 * _BITS) + edges
    side = 1 << _BITS
    counts = np.bincount(flat[real], minlength=n * side * side).reshape(n, side, side)[:, :letters, :letters]
    exits = _last_exits(counts, last, draws, part.start)

    # All edges in random order, grouped by the letter they leave, its last exit at the end of each group. A key holds,
    # from the highest bit, the letter that the edge leaves, random bits, and the letter that it enters.
    keys = draws.edges(rows, columns)
    keys <<= np.uint64(_BITS)
    keys |= there
    keys |= here.astype(np.uint64) << np.uint64(64 - _BITS)
    keys[~real] = np.iinfo(np.uint64).max
    for letter in range(letters):
        # Among equal edges the first one is made the last exit: they are indistinguishable, so any fixed one will do
        wanted = (letter << _BITS) + exits[:, letter]
        place = (edges == wanted[:, None].astype(np.uint8)).argmax(axis=1)
        found = each[(edges[each, place] == wanted) & (place < lengths - 1) & (last != letter)]
        keys[found, place[found]] |= np.uint64((1 << 64 - _BITS) - (1 << _BITS))
    keys.sort(axis=1)
    targets = (keys & np.uint64(side - 1)).astype(np.uint8).reshape(-1)

    # Walk: each letter hands out its edges one after the other
    degree = counts.sum(axis=2)
    cursor = (np.cumsum(degree, axis=1) - degree + each[:, None] * (width - 1)).reshape(-1)
    walked = np.ascontiguousarray(runs.T)
    at = runs[:, 0]
    base, shortest = each * letters, int(lengths.min())
    for step in range(1, width):
        index = base + at
        edge = cursor[index]
        cursor[index] = edge + 1
        if step < shortest:
            at = targets[edge]
        else:  # some rows have ended
            moving = step < lengths
            at = np.where(moving, targets[np.where(moving, edge, 0)], at)
        walked[step] = at
    return walked.T


def _last_exits(counts: NDArray[np.int64], last: NDArray[np.int64], draws: _Draws, first: int) -> NDArray[np.int64]:
    """Return, for each row and letter, the letter that its last edge leads to: a random tree rooted at ``last``."""
    n, letters, _ = counts.shape
    exits = np.zeros((n, letters), np.int64)
    weights = counts.astype(np.float64)
    # A letter that never occurs constrains nothing: give it one imaginary edge to the root
    absent = counts.sum(axis=2) == 0
    rows, unused = np.nonzero(absent)
    weights[rows, unused, last[rows]] = 1.0
    for root in range(letters):
        mine = np.flatnonzero(last == root)
        if not len(mine):
            continue
        others = [a for a in range(letters) if a != root]
        trees = _trees(letters, root)
        # log of the number of labelled trees of each shape; no edge, no tree
        with np.errstate(divide="ignore"):
            logs = np.log(weights[mine])
        total = np.zeros((len(mine), len(trees)))
        for column, letter in enumerate(others):
            total += logs[:, letter, trees[:, column]]
        # the Gumbel maximum is a draw in proportion to exp(total)
        draw = (total + draws.gumbel(first + mine, total.shape[1])).argmax(axis=1)
        exits[mine[:, None], others] = trees[draw]
    return exits


def _trees(letters: int, root: int) -> NDArray[np.int64]:
    """Return every way to give each letter except the root a next letter such that all lead to the root."""
    others = [a for a in range(letters) if a != root]
    found = []
    for choice in itertools.product(*([b for b in range(letters) if b != a] for a in others)):
        step = dict(zip(others, choice, strict=True))
        if all(_reaches(a, root, step) for a in others):
            found.append(choice)
    return np.array(found, np.int64)


def _reaches(start: int, root: int, step: dict[int, int]) -> bool:
    at = start
    for _ in range(len(step)):
        at = step.get(at, root)
        if at == root:
            return True
    return at == root
