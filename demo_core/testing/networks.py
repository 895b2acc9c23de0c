"""Networks with known explanations, or with as few capabilities as possible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from demo_core.models.model import Model


class Linear(nn.Module):
    """Sum over positions of a weight for each letter, so the effect of each letter is known.

    One-hot (B, A, L) to outputs (B, T), for any length.
    """

    min_length = 1

    def __init__(self, letters: int, n_targets: int) -> None:
        super().__init__()
        self.first_layer = nn.Conv1d(letters, n_targets, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs before activation."""
        worth: Tensor = self.first_layer(x)
        return worth.sum(2)

    def prefix_logits(self, x: Tensor) -> Tensor:
        """Return outputs of every prefix."""
        worth: Tensor = self.first_layer(x)
        return worth.cumsum(2)

    def suffix_logits(self, x: Tensor) -> Tensor:
        """Return outputs of the suffix that starts at each position."""
        return self.prefix_logits(x.flip(2)).flip(2)


class Bare(nn.Module):
    """A network of one length without any member that a capability promises."""

    def __init__(self, letters: int, length: int, n_targets: int, *, gradients: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(letters * length, 8), nn.Tanh(), nn.Linear(8, n_targets))
        self.gradients = gradients

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs before activation."""
        outputs: Tensor = self.body(x)
        return outputs if self.gradients else outputs.detach()


def linear_model(length: int = 40, targets: Sequence[str] = ("bound",), *, seed: int = 0) -> Model:
    """Make a model of a ``Linear``. It offers everything except ``recurrent`` and ``attention``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Linear(4, len(targets))
    return _model(network, "linear", length, targets, {"gradients", "variable-length", "prefix-logits", "conv-filters"})


def bare_model(length: int = 40, *, gradients: bool = True, seed: int = 0) -> Model:
    """Make a model of a ``Bare``. It offers gradients at most."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Bare(4, length, 1, gradients=gradients)
    return _model(network, "bare", length, ("bound",), {"gradients"} if gradients else ())


def _model(network: nn.Module, name: str, length: int, targets: Sequence[str], offers: Iterable[str]) -> Model:
    from demo_core.models.model import Model
    from demo_core.models.outputs import Output
    from demo_core.sequences.alphabets import DNA

    owner = dict.fromkeys(("plugin", "distribution", "version", "origin"), "demo_core.testing")
    return Model(
        module=network,
        outputs=tuple(Output(t) for t in targets),
        alphabet=DNA,
        length=length,
        capabilities=frozenset(offers),
        architecture={"name": name, **owner},
        options={},
        name=name,
    )
