"""Parts that networks share, for architectures in plugins: each returns a tensor, so that others can take it apart."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

# From here on, as a part of the training, the readout is the plain mean
_PLAIN_FROM = 0.4


class Lstm(nn.Module):
    """A long short-term memory over positions: (B, C, L) to (B, H, L), with H twice ``units`` if bidirectional.

    The forget gate's bias starts at 1 (Jozefowicz, Zaremba & Sutskever, ICML 2015), so that memory is kept at first.
    """

    def __init__(
        self, channels: int, units: int, *, layers: int = 1, bidirectional: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(channels, units, layers, batch_first=True, dropout=between, bidirectional=bidirectional)
        self.features = units * (2 if bidirectional else 1)
        with torch.no_grad():
            for name, weights in self.lstm.named_parameters():
                if "bias" in name:  # two biases, of the input and of the state, add up to each gate's
                    weights[units : 2 * units] += 0.5

    def forward(self, x: Tensor) -> Tensor:
        """The state after each position, of both directions if there are two."""
        states, _ = self.lstm(x.transpose(1, 2))
        return cast("Tensor", states).transpose(1, 2)


class MeanReadout(nn.Module):
    """A linear layer on the mean over positions: (B, H, L) to outputs (B, T).

    A mean over a hundred positions tells none of them that it matters, and a recurrent network that starts there may
    stay at chance for long. While training, therefore, the linear layer first sees the maximum over positions, and then
    a mixture with ever more of the mean, until from 0.4 of the training on it is the mean alone. In eval mode it always
    is the mean: the network is the paper's, and only the way to its weights is another.

    This way is ours; docs/benchmarks.md says what it brings. When not to use it: where evidence is spread evenly over
    the sequence there is nothing to find, and the plain mean trains as well.
    """

    def __init__(self, features: int, n_targets: int, *, warm_start: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(features, n_targets)
        self.warm_start = warm_start
        self.share_of_maximum = 0.0

    def set_progress(self, fraction: float) -> None:
        """Say how much of the training is over, 0 to 1."""
        self.share_of_maximum = max(0.0, 1.0 - fraction / _PLAIN_FROM) if self.warm_start else 0.0

    @property
    def warming_up(self) -> bool:
        """Whether training still sees some of the maximum."""
        return self.share_of_maximum > 0

    def forward(self, states: Tensor) -> Tensor:
        """Outputs before activation."""
        pooled = states.mean(dim=2)
        if self.training and self.warming_up:
            pooled = torch.lerp(pooled, states.amax(dim=2), self.share_of_maximum)
        return cast("Tensor", self.linear(pooled))

    def of_every_prefix(self, states: Tensor) -> Tensor:
        """Outputs (B, T, L) on the means over the first 1, 2, ... L positions."""
        count = torch.arange(1, states.shape[2] + 1, device=states.device, dtype=states.dtype)
        means = states.cumsum(dim=2) / count
        return cast("Tensor", self.linear(means.transpose(1, 2))).transpose(1, 2)
