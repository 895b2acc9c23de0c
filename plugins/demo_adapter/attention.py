"""Attention maps of networks with ``nn.MultiheadAttention``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from demo_core import Unsuitable


def recorded_attention(network: nn.Module, run: Callable[[], object]) -> Tensor:
    """Return the attention (B, layers, heads, P, P) of all layers while a network runs, in the order of the calls.

    Raises Unsuitable if layers have maps of different shapes, or the network calls none.
    """
    found: list[Tensor] = []

    def ask(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**named, "need_weights": True, "average_attn_weights": False}

    def keep(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], outputs: tuple[Tensor, Tensor]) -> None:
        found.append(outputs[1])

    handles = []
    try:
        for layer in network.modules():
            if isinstance(layer, nn.MultiheadAttention):
                handles.append(layer.register_forward_pre_hook(ask, with_kwargs=True))
                handles.append(layer.register_forward_hook(keep, with_kwargs=True))
        run()
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise Unsuitable("the network called no nn.MultiheadAttention; add attention_maps(x) to its class")
    if len({maps.shape for maps in found}) > 1:
        shapes = ", ".join(str(tuple(maps.shape[1:])) for maps in found)
        raise Unsuitable(f"layers have attention of different shapes ({shapes}); add attention_maps(x) to the class")
    return torch.stack(found, dim=1)
