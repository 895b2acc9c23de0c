"""Attention maps of networks with ``nn.MultiheadAttention``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from demo_core import Unsuitable


def recorded_attention(network: nn.Module, run: Callable[[], object]) -> Tensor:
    """Return the attention (B, layers, heads, P, P) of all layers while a network runs, in the order of the calls.

    Raises Unsuitable unless each layer is self-attention, called once, with maps of one shape.
    """
    found: list[Tensor] = []
    asked: list[tuple[bool, bool]] = []
    signature = inspect.signature(nn.MultiheadAttention.forward)

    def ask(module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = signature.bind(module, *args, **named)
        given.apply_defaults()
        arguments = {name: value for name, value in given.arguments.items() if name != "self"}
        if arguments["key"] is not arguments["query"]:
            raise Unsuitable("a layer attends from one input to another; add attention_maps(x) to the class")
        asked.append((arguments["need_weights"], arguments["average_attn_weights"]))
        return (), {**arguments, "need_weights": True, "average_attn_weights": False}

    def keep(
        module: nn.Module, args: tuple[Any, ...], named: dict[str, Any], outputs: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        found.append(outputs[1])
        wanted, averaged = asked.pop()
        return outputs[0], (outputs[1].mean(dim=1) if averaged else outputs[1]) if wanted else None

    handles, layers = [], [m for m in network.modules() if isinstance(m, nn.MultiheadAttention)]
    if any(type(layer).forward is not nn.MultiheadAttention.forward for layer in layers):
        raise Unsuitable(
            "a subclass of nn.MultiheadAttention has a forward of its own; add attention_maps(x) to the class"
        )
    try:
        for layer in layers:
            handles.append(layer.register_forward_pre_hook(ask, with_kwargs=True))
            handles.append(layer.register_forward_hook(keep, with_kwargs=True))
        run()
    finally:
        for handle in handles:
            handle.remove()
    if len(found) > len(layers):
        raise Unsuitable("the network calls a layer of attention several times; add attention_maps(x) to its class")
    if not found:
        raise Unsuitable("the network called no nn.MultiheadAttention; add attention_maps(x) to its class")
    if len({maps.shape for maps in found}) > 1:
        shapes = ", ".join(str(tuple(maps.shape[1:])) for maps in found)
        raise Unsuitable(f"layers have attention of different shapes ({shapes}); add attention_maps(x) to the class")
    return torch.stack(found, dim=1)
