"""Integrated gradients averaged over background sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo_core import Batch, Model, Result, SequenceExplainer, Target
from demo_core.running import Background
from demo_gradients.attribution import attributed

if TYPE_CHECKING:
    from demo_gradients.options import ExpectedGradientsOptions


class ExpectedGradients(SequenceExplainer):
    """Expected gradients, kind attribution; values add up.

    Integrated gradients of each sequence, averaged over references: dinucleotide shuffles of the sequence by default.
    ``values[b, a, i]`` is the hypothetical attribution of letter a at position i. ``values * x`` sums to the target
    minus the mean target of the references. The unit is that of the target.

    Paths are divided until the completeness error is about the tolerance. The original method draws references
    from the training data, and one random point of each path, which adds up in expectation only.

    Source: Erion, Janizek, Sturmfels, Lundberg & Lee, Nature Machine Intelligence 2021, 3:620-631, arXiv 1906.10670.

    When not to use it: for a first look at many sequences, since it needs at least 80 gradients of each (take
    ``saliency``). For sequences of low complexity, whose shuffles are almost equal to them, give ``--background-file``.
    """

    def __init__(self, options: ExpectedGradientsOptions) -> None:
        self.options = options
        self._background = Background(options.background, options.references, options.background_file)

    def expansion(self, model: Model) -> int:
        """Return the number of copies of a sequence that are computed at once."""
        return self._background.n

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return hypothetical attributions (B, A, L)."""
        return attributed(model, batch, target, self._background, self.options)
