"""Occlusion: change of the target when a window is masked with unknown bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from demo_core import Batch, Model, Result, SequenceExplainer, Target, Unsuitable

if TYPE_CHECKING:
    from demo_new_name.options import NewNameOptions


class NewName(SequenceExplainer):
    """Kind attribution, values of the bases that are present, in target units.

    For each window: the target of the sequence minus that of the sequence with the window set to unknown bases. A base
    gets the mean over the windows that cover it. When not to use it: state here how the values must not be interpreted.
    """

    def __init__(self, options: NewNameOptions) -> None:
        self.options = options

    @torch.no_grad()
    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return values (B, A, L). Raises Unsuitable if the window is longer than the sequences."""
        x, width = batch.x, self.options.window
        length = x.shape[2]
        if width > length:
            raise Unsuitable(f"new-name: --window {width} is longer than the sequences ({length} bases)")
        whole = target(model.module(x))
        total, covered = x.new_zeros(len(x), length), x.new_zeros(length)
        for start in range(length - width + 1):
            window = slice(start, start + width)
            masked = x.clone()
            masked[:, :, window] = 0
            total[:, window] += (whole - target(model.module(masked)))[:, None]
            covered[window] += 1
        return Result(x * (total / covered)[:, None, :])
