"""DeepLIFT rules of recurrent layers and attention."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from demo_deeplift.paired import NoRuleError, Pair
from demo_deeplift.recurrent import Cell, Gru, Lstm, Plain, Weights


def recurrent(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return states and last states of an LSTM, a GRU or a plain recurrent layer."""
    name = function.__name__
    x, hx, every, biases, layers, _, _, both, batch_first = args
    if isinstance(batch_first, tuple | list) or not isinstance(biases, bool):  # a PackedSequence
        raise NoRuleError
    per_end = 4 if biases else 2
    if len(every) != layers * (2 if both else 1) * per_end or x.ndim != 3:
        raise NoRuleError  # a projection of states
    cell: Cell = Lstm() if name == "lstm" else Gru() if name == "gru" else Plain(name.removeprefix("rnn_"))
    first, first_c = hx if name == "lstm" else (hx, torch.zeros_like(hx))
    x = x.transpose(0, 1) if batch_first else x
    last, last_c = [], []
    for layer in range(layers):
        ends = []
        for way in range(2 if both else 1):
            place = layer * (2 if both else 1) + way
            own = every[place * per_end : (place + 1) * per_end]
            weights = Weights(own[0], own[1], own[2] if biases else None, own[3] if biases else None)
            read = x.flip(0) if way else x
            states, h, c = pair.recurrence(read, first[place], first_c[place], cell, weights)
            ends.append(states.flip(0) if way else states)
            last.append(h)
            last_c.append(c)
        x = torch.cat(ends, dim=2) if both else ends[0]
    x = x.transpose(0, 1) if batch_first else x
    return (x, torch.stack(last), torch.stack(last_c)) if name == "lstm" else (x, torch.stack(last))


def attention(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Scaled dot-product attention of query, key and value (..., P, d)."""
    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")
    given = dict(zip(names, args, strict=False)) | named
    if given.get("enable_gqa"):
        raise NoRuleError
    query, key, mask = given["query"], given["key"], given.get("attn_mask")
    if given.get("is_causal"):
        mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
    scale = given.get("scale") or query.shape[-1] ** -0.5
    return _attended(pair, query * scale, key, given["value"], mask)[0]


def _attended(pair: Pair, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return attended values and weights. Boolean masks are True where attention is allowed; others are added."""
    scores = pair.product(torch.matmul, query, key.transpose(-2, -1))
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min / 4)
    elif mask is not None:
        scores = scores + mask.clamp(min=torch.finfo(scores.dtype).min / 4)
    weights = pair.softmax(scores, -1)
    if mask is not None and mask.dtype == torch.bool:
        weights = weights * mask.any(dim=-1, keepdim=True)  # as PyTorch: nothing is attended if nothing is allowed
    return pair.product(torch.matmul, weights, value), weights


def multi_head(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Multi-head attention of query, key and value (P, B, E)."""
    bound = inspect.signature(functional.multi_head_attention_forward).bind(*args, **named)
    bound.apply_defaults()
    a = bound.arguments
    query, key, value, heads = a["query"], a["key"], a["value"], a["num_heads"]
    unusual = ("bias_k", "bias_v", "static_k", "static_v", "key_padding_mask")
    if query.ndim != 3 or a["add_zero_attn"] or any(a[name] is not None for name in unusual):
        raise NoRuleError
    if a["use_separate_proj_weight"]:
        matrices = (a["q_proj_weight"], a["k_proj_weight"], a["v_proj_weight"])
    else:
        matrices = a["in_proj_weight"].chunk(3)
    biases = (None, None, None) if a["in_proj_bias"] is None else a["in_proj_bias"].chunk(3)
    size = a["embed_dim_to_check"] // heads
    parts = []
    for x, weight, bias in zip((query, key, value), matrices, biases, strict=True):
        projected = functional.linear(x, weight, bias)
        parts.append(projected.reshape(*projected.shape[:2], heads, size).permute(1, 2, 0, 3))  # (B, heads, P, d)
    mask = a["attn_mask"]
    if mask is not None and mask.dtype == torch.bool:
        mask = ~mask  # here, True means that attention is not allowed
    if mask is not None and mask.ndim == 3:
        mask = mask.reshape(-1, heads, *mask.shape[1:])
    found, weights = _attended(pair, parts[0] * size**-0.5, parts[1], parts[2], mask)
    found = functional.linear(found.permute(2, 0, 1, 3).flatten(2), a["out_proj_weight"], a["out_proj_bias"])
    if not a["need_weights"]:
        return found, None
    return found, weights.mean(dim=1) if a["average_attn_weights"] else weights
