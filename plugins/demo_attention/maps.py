"""Attention maps of a model, and the bases of their positions."""

from __future__ import annotations

import torch
from torch import Tensor

from demo_core import Model, Unsuitable
from demo_core.errors import one_line
from demo_core.models import exact_arithmetic


def attention_maps(model: Model, x: Tensor) -> Tensor:
    """Return attention (B, layers, heads, P, P); each row, of a query, sums to 1. Raises Unsuitable."""
    compute = getattr(model.module, "attention_maps", None)
    if not callable(compute):
        said = f"model '{model.name}' declares attention, but its class has no attention_maps(x)"
        raise Unsuitable(f"{said}; add this method, see the contract")
    with torch.no_grad(), exact_arithmetic(x.device):
        maps = compute(x)
    if not isinstance(maps, Tensor) or maps.ndim != 5 or len(maps) != len(x) or maps.shape[3] != maps.shape[4]:
        came = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise Unsuitable(f"attention_maps of '{model.name}' must return (B, layers, heads, P, P), not {came}")
    return maps.double() if maps.dtype == torch.float64 else maps.float()


def shares_of_bases(model: Model, positions: int, length: int) -> Tensor:
    """Return (P, L): the share of each base in a position of the attention maps; rows sum to 1."""
    find = getattr(model.module, "attention_positions", None)
    if callable(find):
        said = f"attention_positions of '{model.name}' must return start and end of {positions} positions"
        try:
            bounds = torch.as_tensor(find(length)).cpu()
        except (TypeError, ValueError, RuntimeError) as error:
            raise Unsuitable(f"{said}, not {one_line(error)}") from error
        whole = bounds.shape == (positions, 2) and not bounds.is_floating_point()
        if not whole or bounds.min() < 0 or bounds.max() > length or (bounds[:, 0] > bounds[:, 1]).any():
            raise Unsuitable(f"{said}: integers between 0 and {length}")
    elif positions == length:
        bounds = torch.arange(length)[:, None] + torch.arange(2)
    else:
        said = f"the attention maps of '{model.name}' have {positions} positions for {length} bases"
        raise Unsuitable(f"{said}; its class must offer attention_positions(length), see the contract")
    place = torch.arange(length)
    inside = (place >= bounds[:, :1]) & (place < bounds[:, 1:])
    return inside / inside.sum(dim=1, keepdim=True).clamp(min=1)
