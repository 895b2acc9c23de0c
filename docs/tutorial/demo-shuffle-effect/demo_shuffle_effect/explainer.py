"""Change of the target when a window is shuffled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from demo_core import Batch, Model, Result, SequenceExplainer, Target, Unsuitable

if TYPE_CHECKING:
    from demo_shuffle_effect.options import ShuffleEffectOptions


class ShuffleEffect(SequenceExplainer):
    """Kind attribution, values only of the bases in the sequence, in target units.

    For each window the effect is the target of the sequence minus its mean over shuffles of the window. A base gets
    the mean effect of the windows that cover it. When not to use it: for single bases, since a window blurs them; and
    for motifs that survive shuffling, such as runs of one letter.
    """

    def __init__(self, options: ShuffleEffectOptions) -> None:
        self.options = options

    @torch.no_grad()
    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return values (B, A, L). Raises Unsuitable if the window is longer than the sequences."""
        x, width = batch.x, self.options.window
        length = x.shape[2]
        if width > length:
            raise Unsuitable(f"shuffle-effect: --window {width} is longer than the sequences ({length} bases)")
        whole = target(model.module(x))
        total, covered = x.new_zeros(len(x), length), x.new_zeros(length)
        for start in range(length - width + 1):
            window = slice(start, start + width)
            mean = torch.zeros_like(whole)
            for _ in range(self.options.shuffles):
                # random numbers of the batch: each sequence gets the same ones in any batch
                order = batch.random.permutations(width)[:, None, :].expand(-1, x.shape[1], -1)
                shuffled = x.clone()
                shuffled[:, :, window] = x[:, :, window].gather(2, order)
                mean += target(model.module(shuffled)) / self.options.shuffles
            total[:, window] += (whole - mean)[:, None]
            covered[window] += 1
        return Result(x * (total / covered)[:, None, :])
