"""Which rule each operation of a network has: found by running the network once on sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from demo_deeplift.operations import RULES, Rule
from demo_deeplift.paired import NoRuleError, OtherOperationsError, Pair, Rehearsal, tensors_in, with_tensors

#: Nodes of PyTorch's graph for operations that are linear in the one input that depends on the sequence.
_LINEAR = frozenset(
    "AccumulateGrad Add Addbmm Addcdiv Addcmul Addmm Addmv Addr AdaptiveAvgPool1D AdaptiveAvgPool2D AdaptiveAvgPool3D "
    "Alias AsStrided AvgPool2D AvgPool3D Baddbmm Bmm Cat Chunk Clone Constant ConstantPadNd Conv1D Convolution Copy "
    "CopySlices CudnnBatchNorm CudnnConvolution Cumsum Diagonal Div Dot Expand FftC2C FftC2R FftR2C Flip Gather "
    "Im2Col Col2Im Index IndexAdd IndexCopy IndexFill IndexSelect Lerp Linear MaskedFill MaskedScatter MaskedSelect "
    "Matmul Mean MkldnnConvolution MkldnnLinear Mm Mul Mv Nansum Narrow NativeBatchNorm Neg Permute PixelShuffle "
    "PixelUnshuffle ReflectionPad1D ReflectionPad2D Repeat ReplicationPad1D ReplicationPad2D ReshapeAlias Resize Roll "
    "Rot90 RsubScalar Rsub Scatter ScatterAdd Select SelectScatter SliceScatter SlowConv2D Slice Split "
    "SplitWithSizes Squeeze Stack Sub Sum T Tensordot Tile ToCopy Trace Transpose Tril Triu Unbind Unfold "
    "UnsafeSplit UnsafeView Unsqueeze UpsampleBilinear2D UpsampleLinear1D UpsampleNearest1D UpsampleNearest2D View "
    "ViewAsComplex ViewAsReal Where".lower().split()
)
#: Operands of which only one may depend on the sequence, in products of two; the last of those of sums and products.
_FACTORS = {
    **dict.fromkeys("mul mm bmm mv dot matmul linear convolution mkldnnconvolution cudnnconvolution".split(), (0, 1)),
    **dict.fromkeys("addmm addbmm baddbmm addmv addr addcmul".split(), (1, 2)),
}
#: Operands that may not depend on the sequence at all.
_CONSTANT = {"div": 1, "lerp": 2, "addcdiv": 2}
#: Operators that modify their left operand.
_AUGMENTED = frozenset("__iadd__ __isub__ __imul__ __itruediv__ __setitem__".split())
#: Nodes of PyTorch's graph for our rules.
_RULED = frozenset("rescale midpoint maximum softmax recurrence integrated".split())


@dataclass
class Step:
    """What happens at one call of a function of PyTorch: its rule, or numerical integration; None: as it is."""

    name: str
    rule: Rule | None = None
    #: Places, among the tensors of the call, of those that depend on the sequence: these are integrated
    integrated: tuple[int, ...] = ()


@dataclass
class Plan:
    """Rules of all operations of a network, in the order of the calls."""

    steps: list[Step] = field(default_factory=list)
    #: Operations that no function of PyTorch computes, such as a compiled kernel, with their number
    without_rule: Counter[str] = field(default_factory=Counter)

    @property
    def modifies(self) -> bool:
        """Whether the network modifies tensors in place."""
        return any(_in_place(step.name) for step in self.steps)

    @property
    def integrated(self) -> list[str]:
        """Names of the operations that are integrated numerically."""
        return sorted({step.name for step in self.steps if step.integrated})


class _Planning(TorchFunctionMode):
    """Chooses the rule of each call of a network, which runs on sequences that require gradients."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan, self._pair = plan, Rehearsal()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        step = Step(getattr(func, "__name__", "?"))
        self._plan.steps.append(step)
        every = list(tensors_in((args, named)))
        inputs = [place for place, tensor in enumerate(every) if tensor.requires_grad]
        if not inputs or not torch.is_grad_enabled():
            return func(*args, **named)
        if (rule := RULES.get(step.name)) is not None and not (rule.of_several and len(inputs) < 2):
            try:
                found = rule.compute(self._pair, func, args, named)
            except NoRuleError:
                pass
            else:
                step.rule = rule
                return found
        found = func(*args, **named)
        outputs = list(tensors_in(found))
        if _in_place(step.name) or not any(without_rule(outputs, [every[place] for place in inputs])):
            return found
        step.integrated = tuple(inputs)
        return _integrate(self._pair, step, func, args, named)


class Following(TorchFunctionMode):
    """Computes a pass of a pair by a plan."""

    def __init__(self, plan: Plan, pair: Pair) -> None:
        super().__init__()
        self._steps, self._pair = iter(plan.steps), pair

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        step = next(self._steps, None)
        if step is None or step.name != getattr(func, "__name__", "?"):
            raise OtherOperationsError
        if step.rule is not None:
            return step.rule.compute(self._pair, func, args, named)
        if step.integrated:
            return _integrate(self._pair, step, func, args, named)
        return func(*args, **named)


def make_plan(compute: Callable[[Tensor], Tensor], x: Tensor) -> Plan:
    """Return the rules of the operations in ``compute``, a function from inputs (B, A, L) to the target (B,)."""
    plan = Plan()
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad(), _Planning(plan):
        value = compute(x)
    plan.without_rule = Counter(without_rule([value], [x]))
    return plan


def without_rule(outputs: list[Tensor], inputs: list[Tensor]) -> Iterator[str]:
    """Yield the operations between inputs and outputs that are neither linear nor have a rule."""
    ends = {_node(x) for x in inputs}
    waiting = [node for y in outputs if y.requires_grad and (node := _node(y)) not in ends]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        name = _operation(node)
        before = [other for other, _ in node.next_functions if other is not None]
        if name not in _RULED and (name not in _LINEAR or _multiplies(name, node)):
            yield name
        for other in before:
            if other not in seen and other not in ends:
                seen.add(other)
                waiting.append(other)


def _integrate(
    pair: Pair, step: Step, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    every = list(tensors_in((args, named)))
    found: list[Any] = []

    def of(*inputs: Tensor) -> tuple[Tensor, ...]:
        new = list(every)
        for place, value in zip(step.integrated, inputs, strict=True):
            new[place] = value
        own, with_names = with_tensors((args, named), iter(new))
        found[:] = [func(*own, **with_names)]
        return tuple(tensors_in(found[0]))

    outputs = pair.integrated(of, [every[place] for place in step.integrated])
    return with_tensors(found[0], iter(outputs))


def _node(x: Tensor) -> Any:
    """Return the node of a tensor in PyTorch's graph; of an input, that which collects its gradient."""
    return x.grad_fn if x.grad_fn is not None else x.expand_as(x).grad_fn.next_functions[0][0]  # type: ignore[union-attr]


def _operation(node: Any) -> str:
    """Return the name of a node's operation: ``relu`` of ``ReluBackward0``."""
    return type(node).__name__.partition("Backward")[0].lower()


def _multiplies(name: str, node: Any) -> bool:
    """Return whether a node multiplies two numbers that both depend on the sequence, or divides by one."""
    depends = [other is not None for other, _ in node.next_functions]
    if (place := _CONSTANT.get(name)) is not None:
        return len(depends) > place and depends[place]
    return name in _FACTORS and all(len(depends) > place and depends[place] for place in _FACTORS[name])


def _in_place(name: str) -> bool:
    return (name.endswith("_") and not name.endswith("__")) or name in _AUGMENTED
