"""The network. Each non-linearity is a module used once, as methods such as DeepLIFT require."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from demo_core import Network

if TYPE_CHECKING:
    from demo_dilated.options import DilatedOptions


class Layer(nn.Module):
    """Residual convolution with kernel size 3 and dilation ``reach``: (B, C, L) to (B, C, L)."""

    def __init__(self, filters: int, reach: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(filters, filters, 3, dilation=reach, padding=reach)
        self.relu = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Return the input plus the rectified convolution."""
        found: Tensor = self.relu(self.convolution(features))
        return features + found


class Dilated(nn.Module, Network):
    """Map one-hot (B, A, L) to outputs (B, T) before activation, for any L.

    The layers follow BPNet (Avsec et al., Nature Genetics 2021), without its profile head.
    """

    min_length = 1

    def __init__(self, options: DilatedOptions, *, letters: int, length: int, n_targets: int) -> None:
        super().__init__()
        self.first_layer = nn.Conv1d(letters, options.filters, options.width, padding=options.width // 2)
        self.relu = nn.ReLU()
        self.layers = nn.Sequential(*(Layer(options.filters, 2 ** (i + 1)) for i in range(options.layers)))
        self.mean = nn.AdaptiveAvgPool1d(1)
        self.linear = nn.Linear(options.filters, n_targets)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs (B, T)."""
        features: Tensor = self.layers(self.relu(self.first_layer(x)))
        outputs: Tensor = self.linear(self.mean(features).squeeze(2))
        return outputs
