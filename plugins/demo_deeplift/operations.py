"""DeepLIFT rules of functions of PyTorch, by their names."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from demo_core import Unsuitable
from demo_deeplift.layers import attention, multi_head, recurrent
from demo_deeplift.paired import NoRuleError, Pair, tensors_in

#: Computes a call of a function with rules: from the pair, the function, and its arguments.
Compute = Callable[[Pair, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@dataclass(frozen=True)
class Rule:
    """How a function is computed. ``of_several``: the rule is for two or more tensors that depend on the sequence."""

    compute: Compute
    of_several: bool = False


_ELEMENTWISE = """relu relu6 hardtanh elu selu celu gelu silu mish leaky_relu prelu softplus softsign softshrink
    hardshrink tanhshrink hardsigmoid hardswish logsigmoid sigmoid tanh exp exp2 expm1 log log1p log2 log10 sqrt rsqrt
    square abs pow __pow__ __rpow__ reciprocal __rtruediv__ __rdiv__ clamp clamp_min clamp_max clip sin cos erf sinh
    cosh atan absolute arctan rrelu threshold _threshold binary_cross_entropy_with_logits"""
#: Of these, functions that consist of straight lines, or whose further arguments have a type of their own
_STRAIGHT = """relu relu6 hardtanh leaky_relu prelu softshrink hardshrink abs absolute clamp clamp_min clamp_max clip
    threshold _threshold hardsigmoid binary_cross_entropy_with_logits div divide true_divide"""
_PRODUCTS = """mul multiply __mul__ __rmul__ matmul __matmul__ __rmatmul__ bmm mm mv dot outer einsum linear
    tensordot"""


def _elementwise(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    in_place = named.get("inplace", False)
    named = {name: value for name, value in named.items() if name != "inplace"}
    if (
        not args
        or not isinstance(args[0], Tensor)
        or args[0].is_complex()
        or any(t.requires_grad for t in tensors_in((args[1:], named)))
    ):
        raise NoRuleError
    smooth = function.__name__ not in _STRAIGHT.split()
    found = pair.elementwise(lambda x: function(x, *args[1:], **named), args[0], smooth=smooth)
    return args[0].copy_(found) if in_place else found


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
    if named.get("rounding_mode") is not None:
        return _elementwise(pair, function, args, named)
    if named or len(args) != 2 or not all(isinstance(value, Tensor) for value in args):
        raise NoRuleError
    inverse = pair.elementwise(torch.reciprocal, args[1])
    return pair.product(torch.mul, args[0], inverse)


def _larger(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return the maximum or minimum of two tensors."""
    args = (*args, named["other"]) if "other" in named else args
    if len(args) != 2 or set(named) - {"other"}:
        raise NoRuleError
    sign = 1 if function.__name__ in ("maximum", "max") else -1
    shape = torch.broadcast_shapes(args[0].shape, args[1].shape)  # type: ignore[no-untyped-call]
    pairs = torch.stack([x.expand(shape) for x in args], dim=-1)
    largest = pair.maximum(lambda rows: rows.max(dim=1, keepdim=True), sign * pairs.reshape(-1, 2))
    return sign * largest.reshape(pairs.shape[:-1])


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
        y, index = with_indices(rows.reshape(len(rows), 1, *shape), **options)
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
        return _larger(pair, function, args, named)
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
    if not isinstance(dim, int):
        raise NoRuleError
    kinds = [value for value in (*args, named.get("dtype")) if isinstance(value, torch.dtype)]
    x = args[0].to(kinds[0]) if kinds else args[0]
    return pair.softmax(-x if function.__name__ == "softmin" else x, dim)


def _glu(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    a, b = args[0].chunk(2, dim=named.get("dim", args[1] if len(args) > 1 else -1))
    return pair.product(torch.mul, a, pair.elementwise(torch.sigmoid, b))


def _normalised(pair: Pair, x: Tensor, dims: list[int], eps: float, *, centred: bool = True) -> Tensor:
    """Return x, minus its mean over dimensions, divided by its root mean square."""
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
    return _in_groups(pair, given, given["num_groups"])


def _instance_norm(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    if function is torch.instance_norm:  # whose arguments have another order
        raise NoRuleError
    names = ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps")
    given = dict(zip(names, args, strict=False)) | named
    if not given.get("use_input_stats", True):
        return function(*args, **named)
    return _in_groups(pair, given, given["input"].shape[1])


def _in_groups(pair: Pair, given: dict[str, Any], groups: int) -> Tensor:
    """Return the input, normalised in groups of channels."""
    x, weight, bias = given["input"], given.get("weight"), given.get("bias")
    found = _normalised(pair, x.reshape(len(x), groups, -1), [-1], given.get("eps", 1e-5)).reshape(x.shape)
    shape = [1, -1] + [1] * (x.ndim - 2)
    found = found if weight is None else found * weight.reshape(shape)
    return found if bias is None else found + bias.reshape(shape)


def _batch_norm(pair: Pair, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    names = ("input", "running_mean", "running_var", "weight", "bias", "training")
    if (dict(zip(names, args, strict=False)) | named).get("training"):
        said = "BatchNorm uses statistics of the batch, so outputs of a sequence depend on the others"
        raise Unsuitable(f"{said}; use BatchNorm with track_running_stats=True")
    return function(*args, **named)


RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE.split(), Rule(_elementwise)),
    **dict.fromkeys(_PRODUCTS.split(), Rule(_product, of_several=True)),
    **dict.fromkeys(("div", "divide", "true_divide", "__truediv__", "__div__"), Rule(_quotient)),
    **dict.fromkeys(("maximum", "minimum"), Rule(_larger)),
    **dict.fromkeys(("max", "min", "amax", "amin"), Rule(_max_over)),
    **dict.fromkeys((f"{kind}max_pool{d}d" for kind in ("", "adaptive_") for d in (1, 2)), Rule(_max_pool)),
    **dict.fromkeys(("layer_norm", "rms_norm"), Rule(_layer_norm)),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), Rule(recurrent)),
    "batch_norm": Rule(_batch_norm),
    "glu": Rule(_glu),
    "group_norm": Rule(_group_norm),
    "instance_norm": Rule(_instance_norm),
    "multi_head_attention_forward": Rule(multi_head),
    "scaled_dot_product_attention": Rule(attention),
    **dict.fromkeys(("softmax", "special_softmax", "softmin"), Rule(_softmax)),
}
