"""Attention rollout and attention received."""

from __future__ import annotations

import numpy as np
import torch

from demo_attention.maps import attention_maps, shares_of_bases
from demo_core import Batch, Model, Result, SequenceExplainer, Target


class AttentionRollout(SequenceExplainer):
    """Attention rollout, kind interaction.

    ``values[b, i, j]`` is the attention from base i to base j over all layers. Each layer's attention is averaged over
    heads and with the identity, for the residual connection, and the layers are multiplied. A row sums to 1 if its
    base is in a position and every position has a base. Rows of bases in no position are 0. It does not depend on the
    target.

    A position of the attention maps that stands for several bases shares its attention equally among them.

    Source: Abnar & Zuidema, ACL 2020, arXiv 2005.00928.

    When not to use it: to learn what changes the output. Attention states which positions are mixed, not how much that
    matters. Take ``dependency-map`` for effects, and ``deeplift`` for contributions.
    """

    def __init__(self, options: object) -> None:
        self.options = options

    def unit(self, target: Target) -> str:
        """Return the unit of the values."""
        return "attention"

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return attention (B, L, L)."""
        maps = attention_maps(model, batch.x)
        positions, length = maps.shape[3], batch.x.shape[2]
        identity = torch.eye(positions, dtype=maps.dtype, device=maps.device)
        whole = identity.expand(len(maps), -1, -1)
        for layer in maps.mean(dim=2).unbind(dim=1):
            whole = ((layer + identity) / 2) @ whole
        shares = shares_of_bases(model, positions, length).to(maps)
        # queries: the mean over the positions that a base belongs to; keys: equal shares of the bases of a position
        of_base = (shares > 0).to(maps.dtype).t()
        of_base = of_base / of_base.sum(dim=1, keepdim=True).clamp(min=1)
        return Result(of_base @ whole @ shares)


class AttentionReceived(SequenceExplainer):
    """Attention received, kind trace, with one channel for each layer and head.

    ``values[b, c, i]`` is the attention that base i receives in one head, averaged over queries. The sum over bases is
    1, unless a position stands for no base. It does not depend on the target.

    A position of the attention maps that stands for several bases shares its attention equally among them.

    When not to use it: to find important bases (take ``deeplift``). A head can attend to bases that do not change the
    output (Jain & Wallace, NAACL 2019, arXiv 1902.10186).
    """

    def __init__(self, options: object) -> None:
        self.options = options

    def unit(self, target: Target) -> str:
        """Return the unit of the values."""
        return "attention"

    def channels(self, model: Model) -> tuple[str, ...]:
        """Return the names of layers and heads, counted from 1."""
        sequence = model.one_hot(np.zeros((1, model.length), np.uint8))
        layers, heads = attention_maps(model, sequence).shape[1:3]
        return tuple(f"layer {layer + 1} head {head + 1}" for layer in range(layers) for head in range(heads))

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return attention received (B, layers * heads, L)."""
        maps = attention_maps(model, batch.x)
        received = maps.mean(dim=3).flatten(1, 2)  # (B, layers * heads, P)
        return Result(received @ shares_of_bases(model, maps.shape[3], batch.x.shape[2]).to(maps))
