"""DeepLIFT rules: functions whose backward pass returns multipliers instead of derivatives.

A multiplier m of an operation satisfies: the sum of m * (input - reference input) is output - reference output. The
chain rule of automatic differentiation combines the multipliers of all operations (Shrikumar et al. 2017, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Below this input difference, the rescale rule uses the derivative.
_SMALL = 1e-6
#: Nodes of the path integral of an operation without a rule of its own.
NODES = 32

#: An elementwise function.
Elementwise = Callable[[Tensor], Tensor]
#: A function of two tensors, linear in each.
Bilinear = Callable[[Tensor, Tensor], Tensor]
#: Returns maxima (R, K) of values (R, N), and the index of each in its row.
Pooling = Callable[[Tensor], tuple[Tensor, Tensor]]


class Rescale(torch.autograd.Function):
    """Rescale rule: difference of the output divided by the difference of the input, for elementwise functions."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Elementwise, x0: Tensor, y0: Tensor, smooth: bool) -> Tensor:
        y = function(x)
        ctx.save_for_backward(x, y, x0, y0)
        ctx.function, ctx.smooth = function, smooth
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upper: Tensor) -> tuple[Tensor, None, None, None, None]:
        x, y, x0, y0 = ctx.saved_tensors
        if ctx.smooth and x.dtype != torch.float64 and x.device.type != "mps":
            # small differences of a curved function lose too many digits in float32
            x, x0 = x.double(), x0.double()
            y, y0 = ctx.function(x), ctx.function(x0)
        change = x - x0
        small = change.abs() < _SMALL
        slope = (y - y0) / change.masked_fill(small, 1)
        if small.any():
            with torch.enable_grad():
                z = x.detach().requires_grad_()
                (derivative,) = torch.autograd.grad(ctx.function(z).sum(), z)
            derivative = derivative.nan_to_num(nan=0, posinf=0, neginf=0)  # such as of a root at 0, which adds nothing
            slope = torch.where(small, derivative, slope)
        return upper * slope.to(upper.dtype), None, None, None, None


class Midpoint(torch.autograd.Function):
    """Multipliers of a bilinear function: its derivatives halfway between reference and input."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, function: Bilinear, a0: Tensor, b0: Tensor) -> Tensor:
        ctx.save_for_backward(a, b, a0, b0)
        ctx.function = function
        return function(a, b)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upper: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        a, b, a0, b0 = ctx.saved_tensors
        with torch.enable_grad():
            middle = [torch.lerp(start, end, 0.5).requires_grad_() for start, end in ((a0, a), (b0, b))]
            of_a, of_b = torch.autograd.grad(ctx.function(*middle), middle, upper)
        return of_a, of_b, None, None, None


class Maximum(torch.autograd.Function):
    """Multipliers of maxima (R, K) over entries of (R, N).

    An increase goes to the position of the maximum in the sequence, a decrease to that in the reference.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Pooling, x0: Tensor, y0: Tensor, index0: Tensor) -> Tensor:
        y, index = function(x)
        ctx.save_for_backward(x, y, index, x0, y0, index0)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upper: Tensor) -> tuple[Tensor, None, None, None, None]:
        x, y, index, x0, y0, index0 = ctx.saved_tensors
        change, of_output = torch.where(x == x0, 0, x - x0), torch.where(y == y0, 0, y - y0)
        zero = torch.zeros_like(change)
        contribution = zero.scatter_add(1, index, upper * of_output.clamp(min=0))
        contribution.scatter_add_(1, index0, upper * of_output.clamp(max=0))
        same = change == 0
        slope = contribution / change.masked_fill(same, 1)
        if same.any():
            slope = torch.where(same, zero.scatter_add(1, index, upper), slope)
        return slope, None, None, None, None


class Softmax(torch.autograd.Function):
    """Multipliers of softmax: exponentials, the logarithm of their sum, and the exponential of the difference.

    The multiplier of exp and of log is a logarithmic mean of both ends, or its reciprocal.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int, x0: Tensor) -> Tensor:
        ctx.save_for_backward(x, x0)
        ctx.dim = dim
        return x.softmax(dim)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upper: Tensor) -> tuple[Tensor, None, None]:
        (x, x0), dim = ctx.saved_tensors, ctx.dim
        total, total0 = x.logsumexp(dim, keepdim=True), x0.logsumexp(dim, keepdim=True)
        of_output = upper * _log_of_mean(x - total, x0 - total0).exp()
        shares = (_log_of_mean(x, x0) - _log_of_mean(total, total0)).exp()
        return of_output - shares * of_output.sum(dim, keepdim=True), None, None


def _log_of_mean(end: Tensor, start: Tensor) -> Tensor:
    """Return the logarithm of (exp(end) - exp(start)) / (end - start), of logarithms, which may be -inf."""
    change = torch.where(end == start, 0, end - start).abs()
    ratio = torch.where(change == 0, 1.0, -torch.expm1(-change) / change.masked_fill(change == 0, 1))
    return torch.maximum(end, start) + ratio.log()


class Integrated(torch.autograd.Function):
    """Multipliers of any function: its mean derivatives on the straight path from the reference inputs.

    Integrated gradients of this function, by Gauss-Legendre quadrature.
    """

    @staticmethod
    def forward(
        ctx: Any, function: Callable[..., Sequence[Tensor]], references: Sequence[Tensor], *inputs: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*inputs, *references)
        ctx.function = function
        return tuple(function(*inputs))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upper: Tensor) -> tuple[Tensor | None, ...]:
        saved, n = ctx.saved_tensors, len(ctx.saved_tensors) // 2
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        found = [torch.zeros_like(x) for x in saved[:n]]
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            with torch.enable_grad():
                point = [
                    torch.lerp(x0, x, float(node)).requires_grad_() for x, x0 in zip(saved[:n], saved[n:], strict=True)
                ]
                outputs = [(y, q) for y, q in zip(ctx.function(*point), upper, strict=True) if y.requires_grad]
                ys, qs = zip(*outputs, strict=True)
                slopes = torch.autograd.grad(ys, point, qs, allow_unused=True)
            for place, slope in enumerate(slopes):
                if slope is not None:
                    found[place] += float(weight) * slope
        return None, None, *found
