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
#: Operators that modify their left operand.
_AUGMENTED = "__iadd__ __isub__ __imul__ __itruediv__ __setitem__"


@dataclass
class Step:
    """Rule of one call of a function of PyTorch, or numerical integration; neither: computed unchanged."""

    name: str
    rule: Rule | None = None
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
        #: Masks and indices computed from the sequence, by identity; kept alive, so that no other tensor gets it
        self._conditions: dict[int, Tensor] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        step = Step(getattr(func, "__name__", "?"))
        self._plan.steps.append(step)
        every = list(tensors_in((args, named)))
        inputs = [place for place, tensor in enumerate(every) if tensor.requires_grad]
        conditional = any(id(tensor) in self._conditions for tensor in every)
        if not inputs or not torch.is_grad_enabled():
            found = func(*args, **named)
            if conditional:
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
                return found
        found = func(*args, **named)
        outputs = list(tensors_in(found))
        if step.name not in _SHAPE_ONLY.split():
            self._note_conditions(found)
        if _in_place(step.name) or not any(without_rule(outputs, [every[place] for place in inputs])):
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
