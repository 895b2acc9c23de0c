"""Mean gradient over noisy copies of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from demo_core import Batch, Model, Result, SequenceExplainer, Target
from demo_core.models import outputs_and_gradients

if TYPE_CHECKING:
    from demo_gradients.options import SmoothGradOptions


class SmoothGrad(SequenceExplainer):
    """SmoothGrad, kind attribution.

    ``values[b, a, i]`` is the derivative of the target with respect to letter a at position i, averaged over copies of
    the one-hot input with Gaussian noise. The unit is that of the target, per unit of one-hot input.

    Source: Smilkov, Thorat, Kim, Viégas & Wattenberg, arXiv 1706.03825.

    When not to use it: to quantify evidence, since values need not add up (take ``expected-gradients``). Noisy inputs
    are not DNA, so the network computes on inputs unlike its training data. It is ``samples`` times as slow as
    ``saliency``.
    """

    def __init__(self, options: SmoothGradOptions) -> None:
        self.options = options

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return mean gradients (B, A, L)."""
        n, letters, length = batch.x.shape
        known = batch.x.sum(dim=1, keepdim=True)  # unknown bases stay unknown
        total = torch.zeros_like(batch.x)
        for sample in range(self.options.samples):
            noise = batch.random.normal(letters * length).reshape(n, letters, length).to(batch.x.dtype)
            total += outputs_and_gradients(model, batch.x + self.options.noise * noise * known, target)[1]
            batch.progress(sample + 1, self.options.samples)
        values = total / self.options.samples
        return Result(values - values.mean(dim=1, keepdim=True) if self.options.simplex else values)
