"""Recompute only the positions that a substitution can reach, layer by layer.

Activations of the original sequence are kept for every layer. A substitution changes a window of each; only this window
is computed again. A convolution adds the contribution of the changed inputs to its old outputs, so unchanged inputs of
the window cost nothing. Activations are (B, positions, channels), so that a window is one block of memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from demo_core.models import Dropout, stands_in
from demo_ism.edits import Edits

_POINTWISE = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity, nn.Dropout, Dropout,
)  # fmt: skip


@dataclass
class _Window:
    """New activations (n, width, C) from position ``start`` (n,) on; positions outside the sequence are meaningless."""

    row: Tensor
    start: Tensor
    values: Tensor

    def places(self) -> Tensor:
        """Return the positions (n, width)."""
        return self.start[:, None] + torch.arange(self.values.shape[1], device=self.start.device)


class LocalFront:
    """The local layers of a network, and the rest of it."""

    def __init__(self, layers: nn.Sequential, network: nn.Module) -> None:
        self._layers, self._network = list(layers), network

    @property
    def has_maxima(self) -> bool:
        """Whether the rest needs only the maximum of each channel, so that no whole activations are copied."""
        return hasattr(self._network, "from_channel_maxima")

    @classmethod
    def of(cls, network: nn.Module) -> LocalFront | None:
        """Return the local front of a network; None if it has none, was altered, or has a layer without a rule."""
        layers = getattr(network, "local_layers", None)
        rest = next((m for m in ("from_channel_maxima", "from_local_features") if hasattr(network, m)), "")
        if not isinstance(layers, nn.Sequential) or not stands_in(network, rest):
            return None
        return cls(layers, network) if all(map(_has_rule, layers)) else None

    def bound(self, x: Tensor) -> Callable[[Edits], Tensor]:
        """Compute the activations of sequences (B, A, L). Return a function from edits to outputs (n, T)."""
        kept = [x]
        for layer in self._layers:
            kept.append(layer(kept[-1]))
        activations = [one.transpose(1, 2).contiguous() for one in kept]
        maxima: Callable[[Tensor], Tensor] | None = getattr(self._network, "from_channel_maxima", None)
        around = _Around(activations[-1])

        def compute(edits: Edits) -> Tensor:
            new = x.transpose(1, 2)[edits.row, edits.position] + edits.changes()
            window = _Window(edits.row, edits.position, new[:, None, :])
            for layer, before, after in zip(self._layers, activations[:-1], activations[1:], strict=True):
                window = _applied(layer, window, before, after)
            if maxima is not None:
                return maxima(around.maxima(window))
            whole = activations[-1][window.row]
            _write(whole, window.places(), window.values)
            return cast("Tensor", self._network.from_local_features(whole.transpose(1, 2)))  # type: ignore[operator]

        return compute


def _has_rule(layer: nn.Module) -> bool:
    if type(layer) is nn.Conv1d:
        plain = layer.stride == (1,) and layer.groups == 1 and layer.padding_mode == "zeros"
        return plain and not isinstance(layer.padding, str)
    if type(layer) is nn.MaxPool1d:
        one = (1, (1,))
        return layer.padding in (0, (0,)) and layer.dilation in one and not layer.ceil_mode and not layer.return_indices
    return type(layer) in _POINTWISE


def _applied(layer: nn.Module, window: _Window, before: Tensor, after: Tensor) -> _Window:
    """Return the window of a layer's output. ``before`` and ``after`` are its old input and output."""
    if isinstance(layer, nn.Conv1d):
        return _convolved(layer, window, before, after)
    if isinstance(layer, nn.MaxPool1d):
        return _pooled(layer, window, before)
    return _Window(window.row, window.start, layer(window.values))


def _convolved(layer: nn.Conv1d, window: _Window, before: Tensor, after: Tensor) -> _Window:
    places, width = window.places(), window.values.shape[1]
    inside = (places >= 0) & (places < before.shape[1])
    change = (window.values - _rows(before, window.row, places)) * inside[:, :, None]
    n, _, channels = change.shape
    filters, _, taps = layer.weight.shape
    step, padding = layer.dilation[0], cast("int", layer.padding[0])
    weight = layer.weight.detach().flip(2).permute(1, 2, 0).reshape(channels, taps * filters)
    shares = (change.reshape(-1, channels) @ weight).reshape(n, width, taps, filters)
    start = window.start + padding - (taps - 1) * step
    reach = start[:, None] + torch.arange(width + (taps - 1) * step, device=start.device)
    values = _rows(after, window.row, reach)
    if width == step == 1:
        return _Window(window.row, start, values.add_(shares[:, 0]))
    for tap in range(taps):  # the last tap first, as in ``weight``
        values[:, tap * step : tap * step + width] += shares[:, :, tap]
    return _Window(window.row, start, values)


def _pooled(layer: nn.MaxPool1d, window: _Window, before: Tensor) -> _Window:
    size, step = _int(layer.kernel_size), _int(layer.stride)
    width = (window.values.shape[1] + size - 2) // step + 1
    start = torch.div(window.start - size + step, step, rounding_mode="floor")  # the first that reads the window
    wide = (width - 1) * step + size
    places = start[:, None] * step + torch.arange(wide, device=start.device)
    read = _rows(before, window.row, places)
    _write(read, window.places() - start[:, None] * step, window.values)
    pooled = read.unfold(1, size, step).amax(dim=3) if size != step else _blocks(read, size)
    return _Window(window.row, start, pooled)


def _blocks(read: Tensor, size: int) -> Tensor:
    """Return the maxima of consecutive blocks of positions."""
    n, positions, channels = read.shape
    return read[:, : positions // size * size].reshape(n, -1, size, channels).amax(dim=2)


def _rows(activations: Tensor, row: Tensor, places: Tensor) -> Tensor:
    """Return activations (n, width, C) at some places; of the nearest position beyond the ends."""
    length = activations.shape[1]
    index = row[:, None] * length + places.clamp(0, length - 1)
    rows = activations.reshape(-1, activations.shape[2]).index_select(0, index.reshape(-1))
    return rows.reshape(*index.shape, activations.shape[2])


def _write(target: Tensor, places: Tensor, values: Tensor) -> None:
    """Write values (n, width, C) into ``target`` (n, positions, C) at places (n, width) that it has."""
    n, length, channels = target.shape
    inside = (places >= 0) & (places < length)
    index = (torch.arange(n, device=places.device)[:, None] * length + places)[inside]
    target.reshape(-1, channels)[index] = values[inside]


def _int(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]


class _Around:
    """Maxima of each channel to the left and to the right of each position."""

    def __init__(self, activations: Tensor) -> None:
        ends = torch.full_like(activations[:, :1], -torch.inf)
        self._left = torch.cat([ends, activations.cummax(dim=1).values], dim=1)
        self._right = torch.cat([activations.flip(1).cummax(dim=1).values.flip(1), ends], dim=1)
        self._length = activations.shape[1]

    def maxima(self, window: _Window) -> Tensor:
        """Return maxima (n, C) over all positions."""
        places = window.places()
        outside = ((places < 0) | (places >= self._length))[:, :, None]
        best = window.values.masked_fill(outside, -torch.inf).amax(dim=1)
        left = self._left[window.row, window.start.clamp(0, self._length)]
        right = self._right[window.row, (window.start + window.values.shape[1]).clamp(0, self._length)]
        return torch.maximum(best, torch.maximum(left, right))
