"""Broken networks, by the check that must fail, with the expected message."""

from __future__ import annotations

import torch
from broken_explainers import Options
from torch import nn

from demo_core import Architecture


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


class FastButOther(Network):
    def forward(self, x):
        return super().forward(x)

    def fast_forward(self, x):
        return super().forward(x.detach() + 0 * x)


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
    ("builds", network(OnlyThousands), "takes 1000 bases"),
    ("input-unchanged", network(ChangesItsInput), "it changed x"),
    ("outputs", network(GivesATuple), "a tuple"),
    ("outputs", network(SingleOnly), "torch.float32 from a network"),
    ("several-targets", network(OneTarget), "outputs must be floats (5, 3), not (5, 1)"),
    ("unknown-bases", network(DividesByNothing), "not finite with 60 unknown"),
    ("batch-size", network(MixesTheBatch), "in batches of 1 and of 5 differ"),
    ("eval-is-deterministic", network(StaysRandom), "two calls in eval mode"),
    ("can-be-trained", network(Unused), "no gradient reaches spare.weight"),
    ("can-be-trained", network(Explodes), "the gradient of linear.weight is not finite"),
    ("gradients", network(Detached, "gradients"), "none of output 0 reaches it"),
    ("members", network(NoMember, "conv-filters"), "has no 'first_layer'"),
    ("members", network(OddFirstLayer, "conv-filters"), "not (filters, 4, width)"),
    ("lengths", network(OnlyLong, "variable-length"), "failed: IndexError"),
    ("prefixes", network(LooksAhead, "variable-length", "prefix-logits"), "prefix_logits at place"),
    ("fast", network(FastButOther, "gradients"), "gradients of fast_forward and of forward"),
    ("save-and-load", network(Forgets), "neither an option nor in the state dict"),
    ("pickles", network(HoldsAFunction), "Can't pickle"),
    ("options-hold", network(RefusesOddly, options=Options), "with how=badly"),
]


class Foreign(nn.Module):
    """Valid network written without DeMo, for the adapter."""

    def __init__(self, letters, length, n_targets):
        super().__init__()
        self.linear = nn.Linear(letters * length, n_targets)

    def forward(self, x):
        return torch.tanh(self.linear(x.flatten(1)))
