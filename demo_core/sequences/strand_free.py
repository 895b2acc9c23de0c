"""Find equal sequences, on either strand, among many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from demo_core.sequences.alphabets import Alphabet, Codes

#: Number of letters that one matrix product covers. Its sums stay below 2**53, so they are exact in float64.
_TILE = 4096
_WEIGHT_BITS = 38
#: Letters that are hashed at once, so that they stay in the cache.
_CACHED = 1 << 16
#: Odd multipliers that join the sums of a lane
_JOIN = np.array([[0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], [0xD6E8FEB86659FD93, 0xA0761D6478BD642F]], np.uint64)


def strand_free_keys(codes: Codes, alphabet: Alphabet) -> NDArray[np.uint64]:
    """Return two numbers for each row of (N, L), equal for a sequence and its reverse complement, and only then.

    Keys are random linear hashes of 128 bits. Two sequences that differ have equal keys with a probability below 1e-30.

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
    random = np.random.default_rng(0)
    weights = random.integers(1, 1 << _WEIGHT_BITS, (min(codes.shape[1], _TILE), 4)).astype(np.float64)
    rows = max(1, _CACHED // max(1, codes.shape[1]))
    space = np.empty((rows, len(weights)))  # memory from the system would be slower than the arithmetic
    found = [_keys(codes[start : start + rows], alphabet, weights, space) for start in range(0, len(codes), rows)]
    return np.concatenate(found) if found else np.empty((0, 2), np.uint64)


def _keys(
    codes: Codes, alphabet: Alphabet, weights: NDArray[np.float64], space: NDArray[np.float64]
) -> NDArray[np.uint64]:
    forward = _hashes(codes, weights, space)
    if not alphabet.complement:
        return forward
    backward = _hashes(alphabet.reverse_complement(codes), weights, space)
    less = (forward[:, 0] < backward[:, 0]) | ((forward[:, 0] == backward[:, 0]) & (forward[:, 1] < backward[:, 1]))
    return np.where(less[:, None], forward, backward)


def _hashes(codes: Codes, weights: NDArray[np.float64], space: NDArray[np.float64]) -> NDArray[np.uint64]:
    length = codes.shape[1]
    lanes = np.full((len(codes), 2), length, np.uint64)
    for start in range(0, length, _TILE):
        tile = space[: len(codes), : length - start]
        tile[:] = codes[:, start : start + _TILE]
        sums = (tile @ weights[: tile.shape[1]]).astype(np.uint64)
        lanes = ((lanes ^ (lanes >> np.uint64(29))) * _JOIN[0] + sums[:, :2]) * _JOIN[1] + sums[:, 2:]
    return lanes


def number_equal(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Number the different rows of (N, 2) keys from 0, in order of first appearance.

    Parameters
    ----------
    keys
        (N, 2), as of ``strand_free_keys``.

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
    order = np.argsort(keys[:, 0], kind="stable")
    differ = np.diff(keys[order], axis=0) != 0
    if (differ[:, 1] & ~differ[:, 0]).any():  # almost never: the first numbers are equal and the second are not
        order = np.lexsort(keys.T)
        differ = np.diff(keys[order], axis=0) != 0
    new = np.append(True, differ.any(axis=1))[: len(keys)]
    place = np.empty(int(new.sum()), np.int64)
    place[np.argsort(order[new])] = np.arange(len(place))  # lexsort is stable: the first of a run appears first
    numbers = np.empty(len(keys), np.int64)
    numbers[order] = place[np.cumsum(new) - 1]
    return numbers
