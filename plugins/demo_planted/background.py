"""Background sequences: independent bases, or a Markov model of given sequences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo_core import BadSource, SequenceDataset, text_lines
from demo_core.sequences import DNA

Codes = NDArray[np.uint8]

# Pseudocount of each context, so that unseen words remain possible
_PSEUDOCOUNT = 1.0


class Background:
    """Markov model of DNA of some order; order 0 is a base composition.

    Parameters
    ----------
    table
        (4 ** order, 4), probability of each base after each context; the last base of a context is the lowest digit.
    """

    def __init__(self, table: NDArray[np.float64]) -> None:
        self.order = round(np.log(len(table)) / np.log(4))
        self.cumulative = np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1)

    @classmethod
    def of_sequences(cls, source: Path, order: int) -> Background:
        """Fit the model to a file's sequences. Raises BadSource if none is long enough."""
        counts = np.zeros(4 ** (order + 1))
        for codes in _sequences(source):
            if len(codes) <= order:
                continue
            windows = np.lib.stride_tricks.sliding_window_view(codes, order + 1)
            known = windows[(windows < 4).all(axis=1)].astype(np.int64)
            counts += np.bincount(known @ 4 ** np.arange(order, -1, -1), minlength=len(counts))
        if not counts.any():
            raise BadSource(
                source, f"has no {order + 1} consecutive known bases, which a Markov model of order {order} needs"
            )
        table = counts.reshape(-1, 4)
        return cls(table + _PSEUDOCOUNT * table.sum(axis=0) / table.sum())

    def draw(self, n: int, length: int, random: np.random.Generator) -> Codes:
        """Draw sequences (n, length)."""
        codes = np.empty((n, length), np.uint8)
        # a run-in, so that the first bases have a context too
        context = np.zeros(n, np.int64)
        for place in range(-5 * self.order, length):
            rows = self.cumulative[context]
            base = (random.random(n)[:, None] >= rows[:, :3]).sum(axis=1)
            context = (context * 4 + base) % len(self.cumulative)
            if place >= 0:
                codes[:, place] = base
        return codes


def _sequences(source: Path) -> Iterator[Codes]:
    if source.suffix in (".h5", ".hdf5"):
        with SequenceDataset.open(source) as dataset:
            for start in range(0, len(dataset), 1024):
                yield from dataset.codes[start : start + 1024]
        return
    parts: list[Codes] = []
    for number, line in text_lines(source):
        if line.startswith(">"):
            yield np.concatenate(parts) if parts else np.empty(0, np.uint8)
            parts = []
        else:
            try:
                parts.append(DNA.encode(line.strip()))
            except ValueError as error:
                raise BadSource(source, str(error), f"line {number}") from None
    yield np.concatenate(parts) if parts else np.empty(0, np.uint8)
