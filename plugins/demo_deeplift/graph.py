"""Find operations without a rule in PyTorch's graph, which shows how an output depends on its inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from demo_deeplift.recurrent import Recurrence
from demo_deeplift.rules import Integrated, Maximum, Midpoint, Rescale, Softmax

#: Operations that are linear if one of their inputs depends on the sequence: names of nodes, without "Backward".
_LINEAR = """AccumulateGrad Add Addbmm Addcdiv Addcmul Addmm Addmv Addr AdaptiveAvgPool1D AdaptiveAvgPool2D
    AdaptiveAvgPool3D Alias AsStrided AvgPool2D AvgPool3D Baddbmm Bmm Cat Chunk Clone Constant
    ConstantPadNd Conv1D Convolution Copy CopyBackwards CopySlices CudnnBatchNorm CudnnConvolution Cumsum Diagonal Div
    Dot Expand FftC2C FftC2R FftR2C Flip Gather Im2Col Col2Im Index IndexAdd IndexCopy IndexFill
    IndexSelect Lerp Linear MaskedFill MaskedScatter MaskedSelect Matmul Mean MkldnnConvolution
    MkldnnLinear Mm Mul Mv Nansum Narrow NativeBatchNorm Neg Permute PixelShuffle PixelUnshuffle
    ReflectionPad1D ReflectionPad2D Repeat ReplicationPad1D ReplicationPad2D ReshapeAlias Resize Roll
    Rot90 RsubScalar Rsub Scatter ScatterAdd Select SelectScatter SliceScatter SlowConv2D Slice Split
    SplitWithSizes Squeeze Stack Sub Sum T Tensordot Tile ToCopy Trace Transpose Tril Triu Unbind Unfold
    UnsafeSplit UnsafeView Unsqueeze UpsampleBilinear2D UpsampleLinear1D UpsampleNearest1D
    UpsampleNearest2D View ViewAsComplex ViewAsReal Where"""
_LINEAR_NAMES = frozenset(_LINEAR.lower().split())
#: Places of two factors, of which only one may depend on the sequence.
_FACTORS = {
    **dict.fromkeys(("mul", "mm", "bmm", "mv", "dot", "matmul", "linear", "convolution"), (0, 1)),
    **dict.fromkeys(("addmm", "addbmm", "baddbmm", "addmv", "addr", "addcmul"), (1, 2)),
}
#: Functions that define their own gradient and are no gap: our rules, and what PyTorch adds to modules with hooks.
_KNOWN = (Rescale, Midpoint, Maximum, Softmax, Integrated, Recurrence, nn.modules._functions.BackwardHookFunction)
#: Places of operands that may not depend on the sequence.
_CONSTANT = {"div": 1, "lerp": 2, "addcdiv": 2}


def without_rule(outputs: list[Tensor], inputs: list[Tensor]) -> Iterator[str]:
    """Yield the operations between inputs and outputs that are neither linear nor have a rule."""
    ends = {_node(x) for x in inputs}
    waiting = [node for y in outputs if y.requires_grad and (node := _node(y)) not in ends]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        forward = getattr(type(node), "_forward_cls", None)  # of functions that define their own gradient
        name = _operation(node)
        before = [other for other, _ in node.next_functions if other is not None]
        if (forward is None and (name not in _LINEAR_NAMES or _multiplies(name, node))) or (
            forward is not None and forward not in _KNOWN
        ):
            yield name
        for other in before:
            if other not in seen and other not in ends:
                seen.add(other)
                waiting.append(other)


def _node(x: Tensor) -> Any:
    """Return the node of a tensor in PyTorch's graph; of an input, that which collects its gradient."""
    return x.grad_fn if x.grad_fn is not None else x.expand_as(x).grad_fn.next_functions[0][0]  # type: ignore[union-attr]


def _operation(node: Any) -> str:
    """Return the name of a node's operation: ``relu`` of ``ReluBackward0``."""
    return re.sub(r"Backward\d*$", "", type(node).__name__).lower()


def _multiplies(name: str, node: Any) -> bool:
    """Return whether a node multiplies two numbers that both depend on the sequence, or divides by one."""
    depends = [other is not None for other, _ in node.next_functions]
    if (place := _CONSTANT.get(name)) is not None:
        return len(depends) > place and depends[place]
    return name in _FACTORS and all(len(depends) > place and depends[place] for place in _FACTORS[name])
