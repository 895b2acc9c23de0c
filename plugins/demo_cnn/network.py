"""The network itself, built so that others can take it apart: every non-linearity is a module used once."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

if TYPE_CHECKING:
    from demo_cnn.options import CnnOptions


class GlobalMax(nn.Module):
    """The maximum over positions: (B, C, L) to (B, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveMaxPool1d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Take the maximum of each channel."""
        return cast("Tensor", self.pool(x)).squeeze(-1)


class Cnn(nn.Module):
    """Valid convolutions with ReLU, pooled and dropped out, a global maximum, and a linear layer.

    Architecture: Lanchantin, Singh, Wang & Qi, PSB 2017. Takes (B, A, L) for any L of at least ``min_length`` and
    gives (B, T). When not to use it: where the order or spacing of distant motifs decides, since the global maximum
    forgets where a feature was.

    Raises
    ------
    ValueError
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
            layers.append(nn.Dropout(options.dropout))
            channels = filters
        self.features = nn.Sequential(*layers)
        self.global_max = GlobalMax()
        self.linear = nn.Linear(channels, n_targets)
        self.min_length = _min_length(options)
        if length < self.min_length:
            raise ValueError(
                f"these widths and pooling need at least {self.min_length} bases, the sequences have {length}: "
                "choose smaller --widths or --pool"
            )

    @property
    def first_layer(self) -> nn.Conv1d:
        """The convolution that reads the sequence; its weights are (filters, A, width)."""
        return cast("nn.Conv1d", self.features[0])

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (B, T) before activation."""
        return cast("Tensor", self.linear(self.global_max(self.features(x))))


def _min_length(options: CnnOptions) -> int:
    needed = 1
    for place in reversed(range(len(options.widths))):
        if place < len(options.widths) - 1:
            needed *= options.pool
        needed += options.widths[place] - 1
    return needed
