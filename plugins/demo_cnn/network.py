"""Convolutional network. Each non-linearity is a module used once, so that explainers can decompose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from demo_core import Network, Unsuitable
from demo_core.models import Dropout, fast_layers

if TYPE_CHECKING:
    from demo_cnn.options import CnnOptions


class GlobalMax(nn.Module):
    """Maximum over positions: (B, C, L) to (B, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveMaxPool1d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maximum of each channel."""
        return cast("Tensor", self.pool(x)).squeeze(-1)


class Cnn(nn.Module, Network):
    """Valid convolutions with ReLU, pooling and dropout, a global maximum, and a linear layer.

    Architecture: Lanchantin, Singh, Wang & Qi, PSB 2017. Maps (B, A, L), for any L of at least ``min_length``, to
    (B, T). When not to use it: if the order or spacing of distant motifs matters, since the global maximum discards the
    positions of features.

    Raises
    ------
    Unsuitable
        If ``length`` is below ``min_length``.
    """

    def __init__(self, options: CnnOptions, *, letters: int, length: int, n_targets: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = letters
        last = len(options.filters) - 1
        for place, (filters, width) in enumerate(zip(options.filters, options.widths, strict=True)):
            layers += [nn.Conv1d(channels, filters, width), nn.ReLU()]
            if place < last and options.pool > 1:
                layers.append(nn.MaxPool1d(options.pool))
            layers.append(Dropout(options.dropout))
            channels = filters
        self.features = nn.Sequential(*layers)
        self.global_max = GlobalMax()
        self.linear = nn.Linear(channels, n_targets)
        self.options = options
        self.min_length = _min_length(options)
        if length < self.min_length:
            raise Unsuitable(
                f"these widths and pooling need at least {self.min_length} bases, but sequences have {length}; "
                "choose smaller --widths or --pool"
            )

    @property
    def first_layer(self) -> nn.Conv1d:
        """Convolution that reads the sequence; its weights are (filters, A, width)."""
        return cast("nn.Conv1d", self.features[0])

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs (B, T) before activation."""
        return cast("Tensor", self.linear(self.global_max(self.features(x))))

    def fast_forward(self, x: Tensor) -> Tensor:
        """Return the same outputs, faster on a CPU."""
        return cast("Tensor", self.linear(self.global_max(fast_layers(self.features, x))))

    @property
    def local_layers(self) -> nn.Sequential:
        """Layers whose outputs depend on few neighbouring positions."""
        return self.features

    def from_channel_maxima(self, maxima: Tensor) -> Tensor:
        """Return outputs (B, T) of the maximum over positions of each channel of ``local_layers``, (B, C)."""
        return cast("Tensor", self.linear(maxima))

    def prefix_logits(self, x: Tensor) -> Tensor:
        """Return outputs (B, T, L) of every prefix, NaN below ``min_length``, in one pass.

        Pooling starts at the left, so the features of a prefix are the first features of the whole sequence.
        """
        features = self.features(x)
        best = self._linear_of_each(features.cummax(dim=2).values)
        counts = [self._n_features(i + 1) for i in range(x.shape[2])]
        return _spread(best, counts)

    def suffix_logits(self, x: Tensor) -> Tensor:
        """Return outputs (B, T, L) of every suffix, by its first position; one pass for each phase of the pooling."""
        phases = self.options.pool ** (len(self.options.widths) - 1)
        length = x.shape[2]
        found = x.new_full((len(x), self.linear.out_features, length), torch.nan)
        for phase in range(min(phases, length - self.min_length + 1)):
            features = self.features(x[:, :, phase:])
            best = self._linear_of_each(features.flip(2).cummax(dim=2).values)
            starts = range(phase, length, phases)
            found[:, :, phase::phases] = _spread(best, [self._n_features(length - s) for s in starts])
        return found

    def _linear_of_each(self, features: Tensor) -> Tensor:
        return cast("Tensor", self.linear(features.transpose(1, 2))).transpose(1, 2)

    def _n_features(self, length: int) -> int:
        """How many positions are left of a sequence after the convolutions; 0 if it is too short."""
        last = len(self.options.widths) - 1
        for place, width in enumerate(self.options.widths):
            length = max(0, length - width + 1)
            if place < last:
                length //= self.options.pool
        return length


def _spread(best: Tensor, counts: list[int]) -> Tensor:
    """Return outputs (B, T) for each number of features; NaN for none."""
    chosen = best[:, :, [max(0, n - 1) for n in counts]]
    return chosen.masked_fill(torch.tensor([n == 0 for n in counts], device=best.device), torch.nan)


def _min_length(options: CnnOptions) -> int:
    needed = 1
    for place in reversed(range(len(options.widths))):
        if place < len(options.widths) - 1:
            needed *= options.pool
        needed += options.widths[place] - 1
    return needed
