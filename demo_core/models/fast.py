"""Faster computation of the same values on a CPU: channels next to each other in memory, fewer intermediate results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.modules import module as torch_modules

#: Input channels up to which convolutions compute their input gradient as a matrix product
_NARROW = 8


def fast_network(network: nn.Module, x: Tensor) -> Callable[[Tensor], Tensor] | None:
    """Return the network's ``fast_forward``, or None if its ``forward`` has to be called.

    ``fast_forward`` is used in eval mode, on a CPU, in float32 and float64, if the class that defines it also defines
    ``forward``, and no module has hooks or a replaced ``forward``.

    Parameters
    ----------
    network
        A network.
    x
        (B, A, L), its input; only device and dtype are read.

    Returns
    -------
    callable or None
        From inputs (B, A, L) to outputs (B, T). It may be called from several threads at once.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models.fast import fast_network
    >>> from demo_core.testing import tiny_model
    >>> network, x = tiny_model("cnn").module, torch.zeros(1, 4, 20)
    >>> fast_network(network, x) is None
    False
    >>> handle = network.register_forward_hook(lambda module, args, outputs: None)
    >>> fast_network(network, x) is None
    True
    """
    if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64):
        return None
    return cast("Callable[[Tensor], Tensor]", network.fast_forward) if stands_in(network, "fast_forward") else None


def stands_in(network: nn.Module, method: str) -> bool:
    """Return whether a method may be called instead of ``forward``.

    It may not if a subclass of the class that defines it has another ``forward``, or if any module is in training mode,
    or has hooks or a replaced ``forward``.

    Parameters
    ----------
    network
        A network.
    method
        Name of the method, such as ``prefix_logits``.

    Returns
    -------
    bool
        False also if the network has no such method.

    Examples
    --------
    >>> from demo_core.models import stands_in
    >>> from demo_core.testing import tiny_model
    >>> network = tiny_model("cnn").module
    >>> stands_in(network, "prefix_logits"), stands_in(network.train(), "prefix_logits")
    (True, False)
    """
    defining = next((cls for cls in type(network).__mro__ if {"forward", method} & vars(cls).keys()), None)
    if defining is None or method not in vars(defining) or any(is_altered(module) for module in network.modules()):
        return False
    return not any(getattr(torch_modules, name) for name in vars(torch_modules) if _is_global_hooks(name))


def is_altered(module: nn.Module) -> bool:
    """Return whether a module is in training mode, or has hooks or a replaced ``forward``."""
    if module.training or "forward" in vars(module):
        return True
    hooks = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    return any(value for name, value in vars(module).items() if name.endswith(hooks))


def _is_global_hooks(name: str) -> bool:
    return name.startswith("_global_") and name.endswith("_hooks")


def fast_layers(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Return ``layers(x)``, for a Sequential of convolutions, ReLU and pooling and any other layers, in eval mode.

    Convolutions run with the channels of a position next to each other in memory. ReLU and pooling of two positions
    become one step. Other layers are called as they are; their input may not be contiguous.

    Parameters
    ----------
    layers
        Layers in eval mode.
    x
        (B, C, L), input of the first layer.

    Returns
    -------
    Tensor
        Output of the last layer; a gradient can be computed once.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from demo_core.models import fast_layers
    >>> layers = nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.MaxPool1d(2)).eval()
    >>> fast_layers(layers, torch.zeros(2, 4, 50)).shape
    torch.Size([2, 8, 23])
    """
    steps = list(layers)
    while steps:
        layer, *steps = steps
        if not _is_plain(layer):
            x = layer(x)
            continue
        rows = _convolved(cast("nn.Conv1d", layer), x)
        rectified = bool(steps) and type(steps[0]) is nn.ReLU
        reused = len(steps) > 2 and getattr(steps[2], "inplace", False)  # by a layer that writes into its input
        if rectified and len(steps) > 1 and _halves(steps[1]) and rows.shape[3] > 1 and not reused:
            x, steps = _pooled(rows.squeeze(2)), steps[2:]
        elif rectified:
            x, steps = functional.relu(rows, inplace=True).squeeze(2), steps[1:]
        else:
            x = rows.squeeze(2)
    return x


def fast_convolution(layer: nn.Conv1d, x: Tensor) -> Tensor:
    """Return ``layer(x)`` of a convolution with zero padding, with channels next to each other in memory.

    Parameters
    ----------
    layer
        A convolution.
    x
        (B, C, L), its input.

    Returns
    -------
    Tensor
        (B, filters, positions).

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from demo_core.models import fast_convolution
    >>> fast_convolution(nn.Conv1d(4, 8, 5), torch.zeros(2, 4, 50)).stride()
    (368, 1, 8)
    """
    return _convolved(layer, x).squeeze(2) if _is_plain(layer) else cast("Tensor", layer(x))


def _convolved(layer: nn.Conv1d, x: Tensor) -> Tensor:
    """Return (B, filters, 1, positions), with channels last in memory."""
    weight, padding = layer.weight.detach(), cast("tuple[int, ...]", layer.padding)
    bias = None if layer.bias is None else layer.bias.detach()
    single = layer.stride == layer.dilation == (1,) and layer.groups == 1
    if single and layer.in_channels <= _NARROW and x.requires_grad:
        return cast("Tensor", _NarrowConvolution.apply(x, weight, bias, padding[0]))  # type: ignore[no-untyped-call]
    more = (1, *layer.stride), (0, *padding), (1, *layer.dilation), layer.groups
    return functional.conv2d(_rows(x), weight.unsqueeze(2), bias, *more)


def _rows(x: Tensor) -> Tensor:
    """Return (B, C, 1, L), with channels last in memory."""
    return x.transpose(1, 2).contiguous().unsqueeze(1).permute(0, 3, 1, 2)


class _NarrowConvolution(torch.autograd.Function):
    """Convolution with few input channels. Its input gradient is a matrix product, because PyTorch's kernel pads the
    channels and wastes most of the work.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.padding = padding
        return functional.conv2d(_rows(x), weight.unsqueeze(2), bias, 1, (0, padding))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (weight,) = ctx.saved_tensors
        filters, channels, width = weight.shape
        n, _, _, positions = gradient.shape
        last = gradient.squeeze(2).transpose(1, 2).reshape(-1, filters)  # (B * positions, filters)
        # what each position of the filters contributes to each position of the sequences
        shares = weight.permute(2, 1, 0).reshape(-1, filters) @ last.t()
        found = last.new_zeros(channels, n, positions + width - 1)
        for tap, share in enumerate(shares.view(width, channels, n, positions)):
            found[:, :, tap : tap + positions] += share
        end = found.shape[2] - ctx.padding
        return found[:, :, ctx.padding : end].transpose(0, 1), None, None, None


def _is_plain(layer: nn.Module) -> bool:
    return type(layer) is nn.Conv1d and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)


def _halves(layer: nn.Module) -> bool:
    if type(layer) is not nn.MaxPool1d or layer.return_indices or layer.ceil_mode:
        return False
    one = (1, (1,))
    two = (2, (2,))
    return layer.kernel_size in two and layer.stride in two and layer.padding in (0, (0,)) and layer.dilation in one


def _pooled(x: Tensor) -> Tensor:
    """Return the maximum of each pair of positions and 0. Overwrites ``x``."""
    return cast("Tensor", _ReluPool.apply(x)) if x.requires_grad else _highest(*_pairs(x))  # type: ignore[no-untyped-call]


def _pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and the second of each pair of positions, as views."""
    last = x.shape[2] // 2 * 2
    return x[:, :, 0:last:2], x[:, :, 1:last:2]


def _highest(first: Tensor, second: Tensor) -> Tensor:
    return torch.maximum(first, second).relu_()


class _ReluPool(torch.autograd.Function):
    """ReLU and the maximum of pairs of positions. As in PyTorch, the first of equal numbers gets the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        first, second = _pairs(x.detach())
        found = _highest(first, second)
        second.sub_(first)  # in place: allocating memory costs more than the arithmetic
        ctx.save_for_backward(x, found)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, highest = ctx.saved_tensors
        result = x.detach()
        first, second = _pairs(result)
        positive = torch.ops.aten.threshold_backward(gradient, highest, 0)
        torch.ops.aten.threshold_backward(positive, second, 0, grad_input=second)
        torch.sub(positive, second, out=first)
        result[:, :, first.shape[2] * 2 :] = 0
        return cast("Tensor", result)
