"""Which rule each function of PyTorch has, by its name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from demo_core import Unsuitable
from demo_deeplift.paired import NoRuleError, Pair, tensors_in
from demo_deeplift.recurrent import Cell, Gru, Lstm, Plain, Weights

#: Computes a call of a function with rules: from the pair, the function, and its arguments.
Compute = Callable[[Pair, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@dataclass(frozen=True)
class Rule:
    """How a function is computed. ``of_several``: it is linear if only one of its tensors depends on the sequence."""

    compute: Compute
    of_several: bool = False


_ELEMENTWISE = (
    "relu relu6 hardtanh elu selu celu gelu silu mish leaky_relu prelu softplus softsign softshrink hardshrink tanhshrink "
    "hardsigmoid hardswish logsigmoid sigmoid tanh exp exp2 expm1 log log1p log2 log10 sqrt rsqrt square abs pow "
    "__pow__ reciprocal __rtruediv__ clamp clamp_min clamp_max clip sin cos erf sinh cosh atan threshold "
    "binary_cross_entropy_with_logits"
).split()
_PRODUCTS = "mul multiply __mul__ __rmul__ matmul __matmul__ __rmatmul__ bmm mm mv dot outer einsum linear tensordot".split()


def _elementwise(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    named = {name: value for name, value in named.items() if name != "inplace"}
    if not args or any(t.requires_grad for t in tensors_in((args[1:], named))):
        raise NoRuleError
    return pair.elementwise(lambda x: function(x, *args[1:], **named), args[0])


def _product(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    places = [i for i, value in enumerate(args) if isinstance(value, Tensor)]
    if function.__name__ == "linear" and len(places) == 3:
        return pair.product(functional.linear, args[0], args[1]) + args[2]
    if len(places) != 2 or named.get("out") is not None:
        raise NoRuleError
    first, second = places

    def of(a: Tensor, b: Tensor) -> Tensor:
        new = list(args)
        new[first], new[second] = a, b
        return cast("Tensor", function(*new, **named))

    return pair.product(of, args[first], args[second])


def _quotient(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    if named or len(args) != 2 or not all(isinstance(value, Tensor) for value in args):
        raise NoRuleError
    inverse = pair.elementwise(torch.reciprocal, args[1])
    return pair.product(torch.mul, args[0], inverse)


def _larger(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return the maximum or minimum of two tensors: a + relu(b - a), or a - relu(a - b)."""
    if named or len(args) != 2:
        raise NoRuleError
    one, other = args
    sign = 1 if function.__name__ in ("maximum", "max") else -1
    return one + sign * pair.elementwise(torch.relu, sign * (other - one))


def _max_pool(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    if named.get("return_indices"):
        raise NoRuleError
    name, x = function.__name__, args[0]
    spatial = int(name.removesuffix("d")[-1])
    with_indices = getattr(functional, f"{name}_with_indices")
    names = ("output_size",) if "adaptive" in name else ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    options = dict(zip(names, args[1:], strict=False)) | {k: v for k, v in named.items() if k in names}
    shape = list(x.shape[x.ndim - spatial :])

    def pooled(rows: Tensor) -> tuple[Tensor, Tensor]:
        y, index = with_indices(rows.unflatten(1, shape).unsqueeze(1), **options)
        sizes[:] = y.shape[2:]
        return y.flatten(1), index.flatten(1)

    sizes: list[int] = []
    y = pair.maximum(pooled, x.reshape(-1, *shape).flatten(1))
    return y.reshape(*x.shape[: x.ndim - spatial], *sizes)


def _max_over(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return maxima over one or more dimensions, or over all."""
    x, extreme = args[0], function.__name__
    dims = named.get("dim", args[1] if len(args) > 1 else None)
    keep = named.get("keepdim", args[2] if len(args) > 2 else False)
    if isinstance(dims, Tensor) or "other" in named:
        return _larger(pair, function, (*args, *named.values()), {})
    if dims is None:
        raise NoRuleError  # a maximum over the batch as well
    chosen = [d % x.ndim for d in (dims if isinstance(dims, tuple | list) else [dims])]
    others = [d for d in range(x.ndim) if d not in chosen]
    sign = -1 if extreme in ("min", "amin") else 1
    kept = [x.shape[d] for d in others]
    found: list[Tensor] = []

    def highest(rows: Tensor) -> tuple[Tensor, Tensor]:
        y, index = rows.max(dim=1, keepdim=True)
        found[:] = [index]
        return y, index

    rows = (sign * x).permute(*others, *chosen).reshape(-1, max(1, x.numel() // max(1, math.prod(kept))))
    y = sign * pair.maximum(highest, rows)
    shape = [1 if d in chosen else x.shape[d] for d in range(x.ndim)] if keep else kept
    y = y.reshape(shape)
    if extreme in ("amax", "amin"):
        return y
    return getattr(torch.return_types, extreme)((y, found[0].reshape(shape)))


def _softmax(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    dim = named.get("dim", args[1] if len(args) > 1 else None)
    if not isinstance(dim, int) or named.get("dtype") is not None or len(args) > 2 and isinstance(args[2], torch.dtype):
        raise NoRuleError
    return pair.softmax(args[0], dim)


def _glu(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    a, b = args[0].chunk(2, dim=named.get("dim", args[1] if len(args) > 1 else -1))
    return pair.product(torch.mul, a, pair.elementwise(torch.sigmoid, b))


def _normalised(pair: Pair, x: Tensor, dims: list[int], eps: float, *, centred: bool = True) -> Tensor:
    """Return x, minus its mean over dimensions, divided by the root of the mean square."""
    a = x - x.mean(dim=dims, keepdim=True) if centred else x
    variance = pair.product(torch.mul, a, a).mean(dim=dims, keepdim=True)
    return pair.product(torch.mul, a, pair.elementwise(lambda v: (v + eps).rsqrt(), variance))


def _layer_norm(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    name = function.__name__
    names = ["input", "normalized_shape", "weight", *(["bias"] if name == "layer_norm" else []), "eps"]
    given = dict(zip(names, args, strict=False)) | named
    x, weight, bias = given["input"], given.get("weight"), given.get("bias")
    dims = list(range(-len(given["normalized_shape"]), 0))
    eps = given.get("eps")
    eps = (1e-5 if name == "layer_norm" else torch.finfo(x.dtype).eps) if eps is None else eps
    found = _normalised(pair, x, dims, eps, centred=name == "layer_norm")
    found = found if weight is None else found * weight
    return found if bias is None else found + bias


def _group_norm(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    given = dict(zip(("input", "num_groups", "weight", "bias", "eps"), args, strict=False)) | named
    x, weight, bias = given["input"], given.get("weight"), given.get("bias")
    groups = x.reshape(x.shape[0], given["num_groups"], -1)
    found = _normalised(pair, groups, [-1], given.get("eps", 1e-5)).reshape(x.shape)
    shape = [1, -1] + [1] * (x.ndim - 2)
    found = found if weight is None else found * weight.reshape(shape)
    return found if bias is None else found + bias.reshape(shape)


def _instance_norm(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    names = ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps")
    given = dict(zip(names, args, strict=False)) | named
    if not given.get("use_input_stats", True):
        return function(*args, **named)
    x, weight, bias = given["input"], given.get("weight"), given.get("bias")
    found = _normalised(pair, x, list(range(2, x.ndim)), given.get("eps", 1e-5))
    shape = [1, -1] + [1] * (x.ndim - 2)
    found = found if weight is None else found * weight.reshape(shape)
    return found if bias is None else found + bias.reshape(shape)


def _batch_norm(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    names = ("input", "running_mean", "running_var", "weight", "bias", "training")
    if (dict(zip(names, args, strict=False)) | named).get("training"):
        said = "the network normalises over the batch, so outputs of a sequence depend on the others"
        raise Unsuitable(f"{said}; use BatchNorm with track_running_stats=True")
    return function(*args, **named)


def _recurrent(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
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


def _attention(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
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
    """Return attended values and weights. A mask is True where attention is allowed, or added."""
    scores = pair.product(torch.matmul, query, key.transpose(-2, -1))
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min / 4)
    elif mask is not None:
        scores = scores + mask.clamp(min=torch.finfo(scores.dtype).min / 4)
    weights = pair.softmax(scores, -1)
    return pair.product(torch.matmul, weights, value), weights


def _multi_head(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
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
        parts.append(projected.unflatten(2, (heads, size)).permute(1, 2, 0, 3))  # (B, heads, P, d)
    mask = a["attn_mask"]
    if mask is not None and mask.dtype == torch.bool:
        mask = ~mask  # here, True means that attention is not allowed
    if mask is not None and mask.ndim == 3:
        mask = mask.unflatten(0, (-1, heads))
    found, weights = _attended(pair, parts[0] * size**-0.5, parts[1], parts[2], mask)
    found = functional.linear(found.permute(2, 0, 1, 3).flatten(2), a["out_proj_weight"], a["out_proj_bias"])
    if not a["need_weights"]:
        return found, None
    return found, weights.mean(dim=1) if a["average_attn_weights"] else weights


RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE, Rule(_elementwise)),
    **dict.fromkeys(_PRODUCTS, Rule(_product, of_several=True)),
    **dict.fromkeys(("div", "divide", "true_divide", "__truediv__"), Rule(_quotient)),
    **dict.fromkeys(("maximum", "minimum"), Rule(_larger)),
    **dict.fromkeys(("max", "min", "amax", "amin"), Rule(_max_over)),
    **dict.fromkeys((f"{kind}max_pool{d}d" for kind in ("", "adaptive_") for d in (1, 2)), Rule(_max_pool)),
    **dict.fromkeys(("layer_norm", "rms_norm"), Rule(_layer_norm)),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), Rule(_recurrent)),
    "batch_norm": Rule(_batch_norm),
    "glu": Rule(_glu),
    "group_norm": Rule(_group_norm),
    "instance_norm": Rule(_instance_norm),
    "multi_head_attention_forward": Rule(_multi_head),
    "scaled_dot_product_attention": Rule(_attention),
    "softmax": Rule(_softmax),
}
