"""Convolutional-recurrent network. Each non-linearity is a module used once, so that explainers can decompose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from demo_core import Network
from demo_core.models import Dropout, Lstm, MeanReadout, fast_convolution

if TYPE_CHECKING:
    from demo_cnn_rnn.options import CnnRnnOptions

#: Methods that ``prefix_logits`` reproduces, besides ``forward``
_OF_FEATURES = ("position_features", "from_position_features")


class CnnRnn(nn.Module, Network):
    """A convolution padded to keep the length, ReLU, an LSTM, dropout, the mean over positions, and a linear layer.

    Architecture: Lanchantin, Singh, Wang & Qi, PSB 2017. Maps (B, A, L), for any L of at least 1, to (B, T). When not
    to use it: if speed matters. The LSTM processes bases one after the other; the cnn trains about twice as fast.
    """

    min_length = 1

    def __init__(self, options: CnnRnnOptions, *, letters: int, length: int, n_targets: int) -> None:
        super().__init__()
        # for an even width, one more zero on the right; padding="same" would do this with a warning each time
        self.padding = nn.ZeroPad1d(((options.width - 1) // 2, options.width // 2))
        self.convolution = nn.Conv1d(letters, options.filters, options.width)
        self.relu = nn.ReLU()
        self.recurrent = Lstm(
            options.filters,
            options.units,
            layers=options.layers,
            bidirectional=not options.unidirectional,
            dropout=options.dropout,
        )
        self.dropout = Dropout(options.dropout)
        self.readout = MeanReadout(self.recurrent.features, n_targets, warm_start=options.warm_start)
        self.provides = {"gradients", "conv-filters", "recurrent", "variable-length"}
        if options.layers == 1 and not options.unidirectional:  # otherwise no states are shared
            self.provides.add("prefix-logits")

    @property
    def first_layer(self) -> nn.Conv1d:
        """Convolution that reads the sequence; its weights are (filters, A, width)."""
        return self.convolution

    def set_progress(self, fraction: float) -> None:
        """Set the completed fraction of the training, 0 to 1."""
        self.readout.set_progress(fraction)

    @property
    def warming_up(self) -> bool:
        """Whether training is in its warm start, whose epochs are kept only if no later epoch exists."""
        return self.readout.warming_up

    def position_features(self, x: Tensor) -> Tensor:
        """Return the features of the convolution at each position: (B, filters, L)."""
        return cast("Tensor", self.relu(self.convolution(self.padding(x))))

    def from_position_features(self, features: Tensor) -> Tensor:
        """Return outputs (B, T) before activation for features, or for a slice of them."""
        return cast("Tensor", self.readout(self.dropout(self.recurrent(features))))

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs (B, T) before activation."""
        return self.from_position_features(self.position_features(x))

    def fast_forward(self, x: Tensor) -> Tensor:
        """Return the same outputs, faster on a CPU."""
        if type(self).position_features is not CnnRnn.position_features:
            return self.forward(x)
        features = self.relu(fast_convolution(self.convolution, self.padding(x)))
        return self.from_position_features(cast("Tensor", features))

    def prefix_logits(self, x: Tensor) -> Tensor:
        """Return outputs (B, T, L) of every prefix."""
        if self._exchanged():
            return torch.stack([self(x[:, :, : n + 1]) for n in range(x.shape[2])], dim=2)
        means = self.recurrent.means(self.position_features(x), of="prefixes", edges=self._edges(x, at_end=True))
        return self.readout.of_means(means)

    def suffix_logits(self, x: Tensor) -> Tensor:
        """Return outputs (B, T, L) of every suffix, by its first position."""
        if self._exchanged():
            return torch.stack([self(x[:, :, n:]) for n in range(x.shape[2])], dim=2)
        means = self.recurrent.means(self.position_features(x), of="suffixes", edges=self._edges(x, at_end=False))
        return self.readout.of_means(means)

    def _edges(self, x: Tensor, *, at_end: bool) -> Tensor:
        """Return features (B, filters, q, L) at the last q positions of every prefix, or the first of every suffix.

        There, the filter extends into the padding, and so reads fewer bases.
        """
        weight, bias = self.convolution.weight, self.convolution.bias
        width = weight.shape[2]
        if at_end:
            kept = [weight[:, :, : width - 1 - j] for j in range(width // 2)]
        else:
            kept = [weight[:, :, (width - 1) // 2 - j :] for j in range((width - 1) // 2)]
        features = x.new_zeros(len(x), len(weight), len(kept), x.shape[2])
        for j, part in enumerate(kept):
            beyond = part.shape[2] - 1
            padded = functional.pad(x, (beyond, 0) if at_end else (0, beyond))
            features[:, :, j] = self.relu(functional.conv1d(padded, part, bias))
        return features

    def _exchanged(self) -> bool:
        """Return whether layers were replaced or reconfigured, or a subclass computes other features."""
        expected = {
            self.padding: (nn.ZeroPad1d,), self.convolution: (nn.Conv1d,), self.relu: (nn.ReLU,),
            self.recurrent: (Lstm,), self.dropout: (Dropout, nn.Dropout), self.readout: (MeanReadout,),
        }  # fmt: skip
        own = all(getattr(type(self), name) is getattr(CnnRnn, name) for name in _OF_FEATURES)
        if not own or any(type(layer) not in types for layer, types in expected.items()):
            return True
        layer, width = self.convolution, self.convolution.kernel_size[0]
        plain = (layer.stride, layer.dilation, layer.padding, layer.groups) == ((1,), (1,), (0,), 1)
        return not plain or tuple(self.padding.padding) != ((width - 1) // 2, width // 2)
