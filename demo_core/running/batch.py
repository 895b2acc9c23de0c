"""Input and result of an explainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from demo_core.sequences.shuffling import dinucleotide_shuffle


class BatchRandom:
    """Random numbers that depend only on the seed, the row in the dataset, and the number of the call.

    Draws do not depend on batch size, order, shards, resuming or device. Each sequence has its own SplitMix64 stream
    for each call (Steele, Lea & Flood, OOPSLA 2014).

    Examples
    --------
    >>> import numpy as np, torch
    >>> from demo_core import BatchRandom
    >>> one = BatchRandom(0, np.array([5, 6]), torch.device("cpu")).uniform(3)
    >>> other = BatchRandom(0, np.array([6]), torch.device("cpu")).uniform(3)
    >>> bool((one[1] == other[0]).all())
    True
    """

    def __init__(self, seed: int, index: NDArray[np.int64], device: torch.device, stream: int = 0) -> None:
        self._index = np.asarray(index, np.int64).astype(np.uint64)
        self._key = _mix(_mix(np.array([seed % 2**64], np.uint64)) ^ np.uint64(stream))
        self._device = device
        self._calls = 0

    def bits(self, k: int) -> NDArray[np.uint64]:
        """Draw an array (B, k) of 64 random bits each. Each call gives new numbers; the first
        numbers of a row do not depend on k.
        """
        self._calls += 1
        with np.errstate(over="ignore"):
            start = _mix(self._key + _mix(self._index + np.uint64(1)))
            start = _mix(start + np.uint64(self._calls) * _GAMMA)
            state = start[:, None] + np.arange(1, k + 1, dtype=np.uint64) * _GAMMA
        return _mix(state)

    def uniform(self, k: int) -> Tensor:
        """Draw a tensor (B, k) of float32 in [0, 1). Each call gives new numbers."""
        # a float32 holds 24 bits exactly, so 1.0 is never reached
        numbers = (self.bits(k) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return torch.from_numpy(numbers).to(self._device)

    def normal(self, k: int) -> Tensor:
        """Draw a tensor (B, k) of float32 from the standard normal distribution (Box & Muller,
        Annals of Mathematical Statistics 1958, 29:610-611)."""
        radius, angle = ((self.bits(k) >> np.uint64(11)) + 0.5) * 2.0**-53, (self.bits(k) >> np.uint64(11)) * 2.0**-53
        numbers = np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle)
        return torch.from_numpy(numbers.astype(np.float32)).to(self._device)

    def permutations(self, k: int) -> Tensor:
        """Draw a tensor (B, k) of int64; each row is a random permutation of 0 to k - 1."""
        return self.uniform(k).argsort(dim=1, stable=True)

    def dinucleotide_shuffles(self, codes: Tensor, k: int, letters: int = 4) -> Tensor:
        """Shuffle each sequence k times, keeping how often each letter follows each other letter.

        See ``demo_core.sequences.dinucleotide_shuffle`` for the method.

        Parameters
        ----------
        codes
            (B, L) uint8, such as ``batch.codes``.
        k
            Number of shuffles of each sequence.
        letters
            Number of letters of the alphabet, at most 6; larger codes stay in place.

        Returns
        -------
        Tensor
            (B, k, L) uint8, on the device of the batch.
        """
        n, length = codes.shape
        copies = np.repeat(codes.cpu().numpy(), k, axis=0)
        shuffled = dinucleotide_shuffle(copies, _Copies(self, k), letters)
        return torch.from_numpy(shuffled.reshape(n, k, length)).to(self._device)


class _Copies:
    """Random numbers for k copies of each row, next to each other."""

    def __init__(self, random: BatchRandom, k: int) -> None:
        self._random, self._k = random, k

    def bits(self, k: int) -> NDArray[np.uint64]:
        drawn = np.stack([self._random.bits(k) for _ in range(self._k)], axis=1)
        return drawn.reshape(len(drawn) * self._k, k)


class RunRandom:
    """Random numbers for a run that reads no data, for as many rows as the explainer makes.

    The explainer may call ``progress(done, total)``, which moves a progress bar.

    Examples
    --------
    >>> import torch
    >>> from demo_core import RunRandom
    >>> RunRandom(0, torch.device("cpu")).rows(2).uniform(3).shape
    torch.Size([2, 3])
    """

    def __init__(
        self, seed: int, device: torch.device, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> None:
        self._seed, self._device = seed, device
        self.progress = progress

    def rows(self, n: int) -> BatchRandom:
        """Return random numbers for rows 0 to n - 1. The numbers of a row do not depend on n."""
        return BatchRandom(self._seed, np.arange(n, dtype=np.int64), self._device)


_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@dataclass(frozen=True)
class Batch:
    """Sequences to explain, on the model's device.

    Parameters
    ----------
    x
        One-hot (B, A, L) float; an unknown letter is a column of zeros.
    codes
        (B, L) uint8.
    labels
        (B, T) float32, NaN where unknown.
    index
        (B,) int64: row of each sequence in the dataset.
    random
        The only source of random numbers that an explainer may use.
    progress
        ``progress(done, total)`` moves the progress bar inside a batch. Call it in a method that takes seconds.
    strand
        "-" if ``x`` is the reverse complement of the data, as for the second strand of ``--average-strands``.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from demo_core import Batch, BatchRandom
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> model, data = tiny_model(), tiny_dataset(2)
    >>> index = np.arange(2)
    >>> batch = Batch(
    ...     model.one_hot(data.codes),
    ...     torch.tensor(data.codes),
    ...     torch.tensor(data.labels),
    ...     torch.tensor(index),
    ...     BatchRandom(0, index, torch.device("cpu")),
    ... )
    >>> batch.x.shape
    torch.Size([2, 4, 40])
    """

    x: Tensor
    codes: Tensor
    labels: Tensor
    index: Tensor
    random: BatchRandom
    progress: Callable[[int, int], None] = lambda done, total: None
    strand: Literal["+", "-"] = "+"

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Result:
    """Result of an explainer for a batch.

    Parameters
    ----------
    values
        Values of the kind's shape, see ``demo_core.plugins.specs.Explainer``.
    baseline
        (B,), the target at the reference, for additive methods.
    per_sequence
        Further numbers (B,) by name, with the same names in every batch; for a pattern (R,), one for each restart.
    outputs
        (B, T), the model's outputs for ``batch.x``, if the explainer computed them anyway. The core then does not run
        the network again. Not for patterns.

    Examples
    --------
    >>> import torch
    >>> from demo_core import Result
    >>> Result(torch.zeros(2, 4, 40), per_sequence={"steps": torch.tensor([50.0, 50.0])}).values.shape
    torch.Size([2, 4, 40])
    """

    values: Tensor
    baseline: Tensor | None = None
    per_sequence: Mapping[str, Tensor] = field(default_factory=dict)
    outputs: Tensor | None = None
