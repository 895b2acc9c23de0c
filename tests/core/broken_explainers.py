"""Broken explainers, by the check that must fail, with the expected message."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import nn

from demo_core import Explainer, Result


@dataclass(frozen=True)
class Options:
    how: Literal["well", "badly"] = "well"
    steps: int = field(default=3, metadata={"minimum": 0})
    quick: bool = False


class Plain:
    def __init__(self, options):
        self.options = options


class Good(Plain):
    """Correct explainer that the broken ones derive from: the gradient."""

    def explain(self, model, batch, target):
        x = batch.x.detach().clone().requires_grad_(True)
        return Result(torch.autograd.grad(target(model.module(x)).sum(), x)[0])


class WrongShape(Plain):
    def explain(self, model, batch, target):
        return batch.x[:, :1]


class NotFinite(Plain):
    def explain(self, model, batch, target):
        return batch.x / 0


class BatchDependent(Plain):
    def explain(self, model, batch, target):
        return Result(batch.x - batch.x.mean(0, keepdim=True))


class OrderDependent(Plain):
    def explain(self, model, batch, target):
        return Result(batch.x * torch.arange(len(batch.x))[:, None, None])


class Unrepeatable(Plain):
    def explain(self, model, batch, target):
        return Result(torch.rand_like(batch.x))


class SeedsTorch(Plain):
    def explain(self, model, batch, target):
        torch.manual_seed(0)
        return Result(batch.x)


class SeedsNumpy(Plain):
    def explain(self, model, batch, target):
        np.random.seed(0)
        return Result(batch.x)


class SeedsPython(Plain):
    def explain(self, model, batch, target):
        random.seed(0)
        return Result(batch.x)


class ChangesThreads(Plain):
    def explain(self, model, batch, target):
        torch.set_num_threads(torch.get_num_threads() + 1)
        return Result(batch.x)


class ChangesPrecision(Plain):
    def explain(self, model, batch, target):
        torch.set_float32_matmul_precision("medium")
        return Result(batch.x)


class LeavesAWeightsHook(Plain):
    def explain(self, model, batch, target):
        next(model.module.parameters()).register_hook(lambda g: g)
        return Result(batch.x)


class ReplacesForward(Plain):
    def explain(self, model, batch, target):
        model.module.forward = type(model.module).forward.__get__(model.module)
        return Result(batch.x)


class AddsABuffer(Plain):
    def explain(self, model, batch, target):
        model.module.register_buffer("seen", batch.x.clone(), persistent=False)
        return Result(batch.x)


class Exits(Plain):
    def explain(self, model, batch, target):
        raise SystemExit(0)


class LeavesTrainingMode(Plain):
    def explain(self, model, batch, target):
        model.module.train()
        return Result(batch.x)


class LeavesAHook(Plain):
    def explain(self, model, batch, target):
        model.module.register_forward_hook(lambda *a: None)
        return Result(batch.x)


class LeavesABackwardHook(Plain):
    def explain(self, model, batch, target):
        next(model.module.children()).register_full_backward_hook(lambda *a: None)
        return Result(batch.x)


class LeavesGradients(Plain):
    def explain(self, model, batch, target):
        target(model.module(batch.x)).sum().backward()
        return Result(batch.x)


class ChangesWeights(Plain):
    def explain(self, model, batch, target):
        with torch.no_grad():
            next(model.module.parameters()).add_(1e-3)
        return Result(batch.x)


class Freezes(Plain):
    def explain(self, model, batch, target):
        model.module.requires_grad_(False)
        return Result(batch.x)


class SwapsAModule(Plain):
    def explain(self, model, batch, target):
        model.module.added = nn.ReLU()
        return Result(batch.x)


class MovesAway(Plain):
    """Return values on the device meta, which exists everywhere and holds no values."""

    def explain(self, model, batch, target):
        model.module.to("meta")
        return Result(batch.x)


class NeedsMoreThanItSays(Plain):
    def explain(self, model, batch, target):
        return Result(batch.x * model.module.first_layer.weight.sum())


class NeedsGradients(Good):
    pass


class AlwaysTheFirst(Plain):
    def explain(self, model, batch, target):
        x = batch.x.detach().clone().requires_grad_(True)
        return Result(torch.autograd.grad(model.module(x)[:, 0].sum(), x)[0])


class KeepsEverything(Plain):
    def __init__(self, options):
        self.seen = []

    def explain(self, model, batch, target):
        self.seen.append(batch.x.clone())
        return Result(batch.x)


class KeepsArrays(KeepsEverything):
    def explain(self, model, batch, target):
        self.seen.append(batch.x.numpy().copy())
        return Result(batch.x)


class SaysTooMuch(Plain):
    def explain(self, model, batch, target):
        return Result(batch.x + 1)


class OutputsOfAnother(Plain):
    def explain(self, model, batch, target):
        return Result(batch.x, outputs=model.module(batch.x).detach() + 1)


class Magnitudes(Good):
    def explain(self, model, batch, target):
        return Result(super().explain(model, batch, target).values.abs())


class DoesNotAddUp(Good):
    def explain(self, model, batch, target):
        values = super().explain(model, batch, target).values
        return Result(values, baseline=torch.zeros(len(values)))


class AddsUp(Plain):
    def explain(self, model, batch, target):
        with torch.no_grad():
            share = target(model.module(batch.x)) / batch.x.sum((1, 2)).clamp(min=1)
        return Result(batch.x * share[:, None, None], baseline=torch.zeros(len(batch.x)))


class CannotDoItBadly(Good):
    def explain(self, model, batch, target):
        return {"well": super().explain}[self.options.how](model, batch, target)


class CannotDoNoStep(Good):
    def explain(self, model, batch, target):
        found = super().explain(model, batch, target)
        return Result(found.values / (1 // self.options.steps + 1))


class CannotDoItQuickly(Good):
    def explain(self, model, batch, target):
        assert not self.options.quick
        return super().explain(model, batch, target)


def explainer(cls, **more):
    name = cls if isinstance(cls, str) else cls.__name__
    given = {"kind": "attribution", **more}
    return Explainer(name="broken", target=f"{__name__}:{name}", summary="Broken.", **given)


EXPLAINERS = [
    ("loads", explainer("NotThere"), "cannot be loaded: AttributeError"),
    ("fits", explainer(Plain, needs={"attention"}), "needs a model that offers attention"),
    ("values", explainer(WrongShape), "values must have shape"),
    ("values", explainer(NotFinite), "values that are not finite"),
    ("batch-size", explainer(BatchDependent), "in batches of 1 and of 6 differ"),
    ("order", explainer(OrderDependent), "values in two orders differ"),
    ("seed", explainer(Unrepeatable), "two runs with one seed"),
    ("global-state", explainer(Unrepeatable), "torch's random numbers"),
    ("values", explainer(Exits), "failed: SystemExit: 0"),
    ("global-state", explainer(ChangesPrecision), "torch's float32 matmul precision"),
    ("model-unchanged", explainer(LeavesAWeightsHook), "hooks of a parameter"),
    ("model-unchanged", explainer(ReplacesForward), "of a module"),
    ("model-unchanged", explainer(AddsABuffer), "which buffers there are"),
    ("global-state", explainer(SeedsTorch), "torch's random numbers"),
    ("global-state", explainer(SeedsNumpy), "numpy's random numbers"),
    ("global-state", explainer(SeedsPython), "Python's random numbers"),
    ("global-state", explainer(ChangesThreads), "the number of torch's threads"),
    ("model-unchanged", explainer(LeavesTrainingMode), "the training mode"),
    ("model-unchanged", explainer(LeavesAHook), "the hooks of a module"),
    ("model-unchanged", explainer(LeavesABackwardHook), "the hooks of a module"),
    ("model-unchanged", explainer(LeavesGradients), "the gradient of a parameter"),
    ("model-unchanged", explainer(ChangesWeights), "it changed the weights"),
    ("model-unchanged", explainer(Freezes), "requires_grad of a parameter"),
    ("model-unchanged", explainer(SwapsAModule), "the set of modules in the network"),
    ("model-unchanged", explainer(MovesAway), "the dtype or device of the weights"),
    ("says-what-it-needs", explainer(NeedsMoreThanItSays), "has all it needs, and"),
    ("says-what-it-needs", explainer(NeedsGradients), "'bare', which offers nothing"),
    ("target", explainer(AlwaysTheFirst), "outputs swapped differ"),
    ("memory", explainer(KeepsEverything), "bytes more for each batch"),
    ("memory", explainer(KeepsArrays), "bytes more for each batch"),
    ("only-letters-that-are-there", explainer(SaysTooMuch, hypothetical=False), "declares hypothetica"),
    ("outputs", explainer(OutputsOfAnother), "its outputs are not the model's"),
    ("hypothetical", explainer(Magnitudes), "what the exchange is worth, differ"),
    ("adds-up", explainer(DoesNotAddUp, adds_up=True), "mean completeness error"),
    ("options-hold", explainer(CannotDoItBadly, options=Options), "with how=badly"),
    ("options-hold", explainer(CannotDoNoStep, options=Options), "with steps=0"),
    ("options-hold", explainer(CannotDoItQuickly, options=Options), "with quick=True"),
]


class Jumpy(Plain):
    def explain(self, model, target, random):
        return Result(torch.rand(2, 4, model.length))


class Short(Plain):
    def explain(self, model, target, random):
        return Result(random.rows(2).uniform(8).view(2, 4, 2))


class Trains(Plain):
    def explain(self, model, target, random):
        model.module.train()
        return Result(random.rows(2).uniform(4 * model.length).view(2, 4, -1))


class Blind(Plain):
    def explain(self, model, target, random):
        x = random.rows(2).uniform(4 * model.length).view(2, 4, -1).requires_grad_(True)
        return Result(torch.autograd.grad(model.module(x)[:, 0].sum(), x)[0])


PATTERNS = [
    ("values", explainer(Short, kind="pattern"), "values must have shape"),
    ("seed", explainer(Jumpy, kind="pattern"), "two runs with one seed"),
    ("model-unchanged", explainer(Trains, kind="pattern"), "the training mode"),
    ("target", explainer(Blind, kind="pattern"), "outputs swapped differ"),
]
