"""Plugins, each broken in one way, by the check that has to find it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

import click
import numpy as np
import torch
from torch import nn

from demo_core import Architecture, Command, DatasetReader, Explainer, Record, Result
from demo_core.testing import ReaderExample
from demo_core.textfiles import BadSource, text_lines


@dataclass(frozen=True)
class Options:
    how: Literal["well", "badly"] = "well"
    steps: int = field(default=3, metadata={"minimum": 0})
    quick: bool = False


class Plain:
    def __init__(self, options):
        self.options = options


class Good(Plain):
    """What the others are, had they done it right: the gradient."""

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
    ("loads", explainer("NotThere")),
    ("fits", explainer(Plain, needs={"attention"})),
    ("values", explainer(WrongShape)),
    ("values", explainer(NotFinite)),
    ("batch-size", explainer(BatchDependent)),
    ("order", explainer(OrderDependent)),
    ("seed", explainer(Unrepeatable)),
    ("global-state", explainer(Unrepeatable)),
    ("values", explainer(Exits)),
    ("global-state", explainer(ChangesPrecision)),
    ("model-unchanged", explainer(LeavesAWeightsHook)),
    ("model-unchanged", explainer(ReplacesForward)),
    ("model-unchanged", explainer(AddsABuffer)),
    ("global-state", explainer(SeedsTorch)),
    ("global-state", explainer(SeedsNumpy)),
    ("global-state", explainer(SeedsPython)),
    ("global-state", explainer(ChangesThreads)),
    ("model-unchanged", explainer(LeavesTrainingMode)),
    ("model-unchanged", explainer(LeavesAHook)),
    ("model-unchanged", explainer(LeavesABackwardHook)),
    ("model-unchanged", explainer(LeavesGradients)),
    ("model-unchanged", explainer(ChangesWeights)),
    ("model-unchanged", explainer(Freezes)),
    ("model-unchanged", explainer(SwapsAModule)),
    ("model-unchanged", explainer(MovesAway)),
    ("says-what-it-needs", explainer(NeedsMoreThanItSays)),
    ("says-what-it-needs", explainer(NeedsGradients)),
    ("target", explainer(AlwaysTheFirst)),
    ("memory", explainer(KeepsEverything)),
    ("memory", explainer(KeepsArrays)),
    ("only-letters-that-are-there", explainer(SaysTooMuch, hypothetical=False)),
    ("hypothetical", explainer(Magnitudes)),
    ("adds-up", explainer(DoesNotAddUp, adds_up=True)),
    ("options-hold", explainer(CannotDoItBadly, options=Options)),
    ("options-hold", explainer(CannotDoNoStep, options=Options)),
    ("options-hold", explainer(CannotDoItQuickly, options=Options)),
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
    ("values", explainer(Short, kind="pattern")),
    ("seed", explainer(Jumpy, kind="pattern")),
    ("model-unchanged", explainer(Trains, kind="pattern")),
    ("target", explainer(Blind, kind="pattern")),
]


class Network(nn.Module):
    def __init__(self, options, *, letters, length, n_targets):
        super().__init__()
        self.linear = nn.Linear(letters, n_targets)

    def forward(self, x):
        return self.linear(x.mean(2))


class OneTarget(Network):
    def forward(self, x):
        return super().forward(x)[:, :1]


class OnlyThousands(Network):
    def __init__(self, options, *, letters, length, n_targets):
        super().__init__(options, letters=letters, length=length, n_targets=n_targets)
        if length != 1000:
            raise ValueError("takes 1000 bases")


class ChangesItsInput(Network):
    def forward(self, x):
        return super().forward(x.sub_(0.25) if not x.requires_grad else x - 0.25)


class GivesATuple(Network):
    def forward(self, x):
        return (super().forward(x),)


class SingleOnly(Network):
    def forward(self, x):
        return super().forward(x).float()


class DividesByNothing(Network):
    def forward(self, x):
        return super().forward(x / x.sum((1, 2), keepdim=True))


class MixesTheBatch(Network):
    def forward(self, x):
        return super().forward(x - x.mean(0, keepdim=True))


class StaysRandom(Network):
    def forward(self, x):
        return nn.functional.dropout(super().forward(x), 0.5, training=True)


class Unused(Network):
    def __init__(self, options, **shape):
        super().__init__(options, **shape)
        self.spare = nn.Linear(2, 2)


class Explodes(Network):
    def forward(self, x):
        return super().forward(x) + (0 * self.linear.weight.sum()).abs().sqrt()


class Detached(Network):
    def forward(self, x):
        return super().forward(x.detach()) + 0 * x.sum()


class NoMember(Network):
    pass


class OddFirstLayer(Network):
    @property
    def first_layer(self):
        return self.linear


class OnlyLong(Network):
    min_length = 1

    def forward(self, x):
        return super().forward(x) + x[:, :1, 20:].amax(2) * 0


class LooksAhead(Network):
    min_length = 1

    def prefix_logits(self, x):
        return self.linear(x.transpose(1, 2)).transpose(1, 2)


class Forgets(Network):
    def __init__(self, options, **shape):
        super().__init__(options, **shape)
        self.hidden = [nn.Linear(shape["letters"], shape["n_targets"])]
        nn.init.normal_(self.hidden[0].weight)

    def forward(self, x):
        return self.hidden[0](x.mean(2))


class HoldsAFunction(Network):
    def __init__(self, options, **shape):
        super().__init__(options, **shape)
        self.squash = lambda x: x

    def forward(self, x):
        return self.squash(super().forward(x))


class RefusesOddly(Network):
    def __init__(self, options, **shape):
        super().__init__(options, **shape)
        self.how = {"well": 1}[options.how]


def network(cls, *provides, **more):
    return Architecture(
        name="broken", target=f"{__name__}:{cls.__name__}", summary="Broken.", provides=set(provides), **more
    )


NETWORKS = [
    ("builds", network(OnlyThousands)),
    ("input-unchanged", network(ChangesItsInput)),
    ("outputs", network(GivesATuple)),
    ("outputs", network(SingleOnly)),
    ("several-targets", network(OneTarget)),
    ("unknown-bases", network(DividesByNothing)),
    ("batch-size", network(MixesTheBatch)),
    ("eval-is-deterministic", network(StaysRandom)),
    ("can-be-trained", network(Unused)),
    ("can-be-trained", network(Explodes)),
    ("gradients", network(Detached, "gradients")),
    ("members", network(NoMember, "conv-filters")),
    ("members", network(OddFirstLayer, "conv-filters")),
    ("lengths", network(OnlyLong, "variable-length")),
    ("prefixes", network(LooksAhead, "variable-length", "prefix-logits")),
    ("save-and-load", network(Forgets)),
    ("pickles", network(HoldsAFunction)),
    ("options-hold", network(RefusesOddly, options=Options)),
]


class Foreign(nn.Module):
    """A sound network that knows nothing of DeMo, for the adapter."""

    def __init__(self, letters, length, n_targets):
        super().__init__()
        self.linear = nn.Linear(letters * length, n_targets)

    def forward(self, x):
        return torch.tanh(self.linear(x.flatten(1)))


class Lines(Plain):
    """A sound reader: a base sequence and a label on each line."""

    def read(self, source):
        for number, line in text_lines(source):
            cells = line.split()
            if len(cells) != 2:
                raise BadSource(source, "a line is a sequence and a label", f"line {number}")
            yield Record(f"line-{number}", cells[0], (float(cells[1]),))

    @staticmethod
    def example():
        return ReaderExample(
            file="lines.txt",
            content=b"ACGT 1\nTTTT 0\n",
            records=(Record("line-1", "ACGT", (1.0,)), Record("line-2", "TTTT", (0.0,))),
            malformed={"a line of one word": b"ACGT 1\nTTTT\n"},
            many=lambda n: b"ACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT 1\n" * n,
        )


class ReadsAnything(Lines):
    def read(self, source):
        return iter(())


class BlindToTheFile(Lines):
    def read(self, source):
        try:
            yield from super().read(source)
        except BadSource:
            raise BadSource(source.with_name("?"), "something is wrong") from None


class BlindToThePlace(Lines):
    def read(self, source):
        try:
            yield from super().read(source)
        except BadSource:
            raise BadSource(source, "a line has 1 columns, not 2") from None


class MakesUp(Lines):
    def read(self, source):
        yield from super().read(source) if source.exists() else ()


class LosesALabel(Lines):
    def read(self, source):
        for record in super().read(source):
            yield Record(record.id, record.sequence)


class FlipsASequence(Lines):
    """Its records are what its example says, and what is stored is not."""

    targets = ("bound", "open")


class NotPacked(Lines):
    def read(self, source):
        if source.read_bytes()[:2] == b"\x1f\x8b":
            raise BadSource(source, "is compressed")
        yield from super().read(source)


class ReadsAllAtOnce(Lines):
    def read(self, source):
        yield from list(super().read(source))


class YieldsText(Lines):
    def read(self, source):
        yield from (line for _, line in text_lines(source))


def reader(cls, suffix=".txt"):
    return DatasetReader(name="broken", target=f"{__name__}:{cls.__name__}", summary="Broken.", suffixes=(suffix,))


READERS = [
    ("empty", reader(ReadsAnything)),
    ("empty", reader(BlindToTheFile)),
    ("truncated", reader(ReadsAnything)),
    ("missing", reader(MakesUp)),
    ("suffix", reader(Lines, ".lines")),
    ("round-trip", reader(LosesALabel)),
    ("round-trip", reader(YieldsText)),
    ("packed", reader(NotPacked)),
    ("malformed", reader(ReadsAnything)),
    ("malformed", reader(BlindToThePlace)),
    ("imported", reader(FlipsASequence)),
    ("streams", reader(ReadsAllAtOnce)),
]


@click.command()
@click.option("--mute")
def mute(mute):
    """Has an option that says nothing."""


silent = click.Command("silent")


class Late(click.Group):
    """A group whose commands are found when they are asked for."""

    def list_commands(self, ctx):
        return ["silent"]

    def get_command(self, ctx, name):
        return silent


late = Late("late", help="Has a command without help.")


def command(name):
    return Command(name="broken", target=f"{__name__}:{name}", summary="Broken.")


COMMANDS = [
    ("has-help", command("Plain")),
    ("has-help", command("mute")),
    ("has-help", command("silent")),
    ("has-help", command("late")),
]
