"""The gradient with respect to the one-hot input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo_core import Batch, Model, Result, SequenceExplainer, Target
from demo_core.models import outputs_and_gradients

if TYPE_CHECKING:
    from demo_saliency.options import SaliencyOptions


class Saliency(SequenceExplainer):
    """Saliency maps, kind attribution.

    ``values[b, a, i]`` is the derivative of the target with respect to letter a at position i of sequence b, for all
    letters. ``values * x`` is the paper's map w * x0. The unit is that of the target, per unit of one-hot input.

    Source: Simonyan, Vedaldi & Zisserman, arXiv 1312.6034; for DNA, Lanchantin et al., PSB 2017. Simplex correction:
    Majdandzic, Rajesh & Koo, Genome Biology 2023, 24:109.

    When not to use it: to quantify evidence. A gradient is local. In a saturated model, such as for a probability near
    1, it is near zero even for important letters. Explain the output instead of the probability, or use an additive
    method.
    """

    def __init__(self, options: SaliencyOptions) -> None:
        self.options = options

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return gradients (B, A, L)."""
        outputs, gradient = outputs_and_gradients(model, batch.x, target)
        if self.options.simplex:
            gradient = gradient - gradient.mean(dim=1, keepdim=True)
        return Result(gradient, outputs=outputs)
