"""The gradient at the bases that are present."""

from __future__ import annotations

from demo_core import Batch, Model, Result, SequenceExplainer, Target
from demo_core.models import outputs_and_gradients


class InputXGradient(SequenceExplainer):
    """Input times gradient, kind attribution, without hypothetical values.

    ``values[b, a, i]`` is the derivative of the target with respect to the base that is present, and 0 for all other
    letters. The unit is that of the target. For a network without biases that is linear between zero and the input, the
    values sum to the output; in general they do not.

    Source: Shrikumar, Greenside, Shcherbina & Kundaje, arXiv 1605.01713.

    When not to use it: to find motifs, which needs the values of absent letters (take ``saliency``), or to quantify
    evidence (take ``integrated-gradients`` or ``expected-gradients``). The gradient is near zero in saturated models.
    """

    def __init__(self, options: object) -> None:
        pass

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return gradients at the present bases (B, A, L)."""
        outputs, gradient = outputs_and_gradients(model, batch.x, target)
        return Result(gradient * batch.x, outputs=outputs)
