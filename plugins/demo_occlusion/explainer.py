"""Windows replaced by background sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from demo_core import Batch, Model, Result, SequenceExplainer, Target, Unsuitable
from demo_core.running import Background

if TYPE_CHECKING:
    from demo_occlusion.options import OcclusionOptions


class Occlusion(SequenceExplainer):
    """Occlusion, kind attribution, without hypothetical values.

    A window is replaced by the same positions of a reference: a dinucleotide shuffle of the sequence, or a sequence of
    a file. The effect of the window is the target of the sequence minus its mean target over the references.
    ``values[b, a, i]`` is the mean effect of the windows that cover position i, for the base that is present, and 0 for
    all other letters. The unit is that of the target. Values need not add up.

    Source: Zeiler & Fergus, arXiv 1311.2901. Windows are never set to zeros, which are not DNA. The
    paper uses grey squares.

    When not to use it: to see single bases, since each value is a mean over windows (take ``ism``), or to find motifs,
    which needs the values of absent letters (take ``ism`` or ``expected-gradients``). Redundant sites are missed unless
    one window covers both. It needs hundreds of forward passes of each sequence.
    """

    def __init__(self, options: OcclusionOptions) -> None:
        self.options = options
        self._background = Background("shuffle", options.references, options.background_file)

    def expansion(self, model: Model) -> int:
        """Return the number of copies of a sequence that are computed at once."""
        return self._background.n

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return effects at the present bases (B, A, L)."""
        starts, width = self._starts(model), self.options.window
        reference = self._background.draw(model, batch)  # (B, K, A, L)
        outputs = model.outputs_without_gradients(batch.x)
        own, k = target(outputs), self._background.n
        total, count = torch.zeros_like(batch.x[:, 0]), torch.zeros_like(batch.x[0, 0])
        for done, start in enumerate(starts):
            window = slice(start, start + width)
            values = self._occluded(model, batch.x, reference, target, window)
            # without the rounding error of a second computation where nothing is replaced
            unchanged = (reference[:, :, :, window] == batch.x[:, None, :, window]).all(dim=3).all(dim=2)
            effect = own - torch.where(unchanged, own[:, None], values).sum(dim=1) / k
            total[:, window] += effect[:, None]
            count[window] += 1
            batch.progress(done + 1, len(starts))
        return Result(batch.x * (total / count)[:, None], outputs=outputs)

    def _occluded(self, model: Model, x: Tensor, reference: Tensor, target: Target, window: slice) -> Tensor:
        """Return the target with a window replaced by each reference, (B, K)."""
        n, k, letters, length = reference.shape
        replaced = x[:, None].repeat(1, k, 1, 1)
        replaced[:, :, :, window] = reference[:, :, :, window]
        each = torch.arange(n, device=x.device).repeat_interleave(k)
        outputs = model.outputs_without_gradients(replaced.reshape(n * k, letters, length))
        return target.rows(each)(outputs).reshape(n, k)

    def _starts(self, model: Model) -> list[int]:
        """Return the first positions of the windows; the last one ends with the sequence."""
        last = model.length - self.options.window
        if last < 0:
            raise Unsuitable(f"--window {self.options.window} exceeds the length of {model.length} bases; lower it")
        return sorted({*range(0, last + 1, self.options.stride), last})
