"""DeepLIFT and DeepLIFT SHAP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from demo_core import Batch, Model, Result, SequenceExplainer, Target
from demo_core.running import Background
from demo_deeplift.multipliers import Multipliers

if TYPE_CHECKING:
    from demo_deeplift.options import DeepLiftOptions, DeepLiftShapOptions


def _attributed(multipliers: Multipliers, background: Background, model: Model, batch: Batch, target: Target) -> Result:
    """Return hypothetical attributions (B, A, L), the mean over the references of each sequence."""
    reference = background.draw(model, batch)
    n, k, letters, length = reference.shape
    reference = reference.reshape(n * k, letters, length)
    each = torch.arange(n, device=batch.x.device).repeat_interleave(k)
    own = target.rows(each)
    found, outputs, at_reference = multipliers.of(model, batch.x[each], reference, own)
    values = found - (found * reference).sum(dim=1, keepdim=True)
    return Result(
        values.reshape(n, k, letters, length).mean(dim=1),
        baseline=own(at_reference).reshape(n, k).mean(dim=1),
        outputs=outputs.reshape(n, k, -1)[:, 0],
    )


class DeepLift(SequenceExplainer):
    """DeepLIFT."""

    def __init__(self, options: DeepLiftOptions) -> None:
        self.options, self._background = options, Background(options.background, 1)
        self._multipliers = Multipliers("deeplift")

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return hypothetical attributions (B, A, L)."""
        return _attributed(self._multipliers, self._background, model, batch, target)


class DeepLiftShap(SequenceExplainer):
    """DeepLIFT SHAP."""

    def __init__(self, options: DeepLiftShapOptions) -> None:
        self.options = options
        self._background = Background(options.background, options.references, options.background_file)
        self._multipliers = Multipliers("deeplift-shap")

    def expansion(self, model: Model) -> int:
        """Return the number of copies of a sequence that are computed at once."""
        return self._background.n

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return hypothetical attributions (B, A, L)."""
        return _attributed(self._multipliers, self._background, model, batch, target)
