"""Multipliers of a network between references and sequences."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import CheckpointError

from demo_core import Model, Target, Unsuitable
from demo_core.models import in_pieces, stands_in
from demo_deeplift.paired import OtherOperationsError, Pair
from demo_deeplift.plan import Following, Plan, make_plan
from demo_deeplift.rules import NODES

_log = logging.getLogger(__name__)


class Multipliers:
    """Computes multipliers; the rules of a network's operations are found at the first call, and reported."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._plan: Plan | None = None

    def of(self, model: Model, x: Tensor, reference: Tensor, target: Target) -> tuple[Tensor, Tensor, Tensor]:
        """Return multipliers (P, A, L), outputs (P, T) of x, and outputs (P, T) of the references.

        Parameters
        ----------
        x, reference
            (P, A, L), both ends of each pair.
        target
            Target, bound to the P rows if it is the loss.
        """
        with _frozen(model.module), _refusing(model):
            if self._plan is None:
                self._plan = self._planned(model, x[:2], target.rows(slice(0, 2)))
            plan = self._plan

            def compute(rows: slice) -> tuple[Tensor, Tensor, Tensor]:
                own = target.rows(rows)
                try:
                    return _of_piece(model, x[rows], reference[rows], own, plan)
                except OtherOperationsError:  # such as for unknown bases, which the first sequences do not have
                    return _of_piece(model, x[rows], reference[rows], own, self._planned(model, x[rows], own))

            # recurrent layers are loops in Python, which large pieces speed up; only networks with fast_forward allow
            # several threads
            several = "recurrent" in model.capabilities and stands_in(model.module, "fast_forward")
            per_thread = 26_000 if several else 0
            found = in_pieces(x, compute, at_once=x.device.type == "cpu", per_thread=per_thread)
        first, second, third = (torch.cat(parts) if len(parts) > 1 else parts[0] for parts in zip(*found, strict=True))
        return first, second, third

    def _planned(self, model: Model, x: Tensor, target: Target) -> Plan:
        plan = make_plan(lambda x: target(model.outputs_of(x)), x)
        if plan.without_rule:
            listed = ", ".join(_told(name, n) for name, n in sorted(plan.without_rule.items()))
            said = f"model '{model.name}': DeepLIFT has no rule for {listed}"
            raise Unsuitable(f"{said}; use integrated-gradients or expected-gradients")
        if plan.integrated:
            said = f"{self._name}: '{model.name}': integrating operations without a rule numerically"
            _log.warning("%s (%d points): %s", said, NODES, ", ".join(plan.integrated))
        if plan.conditional:
            said = f"'{model.name}' computes masks or indices from the sequence, which DeepLIFT treats as constant"
            _log.warning("%s: %s: %s", self._name, said, ", ".join(sorted(plan.conditional)))
        return plan


def _of_piece(model: Model, x: Tensor, reference: Tensor, target: Target, plan: Plan) -> tuple[Tensor, Tensor, Tensor]:
    pair = Pair(keep=plan.modifies)
    with torch.no_grad(), Following(plan, pair):
        at_reference = model.outputs_of(reference)
        target(at_reference)
    pair.sequences()
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        with Following(plan, pair):
            outputs = model.outputs_of(x)
            value = target(outputs)
        (multipliers,) = torch.autograd.grad(value.sum(), x)
    return multipliers, outputs.detach(), at_reference


def _told(name: str, n: int) -> str:
    in_place = " (in place)" if name.endswith("_") else ""
    return f"{name}{in_place}" + (f" ({n} times)" if n > 1 else "")


@contextmanager
def _refusing(model: Model) -> Iterator[None]:
    try:
        yield
    except CheckpointError:
        said = f"model '{model.name}' recomputes activations (torch.utils.checkpoint); switch this off"
        raise Unsuitable(f"{said}, or use integrated-gradients") from None
    except OtherOperationsError:
        said = f"model '{model.name}' runs different operations for references, or for batches of another size"
        raise Unsuitable(f"{said}; use integrated-gradients or expected-gradients") from None


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Let no parameter require a gradient, so that a product with a parameter is linear."""
    free = [p for p in network.parameters() if p.requires_grad]
    try:
        for p in free:
            p.requires_grad_(False)
        yield
    finally:
        for p in free:
            p.requires_grad_(True)
