"""Layers for architectures in plugins. Each returns a tensor, so that explainers can decompose it."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from demo_core.models.fast import is_altered

# From this fraction of training on, the readout is the plain mean
_PLAIN_FROM = 0.4


class Dropout(nn.Dropout):
    """``torch.nn.Dropout`` with faster random numbers on a CPU, where drawing them can take half of a training step.

    Each value is kept or set to zero by 16 random bits of PyTorch's generator, so ``p`` is rounded to 1/65,536. On
    other devices, and in eval mode, it is ``torch.nn.Dropout``.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models import Dropout
    >>> sorted(set(Dropout(0.5)(torch.ones(1000)).tolist()))
    [0.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Set random values to zero, and divide the others by the fraction that is kept."""
        dropped = round(self.p * 65536)
        if not self.training or self.inplace or x.device.type != "cpu" or not 0 < dropped < 65536:
            return super().forward(x)
        bits = (
            torch.empty(-(-x.numel() // 4), dtype=torch.int64, device=x.device)
            .random_(-(2**63), None)
            .view(torch.int16)
        )
        mask = torch.empty_like(x)  # same memory layout as x
        torch.ge(bits.as_strided(mask.shape, mask.stride()), dropped - 32768, out=mask)
        return x * mask.mul_(65536 / (65536 - dropped))


class Lstm(nn.Module):
    """Long short-term memory (LSTM) over positions: (B, C, L) to (B, H, L), with H twice ``units`` if bidirectional.

    The bias of the forget gate starts at 1 (Jozefowicz, Zaremba & Sutskever, ICML 2015), so that memory is kept at
    first.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models import Lstm
    >>> Lstm(4, 16)(torch.zeros(2, 4, 50)).shape
    torch.Size([2, 32, 50])
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
                if "bias" in name:  # the two biases of each gate, of input and state, are summed
                    weights[units : 2 * units] += 0.5

    def forward(self, x: Tensor) -> Tensor:
        """Return the state at each position, of both directions if there are two."""
        states, _ = self.lstm(x.transpose(1, 2))
        return cast("Tensor", states).transpose(1, 2)

    def means(self, x: Tensor, *, of: Literal["prefixes", "suffixes"], edges: Tensor | None = None) -> Tensor:
        """Return the mean state (B, H, L) of every prefix x[0..i], or of every suffix x[i..L-1].

        The direction that starts at the shared end (forward for prefixes) runs once, since all parts share its states.
        The other direction runs once per length. Several layers, a unidirectional LSTM, an LSTM with hooks, and other
        devices than a CPU run in full for each length.

        Near the cut, features from a padded convolution depend on where the sequence is cut. ``edges[..., i]``, of
        ``edges`` (B, C, q, L), replaces the last q positions of prefix x[0..i], or the first q of suffix x[i..L-1].
        """
        edges = x.new_zeros(*x.shape[:2], 0, x.shape[2]) if edges is None else edges
        if of == "suffixes":  # prefixes of the reverse
            x, edges = x.flip(2), edges.flip((2, 3))
        ends = ("_l0", "_l0_reverse") if of == "prefixes" else ("_l0_reverse", "_l0")
        parts = [_part(x, edges, n) for n in range(1, x.shape[2] + 1)]
        shared = type(self.lstm) is nn.LSTM and self.lstm.num_layers == 1 and self.lstm.bidirectional
        if not shared or is_altered(self) or is_altered(self.lstm) or x.device.type != "cpu":
            whole = [self(part if of == "prefixes" else part.flip(2)).mean(dim=2) for part in parts]
            means = torch.stack(whole, dim=2)
        else:
            against = torch.stack([self._run(part.flip(2), ends[1])[0].mean(dim=2) for part in parts], dim=2)
            along = self._means_of_prefixes(x, edges, ends[0])
            means = torch.cat([along, against] if of == "prefixes" else [against, along], dim=1)
        return means if of == "prefixes" else means.flip(2)

    def _means_of_prefixes(self, x: Tensor, edges: Tensor, end: str) -> Tensor:
        """Return the mean state (B, units, L) of every prefix, in the direction that starts at its first position."""
        length, width = x.shape[2], edges.shape[2]
        count = torch.arange(1, length + 1, device=x.device, dtype=x.dtype)
        if not width:
            return self._run(x, end)[0].cumsum(dim=2) / count
        sums = [self._run(_part(x, edges, n), end)[0].sum(dim=2) for n in range(1, min(width, length + 1))]
        states = [x.new_zeros(len(x), self.lstm.hidden_size)]
        cells = [states[0]]
        for place in range(length - width):  # one by one, since torch.lstm returns only the last cell state
            _, state, cell = self._run(x[:, :, place : place + 1], end, states[-1], cells[-1])
            states.append(state)
            cells.append(cell)
        if length >= width:  # the last q positions of these prefixes run as one batch, each from its state
            own = edges[:, :, :, width - 1 :].permute(3, 0, 1, 2).flatten(0, 1)
            last = self._run(own, end, torch.cat(states), torch.cat(cells))[0].sum(dim=2)
            before = torch.stack(states).cumsum(dim=0)  # the first state is zero
            sums += before + last.reshape(before.shape)
        return torch.stack(sums, dim=2) / count

    def _run(
        self, x: Tensor, end: str, state: Tensor | None = None, cell: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run one direction. Return its states (B, units, L), and the last state and cell state (B, units)."""
        weights = [getattr(self.lstm, name + end) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        zero = x.new_zeros(len(x), self.lstm.hidden_size)
        first = [(zero if given is None else given)[None] for given in (state, cell)]
        states, last, cells = torch.lstm(x.transpose(1, 2), first, weights, True, 1, 0.0, False, False, True)
        return states.transpose(1, 2), last[0], cells[0]


def _part(x: Tensor, edges: Tensor, length: int) -> Tensor:
    """Return the prefix of ``length`` positions, the last q taken from ``edges``."""
    width = edges.shape[2]
    own = edges[:, :, max(0, width - length) :, length - 1]
    return torch.cat([x[:, :, : max(0, length - width)], own], dim=2) if width else x[:, :, :length]


class MeanReadout(nn.Module):
    """Linear layer on the mean over positions: (B, H, L) to outputs (B, T).

    With a mean over a hundred positions, each position receives a hundredth of the gradient, and a recurrent network
    can stay at chance for long. During training, the linear layer therefore first sees the maximum over positions, then
    a mixture with a growing share of the mean, and from 0.4 of the training on only the mean. In eval mode it is always
    the mean, as in the paper.

    This warm start is DeMo's own; docs/benchmarks.md measures its effect. When not to use it: if evidence is spread
    evenly over the sequence, the plain mean trains as well.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models import MeanReadout
    >>> MeanReadout(32, 1)(torch.zeros(2, 32, 50)).shape
    torch.Size([2, 1])
    """

    def __init__(self, features: int, n_targets: int, *, warm_start: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(features, n_targets)
        self.warm_start = warm_start
        self.share_of_maximum = 0.0

    def set_progress(self, fraction: float) -> None:
        """Set the completed fraction of the training, 0 to 1."""
        self.share_of_maximum = max(0.0, 1.0 - fraction / _PLAIN_FROM) if self.warm_start else 0.0

    @property
    def warming_up(self) -> bool:
        """Whether training still uses some of the maximum."""
        return self.share_of_maximum > 0

    def forward(self, states: Tensor) -> Tensor:
        """Return outputs before activation."""
        pooled = states.mean(dim=2)
        if self.training and self.warming_up:
            pooled = torch.lerp(pooled, states.amax(dim=2), self.share_of_maximum)
        return cast("Tensor", self.linear(pooled))

    def of_means(self, means: Tensor) -> Tensor:
        """Return outputs (B, T, L) for means (B, H, L) of states."""
        return cast("Tensor", self.linear(means.transpose(1, 2))).transpose(1, 2)

    def of_every_prefix(self, states: Tensor) -> Tensor:
        """Return outputs (B, T, L) for the means over the first 1, 2, ... L positions."""
        count = torch.arange(1, states.shape[2] + 1, device=states.device, dtype=states.dtype)
        return self.of_means(states.cumsum(dim=2) / count)
