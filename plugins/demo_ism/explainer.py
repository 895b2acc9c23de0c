"""Exact in-silico mutagenesis."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from demo_core import Batch, Model, Result, SequenceExplainer, Target
from demo_ism.edits import Edits
from demo_ism.local_front import LocalFront

if TYPE_CHECKING:
    from demo_ism.options import IsmOptions

_log = logging.getLogger(__name__)
#: Substitutions that the fast way computes at a time.
_CHUNK = 1024
#: Substitutions that are computed both ways, and the largest difference, as a share of the largest output.
_SAMPLE, _SAME = 64, 1e-5

#: Returns outputs (n, T) of edited sequences.
Compute = Callable[[Edits], Tensor]


class Ism(SequenceExplainer):
    """In-silico mutagenesis (ISM), kind attribution, exact.

    ``values[b, a, i]`` is the target of the sequence with letter a at position i, minus the mean over all letters at
    that position. The difference of two letters is the effect of exchanging them. The unit is that of the target.
    ``values * x`` need not add up, because it ignores interactions between positions. Unknown bases get the
    values of four substitutions.

    A network that offers ``local_layers`` is recomputed only where a substitution can reach. A sample of each run is
    computed both ways. If they differ, or if the network does not offer it, every edited sequence is computed in full.

    Source: Zhou & Troyanskaya, Nature Methods 2015, 12:931-934, who report log2 fold changes of odds.
    Recomputation of local windows: Nair, Shrikumar, Schreiber & Kundaje, Bioinformatics 2022, 38:2397-2403.

    When not to use it: for redundant sites. If either of two sites suffices, a substitution in one of them does not
    change the output (take ``expected-gradients``). It needs three forward passes for each base (take ``saliency`` for
    many sequences).
    """

    def __init__(self, options: IsmOptions) -> None:
        self.options = options
        self._checked = False
        self._plain = options.method == "plain"

    def expansion(self, model: Model) -> int:
        """Return how much smaller batches should be; substitutions are computed in chunks of a size of their own."""
        return max(1, (len(model.alphabet.letters) - 1) * len(self._positions(model)) // 32)

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return effects (B, A, L)."""
        positions = self._positions(model)
        if batch.strand == "-":  # the span counts from the start of the forward strand
            positions = range(model.length - positions.stop, model.length - positions.start)
        front = self._front(model)
        outputs = model.outputs_without_gradients(batch.x)
        own = target(outputs)
        values = own[:, None, None].expand(batch.x.shape).clone()
        edits = Edits.of_batch(batch.x, positions)
        compute: Compute = lambda some: model.outputs_without_gradients(some.sequences())  # noqa: E731
        size = model.automatic_batch_size(in_pieces=True)
        with torch.no_grad():
            if front is not None and (fast := self._tested(front, compute, edits)) is not None:
                compute, size = fast, max(size, _CHUNK) if front.has_maxima else size
            done = 0
            for some in _chunks(edits, size):
                found = target.rows(some.row)(compute(some))
                values[some.row, some.letter, some.position] = found.to(values.dtype)
                done += len(some)
                batch.progress(done, len(edits))
        values = values - values.mean(dim=1, keepdim=True)
        inside = torch.zeros(batch.x.shape[2], dtype=torch.bool, device=batch.x.device)
        inside[positions.start : positions.stop] = True
        return Result(torch.where(inside, values, 0.0), outputs=outputs)

    def _positions(self, model: Model) -> range:
        return self.options.positions(model.length)

    def _front(self, model: Model) -> LocalFront | None:
        return None if self._plain else LocalFront.of(model.module)

    def _tested(self, front: LocalFront, plain: Compute, edits: Edits) -> Compute | None:
        """Return the fast way, unless it differs from the plain one on a sample of the first batch."""
        fast = front.bound(edits.x)
        if self._checked or not len(edits):
            return fast
        first = edits.take(edits.row == edits.row[0])
        places = torch.linspace(0, len(first) - 1, min(_SAMPLE, len(first)), device=edits.x.device).round().long()
        some = first.take(places)
        one, other = fast(some), plain(some)
        if not torch.allclose(one, other, rtol=0, atol=_SAME * float(other.abs().max())):
            gap = float((one - other).abs().max())
            _log.warning("ism: recomputing windows changes outputs by up to %.2g; computing whole sequences", gap)
            self._plain = True
            return None
        self._checked = True
        return fast


def _chunks(edits: Edits, size: int) -> Iterator[Edits]:
    for start in range(0, len(edits), size):
        yield edits.take(slice(start, start + size))
