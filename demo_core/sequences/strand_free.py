"""Find equal sequences, on either strand, among many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from demo_core.sequences.alphabets import Alphabet, Codes, translated

#: Number of letters that one matrix product covers. Its sums stay below 2**53, so they are exact in float64.
_TILE = 4096
_WEIGHT_BITS = 38
#: Letters that are hashed at once, so that they stay in the cache.
_CACHED = 1 << 16
#: Odd multipliers that combine the sums of each 64-bit half of a hash
_JOIN = np.array([[0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], [0xD6E8FEB86659FD93, 0xA0761D6478BD642F]], np.uint64)


def strand_free_keys(codes: Codes, alphabet: Alphabet) -> NDArray[np.uint64]:
    """Return a 128-bit key for each row of (N, L), as two numbers.

    A sequence and its reverse complement have equal keys. Keys are random linear hashes with a fixed seed: two other
    sequences have equal keys with a probability below 1e-30.

    Parameters
    ----------
    codes
        (N, L) uint8.
    alphabet
        The alphabet of the codes.

    Returns
    -------
    ndarray
        (N, 2) uint64.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.sequences import DNA, strand_free_keys
    >>> forward, reverse = strand_free_keys(np.array([DNA.encode("AACG"), DNA.encode("CGTT")]), DNA)
    >>> forward.tolist() == reverse.tolist()
    True
    """
    alphabet.check(codes)
    random = np.random.default_rng(0)
    weights = random.integers(1, 1 << _WEIGHT_BITS, (min(codes.shape[1], _TILE), 4)).astype(np.float64)
    values, strands = np.arange(alphabet.unknown + 1, dtype=np.int8), 1
    if alphabet.complement:  # a letter and its complement are k and -k, so the other strand needs no array of its own
        order, strands = np.array(alphabet.complement_order), 2
        ranks = np.arange(1, len(order) + 1)
        values = np.append(np.where(ranks <= order, ranks, -order - 1), 0).astype(np.int8)
    rows = max(1, _CACHED // max(1, codes.shape[1]))
    space = np.empty((rows, len(weights)))  # reused: new memory would be slower than the arithmetic
    found = []
    for start in range(0, len(codes), rows):
        lanes = _hashes(
            translated(codes[start : start + rows].astype(np.uint8, copy=False), values), strands, weights, space
        )
        less = (lanes[0] < lanes[-1])[:, :1] | ((lanes[0] == lanes[-1])[:, :1] & (lanes[0] < lanes[-1])[:, 1:])
        found.append(np.where(less, lanes[0], lanes[-1]))
    return np.concatenate(found) if found else np.empty((0, 2), np.uint64)


def _hashes(
    values: NDArray[np.int8], strands: int, weights: NDArray[np.float64], space: NDArray[np.float64]
) -> NDArray[np.uint64]:
    """Return hashes (strands, n, 2) of each sequence on each strand."""
    length = values.shape[1]
    lanes = np.full((strands, len(values), 2), length, np.uint64)
    for start in range(0, length, _TILE):
        width, there = min(_TILE, length - start), -1
        tile = space[: len(values), :width]
        for strand, first in enumerate((start, length - start - width)[:strands]):
            if first != there:
                tile[:], there = values[:, first : first + width], first
            factors = -weights[:width][::-1] if strand else weights[:width]
            sums = (tile @ factors).astype(np.int64).view(np.uint64)
            lanes[strand] = ((lanes[strand] ^ (lanes[strand] >> np.uint64(29))) * _JOIN[0] + sums[:, :2]) * _JOIN[1]
            lanes[strand] += sums[:, 2:]
    return lanes


def number_equal(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Number the different rows of (N, 2) keys from 0, in order of first appearance.

    Parameters
    ----------
    keys
        (N, 2), as returned by ``strand_free_keys``.

    Returns
    -------
    ndarray
        (N,) int64; rows with equal keys have equal numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.sequences import number_equal
    >>> number_equal(np.array([[7, 1], [3, 3], [7, 1]], np.uint64)).tolist()
    [0, 1, 0]
    """
    order = np.argsort(keys[:, 0])
    ordered = keys.take(order, axis=0)
    differ = ordered[1:] != ordered[:-1]
    if (differ[:, 1] & ~differ[:, 0]).any():  # almost never: the first numbers are equal and the second are not
        order = np.lexsort(keys.T)
        differ = keys[order][1:] != keys[order][:-1]
    starts = np.flatnonzero(np.append(True, differ.any(axis=1))[: len(keys)])
    first = np.minimum.reduceat(order, starts) if len(keys) else order
    appears = np.zeros(len(keys), np.int64)
    appears[first] = 1
    numbers = np.empty(len(keys), np.int64)
    numbers[order] = np.repeat((np.cumsum(appears) - 1)[first], np.diff(np.append(starts, len(keys))))
    return numbers
