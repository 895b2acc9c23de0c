"""Reference sequences of explainers: shuffles, sequences of a file, equal parts of all letters, or zeros."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from demo_core.errors import Unsuitable, counted
from demo_core.models.model import Model
from demo_core.plugins.dataset_option import DatasetFile
from demo_core.running.batch import Batch, BatchRandom
from demo_core.sequences.shuffling import MOST_LETTERS

Kind = Literal["shuffle", "uniform", "zeros"]


class Background:
    """References to which a method compares each sequence.

    Unknown bases of a sequence are unknown in its references, so they add nothing to a difference of outputs.

    Parameters
    ----------
    kind
        ``shuffle``: dinucleotide shuffles of the sequence. ``uniform``: the same share of every letter at all
        positions. ``zeros``: no letter anywhere.
    n
        Number of references of each sequence; ``uniform`` and ``zeros`` have one.
    file
        Sequences to draw from, without replacement, instead of ``kind``.

    Raises
    ------
    Unsuitable
        If the file has fewer than ``n`` sequences, or ``kind`` is not the default beside a file.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from demo_core import Batch, BatchRandom
    >>> from demo_core.running import Background
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> model, data, index = tiny_model(), tiny_dataset(2), np.arange(2)
    >>> x, codes, labels = model.one_hot(data.codes), torch.tensor(data.codes), torch.tensor(data.labels)
    >>> batch = Batch(x, codes, labels, torch.tensor(index), BatchRandom(0, index, torch.device("cpu")))
    >>> Background("shuffle", 5).draw(model, batch).shape
    torch.Size([2, 5, 4, 40])
    """

    def __init__(self, kind: Kind, n: int, file: DatasetFile | None = None) -> None:
        if file is not None and kind != "shuffle":
            raise Unsuitable(f"--background {kind} and --background-file exclude each other; omit one of them")
        self._kind, self._file = kind, file
        self.n = n if file is not None or kind == "shuffle" else 1
        if file is not None and len(file.sequences) < n:
            there = counted(len(file.sequences), "sequence")
            said = f"--background-file {file} has {there}, but {n} references are needed"
            raise Unsuitable(f"{said}; give more sequences, or lower --references")

    def draw(self, model: Model, batch: Batch) -> Tensor:
        """Return references (B, n, A, L) of the sequences of a batch, in the precision and on the device of ``x``."""
        b, letters, length = batch.x.shape
        known = batch.x.sum(dim=1)[:, None, None, :]  # 0 or 1
        if self._kind != "shuffle":
            share = 1 / letters if self._kind == "uniform" else 0.0
            return known * torch.full((b, 1, letters, 1), share, dtype=batch.x.dtype, device=batch.x.device)
        if self._file is None and letters > MOST_LETTERS:
            said = f"sequences of {letters} letters cannot be shuffled (at most {MOST_LETTERS})"
            raise Unsuitable(f"{said}; use --background-file, or --background uniform where there is one")
        if self._file is None:
            codes = batch.random.dinucleotide_shuffles(batch.codes, self.n, letters)
        else:
            codes = self._drawn(self._file, batch)
        found = model.one_hot(codes.reshape(b * self.n, length)).reshape(b, self.n, letters, length) * known
        # an unknown base of a file is no replacement: the sequence keeps its own
        return torch.where(found.sum(dim=2, keepdim=True) > 0, found, batch.x[:, None])

    def _drawn(self, file: DatasetFile, batch: Batch) -> Tensor:
        rows = draw_without_replacement(batch.random, len(file.sequences), self.n)
        needed, place = np.unique(rows, return_inverse=True)
        codes = np.asarray(file.sequences.take(needed).codes)
        return torch.from_numpy(codes[place.reshape(rows.shape)])


def draw_without_replacement(random: BatchRandom, n: int, k: int) -> NDArray[np.int64]:
    """Return k different numbers below n for each row, (B, k); every set is equally likely.

    Method: Floyd's algorithm (Bentley & Floyd, Communications of the ACM 1987, 30:754-757).
    """
    uniform = (random.bits(k) >> np.uint64(11)) * 2.0**-53
    chosen = np.full(uniform.shape, -1, np.int64)
    for place, last in enumerate(range(n - k, n)):
        drawn = (uniform[:, place] * (last + 1)).astype(np.int64)
        taken = (chosen == drawn[:, None]).any(axis=1)
        chosen[:, place] = np.where(taken, last, drawn)
    return chosen
