"""Surroundings of seqlets, cut out of sequences once, and the placement of motifs in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_core.results import Explanation
from demo_core.sequences import DNA, Codes
from demo_motifs.per_base_scores import Channel, Floats, read
from demo_motifs.seqlets import Ints, Seqlets

#: Bases kept on each side of a seqlet's middle.
REACH = 25
#: Bases that a network may have read before its score changes because of them.
_DELAY = 8


@dataclass(frozen=True)
class Windows:
    """M windows of ``2 * REACH + 1`` positions around the middles of seqlets.

    Parameters
    ----------
    first
        (M,), position in its sequence where each window begins; may be negative.
    start, end
        (M,), zone of the window in which a motif may lie: the seqlet, and for traces the bases read before it.
    codes
        (M, W), unknown past the ends of the sequence.
    letters, contributions
        (M, 4, W): one-hot or probabilities, and their product with the value. Zero past the ends.
    hypothetical
        (M, 4, W), or None.
    spread
        Whether values lie beside their cause, as in traces.
    """

    first: Ints
    start: Ints
    end: Ints
    codes: Codes
    letters: NDArray[np.float32]
    contributions: NDArray[np.float32]
    hypothetical: NDArray[np.float32] | None
    spread: bool

    def __len__(self) -> int:
        return len(self.first)


def cut(explanation: Explanation, channel: Channel, seqlets: Seqlets, *, sign: int = 1) -> Windows:
    """Return the window of each seqlet. Reads each sequence once; memory holds the windows only."""
    width = 2 * REACH + 1
    m, length = len(seqlets), explanation.sequences.length
    first = (seqlets.start + seqlets.end) // 2 - REACH
    codes = np.full((m, width), DNA.unknown, np.uint8)
    letters, contributions = np.zeros((2, m, 4, width), np.float32)
    hypothetical = np.zeros((m, 4, width), np.float32) if explanation.kind == "attribution" else None
    for begin in range(0, m, 2048):
        part = slice(begin, begin + 2048)
        rows, which = np.unique(seqlets.row[part], return_inverse=True)
        block = read(explanation, channel, rows, sign=sign)
        place = first[part, None] + np.arange(width)
        inside = (place >= 0) & (place < length)
        place = np.clip(place, 0, length - 1)
        codes[part] = np.where(inside, block.codes[which[:, None], place], DNA.unknown)
        letters[part] = _cut(block.letters[which], place, inside)
        contributions[part] = _cut((block.letters * block.values[:, None, :])[which], place, inside)
        if hypothetical is not None and block.hypothetical is not None:
            hypothetical[part] = _cut(block.hypothetical[which], place, inside)
    start, end = zone(channel, seqlets, length)
    return Windows(first, start - first, end - first, codes, letters, contributions, hypothetical, channel.reads != 0)


def _cut(values: Floats, place: Ints, inside: NDArray[np.bool_]) -> Floats:
    return np.asarray(np.take_along_axis(values, place[:, None, :], 2) * inside[:, None, :])


def zone(channel: Channel, seqlets: Seqlets, length: int) -> tuple[Ints, Ints]:
    """Return start and end of the zone that can cause a seqlet: itself, and for traces bases read before it."""
    start = seqlets.start - (_DELAY if channel.reads > 0 else 0)
    end = seqlets.end + (_DELAY if channel.reads < 0 else 0)
    return np.maximum(start, 0), np.minimum(end, length)


def weights(windows: Windows) -> Floats:
    """Return the weight of each base of (M, W): its share of the zone's positive values.

    For traces, whose changes lie beside their cause, all bases of the zone have the same weight.
    """
    place = np.arange(windows.codes.shape[1])
    inside = (place >= windows.start[:, None]) & (place < windows.end[:, None])
    values = np.maximum(windows.contributions.sum(axis=1), 0.0) * inside
    if windows.spread:
        values = inside.astype(np.float64)
    total = values.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, values / np.maximum(total, 1e-300), 0.0))


def oriented(columns: NDArray[np.float32], start: Ints, strand: Ints, width: int) -> NDArray[np.float32]:
    """Return ``width`` positions of (M, 4, W) from ``start`` on, reverse-complemented if ``strand`` is -1: (M, 4,
    width).

    Zero where they reach past the window.
    """
    whole = columns.shape[2]
    place = start[:, None] + np.arange(width)
    inside = (place >= 0) & (place < whole)
    out = np.take_along_axis(columns, np.clip(place, 0, whole - 1)[:, None, :], 2) * inside[:, None, :]
    turned = (strand < 0)[:, None, None]
    return np.asarray(np.where(turned, out[:, ::-1, ::-1], out))
