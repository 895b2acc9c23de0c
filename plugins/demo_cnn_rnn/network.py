"""Convolutional-recurrent network. Each non-linearity is a module used once, so that explainers can decompose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from demo_core import Network
from demo_core.models import Dropout, Lstm, MeanReadout, fast_convolution

if TYPE_CHECKING:
    from demo_cnn_rnn.options import CnnRnnOptions


class CnnRnn(nn.Module, Network):
    """A convolution padded to keep the length, ReLU, an LSTM, dropout, the mean over positions, and a linear layer.

    Architecture: Lanchantin, Singh, Wang & Qi, PSB 2017. Maps (B, A, L), for any L of at least 1, to (B, T). When not
    to use it: for scores of every prefix in one pass. A convolution that keeps the length looks ahead by half its
    width, so a prefix is no part of the computation of the whole sequence.
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
