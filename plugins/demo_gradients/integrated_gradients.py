"""Integrated gradients from one neutral reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo_core import Batch, Model, Result, SequenceExplainer, Target
from demo_core.running import Background
from demo_gradients.attribution import attributed

if TYPE_CHECKING:
    from demo_gradients.options import IntegratedGradientsOptions


class IntegratedGradients(SequenceExplainer):
    """Integrated gradients, kind attribution; values add up.

    m is the mean gradient of the target on the straight path from the reference r to the input. ``values[b, a, i]`` is
    the hypothetical attribution of letter a at position i: ``m[a] - sum_c r[c] m[c]``. ``values * x`` sums to the
    target minus the target of the reference. The unit is that of the target. Intervals of the path are divided until
    the completeness error is about the tolerance.

    Source: Sundararajan, Taly & Yan, arXiv 1703.01365.

    When not to use it: if the output at the neutral reference means nothing, as in networks that react strongly to
    inputs that are not DNA. Take ``expected-gradients``, whose references are sequences. Take ``ism`` for effects of
    single substitutions.
    """

    def __init__(self, options: IntegratedGradientsOptions) -> None:
        self.options, self._background = options, Background(options.background, 1)

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return hypothetical attributions (B, A, L)."""
        return attributed(model, batch, target, self._background, self.options)
