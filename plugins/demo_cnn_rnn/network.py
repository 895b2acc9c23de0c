"""The network itself, built so that others can take it apart: every non-linearity is a module used once."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from demo_core import Network
from demo_core.models import Lstm, MeanReadout

if TYPE_CHECKING:
    from demo_cnn_rnn.options import CnnRnnOptions


class CnnRnn(nn.Module, Network):
    """A convolution padded to keep the length, ReLU, an LSTM, dropout, the mean over positions, and a linear layer.

    Architecture: Lanchantin, Singh, Wang & Qi, PSB 2017. Takes (B, A, L) for any L of at least 1 and gives (B, T).
    When not to use it: for scores of every prefix in one pass. A convolution that keeps the length looks ahead by half
    its width, so that no prefix is a part of the whole's computation.
    """

    min_length = 1

    def __init__(self, options: CnnRnnOptions, *, letters: int, length: int, n_targets: int) -> None:
        super().__init__()
        # for an even width one more zero on the right; padding="same" would do that too, with a warning each time
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
        self.dropout = nn.Dropout(options.dropout)
        self.readout = MeanReadout(self.recurrent.features, n_targets, warm_start=options.warm_start)

    @property
    def first_layer(self) -> nn.Conv1d:
        """The convolution that reads the sequence; its weights are (filters, A, width)."""
        return self.convolution

    def set_progress(self, fraction: float) -> None:
        """Say how much of the training is over, 0 to 1."""
        self.readout.set_progress(fraction)

    @property
    def warming_up(self) -> bool:
        """Whether training is still in its warm start: such epochs are not kept if there are others."""
        return self.readout.warming_up

    def position_features(self, x: Tensor) -> Tensor:
        """What the convolution makes of each position: (B, filters, L)."""
        return cast("Tensor", self.relu(self.convolution(self.padding(x))))

    def from_position_features(self, features: Tensor) -> Tensor:
        """Outputs (B, T) before activation of features, or of a slice of them."""
        return cast("Tensor", self.readout(self.dropout(self.recurrent(features))))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (B, T) before activation."""
        return self.from_position_features(self.position_features(x))
