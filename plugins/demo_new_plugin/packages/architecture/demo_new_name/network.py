"""The network. Each non-linearity is a module used once, as methods such as DeepLIFT require."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from demo_core import Network, Unsuitable

if TYPE_CHECKING:
    from demo_new_name.options import NewNameOptions


class NewName(nn.Module, Network):
    """Map one-hot (B, A, L) to outputs (B, T) before activation, for any L of at least ``min_length``.

    Raises Unsuitable if the sequences are shorter than the convolution.
    """

    def __init__(self, options: NewNameOptions, *, letters: int, length: int, n_targets: int) -> None:
        super().__init__()
        self.min_length = options.width
        if length < self.min_length:
            raise Unsuitable(f"--width {options.width} is wider than the sequences ({length} bases)")
        self.first_layer = nn.Conv1d(letters, options.filters, options.width)
        self.relu = nn.ReLU()
        self.maximum = nn.AdaptiveMaxPool1d(1)
        self.linear = nn.Linear(options.filters, n_targets)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs (B, T)."""
        found: Tensor = self.maximum(self.relu(self.first_layer(x)))
        outputs: Tensor = self.linear(found.squeeze(2))
        return outputs
