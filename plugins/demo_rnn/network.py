"""Recurrent network."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from demo_core import Network
from demo_core.models import Dropout, Lstm, MeanReadout

if TYPE_CHECKING:
    from demo_rnn.options import RnnOptions


class Rnn(nn.Module, Network):
    """LSTM over the bases, dropout on its states, their mean over positions, and a linear layer.

    Architecture: Lanchantin, Singh, Wang & Qi, PSB 2017. Maps (B, A, L), for any L of at least 1, to (B, T). When not
    to use it: for long sequences. The LSTM processes bases one after the other, and averages its states over all.
    """

    min_length = 1

    def __init__(self, options: RnnOptions, *, letters: int, length: int, n_targets: int) -> None:
        super().__init__()
        both = not options.unidirectional
        self.provides = {"gradients", "recurrent", "variable-length"}
        if options.layers == 1 or options.unidirectional:  # otherwise no states are shared
            self.provides.add("prefix-logits")
        self.recurrent = Lstm(
            letters, options.units, layers=options.layers, bidirectional=both, dropout=options.dropout
        )
        self.dropout = Dropout(options.dropout)
        self.readout = MeanReadout(self.recurrent.features, n_targets, warm_start=options.warm_start)

    def set_progress(self, fraction: float) -> None:
        """Set the completed fraction of the training, 0 to 1."""
        self.readout.set_progress(fraction)

    @property
    def warming_up(self) -> bool:
        """Whether training is in its warm start, whose epochs are kept only if no later epoch exists."""
        return self.readout.warming_up

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs (B, T) before activation."""
        return cast("Tensor", self.readout(self.dropout(self.recurrent(x))))

    def fast_forward(self, x: Tensor) -> Tensor:
        """Return the same outputs; several threads may call it at once."""
        return self.forward(x)

    def prefix_logits(self, x: Tensor) -> Tensor:
        """Return outputs (B, T, L) of every prefix; in one pass if the network is unidirectional."""
        if self._exchanged():
            return torch.stack([self(x[:, :, : n + 1]) for n in range(x.shape[2])], dim=2)
        if not self.recurrent.lstm.bidirectional:
            return self.readout.of_every_prefix(self.recurrent(x))
        return self.readout.of_means(self.recurrent.means(x, of="prefixes"))

    def suffix_logits(self, x: Tensor) -> Tensor:
        """Return outputs (B, T, L) of every suffix, by its first position."""
        if self._exchanged():
            return torch.stack([self(x[:, :, n:]) for n in range(x.shape[2])], dim=2)
        return self.readout.of_means(self.recurrent.means(x, of="suffixes"))

    def _exchanged(self) -> bool:
        """Return whether someone put other layers into the network."""
        expected = {self.recurrent: (Lstm,), self.dropout: (Dropout, nn.Dropout), self.readout: (MeanReadout,)}
        return any(type(layer) not in types for layer, types in expected.items())
