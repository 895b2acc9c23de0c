"""Choose a rule for each operation of a network, by running it once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from demo_deeplift.graph import without_rule
from demo_deeplift.operations import RULES, Rule
from demo_deeplift.paired import NoRuleError, OtherOperationsError, Pair, Rehearsal, tensors_in, with_tensors

#: Functions that read only shape, type or device of a tensor.
_SHAPE_ONLY = """to type_as expand_as view_as reshape_as zeros_like ones_like empty_like full_like rand_like randn_like
    new_zeros new_ones new_empty new_full new_tensor"""
#: Of these, functions whose result has the values of their first argument.
_CONVERSIONS = ("to", "type_as")
#: Operators that modify their left operand.
_AUGMENTED = "__iadd__ __isub__ __imul__ __itruediv__ __setitem__"
#: Functions that modify a tensor and are linear; the second line, if they multiply by a constant.
_LINEAR_IN_PLACE = """__iadd__ __isub__ __setitem__ add_ sub_ copy_ fill_ zero_ masked_fill_ index_fill_ index_copy_
    index_add_ scatter_ scatter_add_ requires_grad_ detach_ squeeze_ unsqueeze_ transpose_ t_ neg_"""
_FACTOR_IN_PLACE = "__imul__ __itruediv__ mul_ div_"


@dataclass
class Step:
    """Rule of one call of a function of PyTorch, or numerical integration; neither: computed unchanged."""

    name: str
    rule: Rule | None = None
    #: Whether it modifies a tensor
    in_place: bool = False
    #: Indices, among the tensors of the call, of those that are integrated: they depend on the sequence
    integrated: tuple[int, ...] = ()


@dataclass
class Plan:
    """Rules of all operations of a network, in the order of the calls."""

    steps: list[Step] = field(default_factory=list)
    #: Names and counts of operations outside functions of PyTorch, such as compiled kernels
    without_rule: Counter[str] = field(default_factory=Counter)
    #: Operations on the sequence whose mask or index is computed from the sequence as well
    conditional: set[str] = field(default_factory=set)

    @property
    def modifies(self) -> bool:
        """Whether the network modifies tensors in place."""
        return any(step.in_place for step in self.steps)

    @property
    def integrated(self) -> list[str]:
        """Names of the operations that are integrated numerically."""
        return sorted({step.name for step in self.steps if step.integrated})


class _Planning(TorchFunctionMode):
    """Chooses the rule of each call of a network, which runs on sequences that require gradients."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan, self._pair = plan, Rehearsal()
        #: Masks and indices computed from the sequence, by identity; kept alive, so that no other tensor gets it
        self._conditions: dict[int, Tensor] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        args, named = _with_first(args, kwargs or {})
        step = Step(getattr(func, "__name__", "?"))
        step.in_place = _in_place(step.name) or bool(named.get("inplace"))
        self._plan.steps.append(step)
        every = list(tensors_in((args, named)))
        inputs = [place for place, tensor in enumerate(every) if tensor.requires_grad]
        conditional = any(id(tensor) in self._conditions for tensor in every)
        if not inputs or not torch.is_grad_enabled():
            found = func(*args, **named)
            if conditional or inputs:
                self._note_conditions(found)
            return found
        if conditional:
            self._plan.conditional.add(step.name)
        if (rule := RULES.get(step.name)) is not None and not (rule.of_several and len(inputs) < 2):
            try:
                found = rule.compute(self._pair, func, args, named)
            except NoRuleError:
                pass
            else:
                step.rule = rule
                self._note_conditions(found)
                return found
        found = func(*args, **named)
        outputs = list(tensors_in(found))
        shape_only = step.name in _SHAPE_ONLY.split()
        if not shape_only or (step.name in _CONVERSIONS and every[0].requires_grad):
            self._note_conditions(found)
        if _in_place(step.name):
            if not _is_linear_in_place(step.name, len(inputs)):
                self._plan.without_rule[step.name] += 1
            return found
        if not any(without_rule(outputs, [every[place] for place in inputs])):
            return found
        step.integrated = tuple(inputs)
        return _integrate(self._pair, step, func, args, named)

    def _note_conditions(self, found: Any) -> None:
        self._conditions |= {id(tensor): tensor for tensor in tensors_in(found) if not tensor.requires_grad}


class Following(TorchFunctionMode):
    """Computes a pass of a pair by a plan."""

    def __init__(self, plan: Plan, pair: Pair) -> None:
        super().__init__()
        self._steps, self._pair = iter(plan.steps), pair

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        args, named = _with_first(args, kwargs or {})
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
    in_place = {name.strip("_").removeprefix("i") for name in plan.without_rule}
    plan.without_rule.update(name for name in without_rule([value], [x]) if name not in in_place)
    return plan


def _integrate(pair: Pair, step: Step, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
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


def _in_place(name: str) -> bool:
    return (name.endswith("_") and not name.endswith("__")) or name in _AUGMENTED.split()


def _is_linear_in_place(name: str, n_inputs: int) -> bool:
    """Return whether a function that modifies a tensor is linear, if ``n_inputs`` tensors depend on the sequence."""
    return name in _LINEAR_IN_PLACE.split() or (name in _FACTOR_IN_PLACE.split() and n_inputs < 2)


def _with_first(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments with ``input=`` as the first one."""
    if args or "input" not in named:
        return args, named
    return (named["input"],), {name: value for name, value in named.items() if name != "input"}
