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
    """DeepLIFT, kind attribution; values add up.

    Every operation of the network gets multipliers, which distribute the difference of its output between reference
    and sequence over its inputs. The chain rule combines them. ``values[b, a, i]`` is the hypothetical
    attribution of letter a at position i, for multipliers m and reference r: ``m[a] - sum_c r[c] m[c]``. ``values * x``
    sums to the target minus the target of the reference. The unit is that of the target.

    Rules: rescale for elementwise functions and inside LSTM, GRU and RNN layers; the midpoint for products, gates times
    states, and attention; for maxima, an increase goes to the position of the maximum in the sequence, a decrease to
    that in the reference. Other operations are integrated numerically and reported. Networks with operations that
    PyTorch does not expose are refused.

    Source: Shrikumar, Greenside & Kundaje, ICML 2017, arXiv 1704.02685. Products and softmax follow tangermeme.

    When not to use it: if the output at the neutral reference means nothing. Take ``deeplift-shap``, whose references
    are sequences, or ``ism`` for effects of substitutions.
    """

    def __init__(self, options: DeepLiftOptions) -> None:
        self.options, self._background = options, Background(options.background, 1)
        self._multipliers = Multipliers("deeplift")

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return hypothetical attributions (B, A, L)."""
        return _attributed(self._multipliers, self._background, model, batch, target)


class DeepLiftShap(SequenceExplainer):
    """DeepLIFT SHAP, kind attribution; values add up.

    DeepLIFT of each sequence, averaged over references, by default dinucleotide shuffles. ``values * x`` sums to the
    target minus the mean target of the references. The unit is that of the target. See ``deeplift`` for the rules.

    Source: Lundberg & Lee, NeurIPS 2017, arXiv 1705.07874.

    When not to use it: for sequences of low complexity, whose shuffles are almost equal to them (give
    ``--background-file``). Take ``expected-gradients`` to integrate gradients along the paths from the same references.
    """

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
