"""The kit: built-in plugins pass it, and each check catches a plugin that is broken in just that way."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import torch
from torch import nn

from demo_core import Architecture, DatasetReader, Explainer, Result
from demo_core.plugins import discover
from demo_core.registry import Owner, Registered
from demo_core.testing import checks_for

OWNER = Owner("test", "demo-test", "1.0", "installed")
_FOLDER = tempfile.TemporaryDirectory(prefix="demo-conformance-")
GENOME = Path(_FOLDER.name) / "genome.fa"
GENOME.write_text(">chr1\nACGTACGTACGT\n")
#: Options that a plugin cannot do without.
NEEDED = {"bed": {"genome": GENOME}}
BUILT_IN = [
    check
    for kind in (Architecture, DatasetReader, Explainer)
    for registered in discover(environ={"DEMO_LOAD_PLUGINS": ""}).registry.all(kind)
    for check in checks_for(registered, options=NEEDED.get(registered.spec.name))
]


@pytest.mark.parametrize("check", BUILT_IN, ids=str)
def test_built_in_plugins_keep_the_contract(check):
    check()


class Plain:
    def __init__(self, options):
        pass


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


class LeavesTrainingMode(Plain):
    def explain(self, model, batch, target):
        model.module.train()
        return Result(batch.x)


class LeavesAHook(Plain):
    def explain(self, model, batch, target):
        model.module.register_forward_hook(lambda *a: None)
        return Result(batch.x)


class LeavesGradients(Plain):
    def explain(self, model, batch, target):
        target(model.module(batch.x)).sum().backward()
        return Result(batch.x)


class SaysTooMuch(Plain):
    def explain(self, model, batch, target):
        return Result(batch.x + 1)


BROKEN = [
    (WrongShape, "values have its kind's shape", {}),
    (NotFinite, "values have its kind's shape", {}),
    (BatchDependent, "batch size does not matter", {}),
    (OrderDependent, "order does not matter", {}),
    (Unrepeatable, "a seed repeats a run", {}),
    (LeavesTrainingMode, "the model comes back unchanged", {}),
    (LeavesAHook, "the model comes back unchanged", {}),
    (LeavesGradients, "the model comes back unchanged", {}),
    (SaysTooMuch, "only letters that are there have values", {"hypothetical": False}),
]


def failing(registered):
    failed = set()
    for check in checks_for(registered):
        try:
            check()
        except Exception as error:
            assert str(error), "a failing check must say what was expected"
            failed.add(check.name.split(": ", 1)[1])
    return failed


@pytest.mark.parametrize(("cls", "name", "more"), BROKEN, ids=[b[0].__name__ for b in BROKEN])
def test_each_check_of_explainers_catches_its_breach(cls, name, more):
    spec = Explainer(name="broken", target=f"{__name__}:{cls.__name__}", kind="attribution", summary="Broken.", **more)
    assert name in failing(Registered(spec, OWNER))


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


PATTERNS = [
    (Jumpy, "a seed repeats a run"),
    (Short, "values have its kind's shape"),
    (Trains, "the model comes back unchanged"),
]


@pytest.mark.parametrize(("cls", "name"), PATTERNS, ids=[p[0].__name__ for p in PATTERNS])
def test_each_check_of_patterns_catches_its_breach(cls, name):
    spec = Explainer(name="broken", target=f"{__name__}:{cls.__name__}", kind="pattern", summary="Broken.")
    assert name in failing(Registered(spec, OWNER))


class Network(nn.Module):
    def __init__(self, options, *, letters, length, n_targets):
        super().__init__()
        self.linear = nn.Linear(letters, n_targets)

    def forward(self, x):
        return self.linear(x.mean(2))


class OneTarget(Network):
    def forward(self, x):
        return super().forward(x)[:, :1]


class MixesTheBatch(Network):
    def forward(self, x):
        return super().forward(x - x.mean(0, keepdim=True))


class Detached(Network):
    def forward(self, x):
        return super().forward(x.detach()) + 0 * x.sum()


class Forgets(Network):
    def __init__(self, options, **shape):
        super().__init__(options, **shape)
        self.hidden = [nn.Linear(shape["letters"], shape["n_targets"])]
        nn.init.normal_(self.hidden[0].weight)

    def forward(self, x):
        return self.hidden[0](x.mean(2)) * torch.rand(())


class OnlyLong(Network):
    min_length = 1

    def forward(self, x):
        return super().forward(x) + x[:, :1, 20:].amax(2) * 0


class LooksAhead(Network):
    min_length = 1

    def prefix_logits(self, x):
        return self.linear(x.transpose(1, 2)).transpose(1, 2)


NETWORKS = [
    (OnlyLong, "it takes the lengths that it offers", {"variable-length"}),
    (LooksAhead, "its prefixes are those of the definition", {"variable-length", "prefix-logits"}),
    (OneTarget, "outputs have the right shape", {"gradients"}),
    (MixesTheBatch, "batch size does not matter", {"gradients"}),
    (Detached, "gradients reach the input", {"gradients"}),
    (Network, "what it offers is there", {"conv-filters"}),
    (Forgets, "save and load round-trips", {"gradients"}),
]


@pytest.mark.parametrize(("cls", "name", "provides"), NETWORKS, ids=[n[0].__name__ for n in NETWORKS])
def test_each_check_of_architectures_catches_its_breach(cls, name, provides):
    spec = Architecture(name="broken", target=f"{__name__}:{cls.__name__}", summary="Broken.", provides=provides)
    assert name in failing(Registered(spec, OWNER))


class ReadsAnything(Plain):
    def read(self, source):
        return iter(())


def test_each_check_of_readers_catches_its_breach():
    spec = DatasetReader(name="broken", target=f"{__name__}:ReadsAnything", summary="Broken.")
    assert failing(Registered(spec, OWNER)) == {"an empty file is refused", "a truncated gzip file is refused"}


def test_a_target_that_is_not_there():
    spec = DatasetReader(name="broken", target=f"{__name__}:None_", summary="Broken.")
    assert "target can be imported" in failing(Registered(spec, OWNER))
