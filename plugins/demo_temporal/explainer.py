"""Exact scores of prefixes and suffixes, computed in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from demo_core import Batch, Model, Result, SequenceExplainer, Target, Unsuitable
from demo_core.models import stands_in

if TYPE_CHECKING:
    from demo_temporal.options import TemporalOptions


class Temporal(SequenceExplainer):
    """Temporal output scores, kind trace, channels ``forward`` and ``backward``.

    ``values[b, 0, i]`` is the prediction for the prefix x[0..i], ``values[b, 1, i]`` for the suffix x[i..L-1]. Both
    directions of a bidirectional LSTM run on each of them. The unit is a probability, or that of the target. NaN where
    a prefix or suffix is shorter than the model accepts.

    Source: Lanchantin, Singh, Wang & Qi, PSB 2017.

    When not to use it: to quantify the contribution of a base. A score includes all bases up to a position. Networks
    were not trained on these lengths, so scores of short prefixes are extrapolations.

    Cost: one pass for the cnn. A bidirectional rnn or cnn-rnn runs one direction once, and the other once per length.
    Without ``prefix_logits``, each length takes one pass. The last two are quadratic in the length.
    """

    def __init__(self, options: TemporalOptions) -> None:
        self.options = options

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return scores (B, 2, L). Raises Unsuitable if ``sliced`` is set and the model has no convolution to slice."""
        one_pass = [_instead_of_forward(model, member) for member in ("prefix_logits", "suffix_logits")]

        def scores(rows: slice, network: Callable[[Tensor], Tensor]) -> Tensor:
            x, score = batch.x[rows], self._score(target.rows(rows))
            if self.options.sliced:
                return _sliced(model, x, score)
            values = _of_each_length(network, x, model.min_length, score, [f is None for f in one_pass])
            for channel, function in enumerate(one_pass):
                if function is not None:
                    values[:, channel] = _of_each_place(function(x), score)
            return values

        return Result(model.in_pieces(batch.x, scores))

    def _score(self, target: Target) -> Callable[[Tensor], Tensor]:
        return (lambda outputs: torch.sigmoid(target(outputs))) if self._squashes(target) else target

    def unit(self, target: Target) -> str:
        """Return the unit: ``probability``, or '' for that of the target."""
        return "probability" if self._squashes(target) or target.form == "probability" else ""

    def _squashes(self, target: Target) -> bool:
        logit = target.form == "output" and target.outputs[0].is_probability
        return logit and self.options.score == "probability"


def _instead_of_forward(model: Model, member: str) -> Callable[[Tensor], Tensor] | None:
    """Return a method that computes all prefixes or suffixes; None if it is missing, or ``forward`` was changed."""
    if "recurrent" in model.capabilities and model.device.type != "cpu":  # where recurrent layers share no states
        return None
    if "prefix-logits" not in model.capabilities or not stands_in(model.module, member):
        return None
    return cast("Callable[[Tensor], Tensor]", getattr(model.module, member))


def _of_each_place(outputs: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
    """Return scores (B, L) of outputs (B, T, L)."""
    return torch.stack([score(outputs[:, :, i]) for i in range(outputs.shape[2])], dim=1)


def _of_each_length(
    network: Callable[[Tensor], Tensor],
    x: Tensor,
    shortest: int,
    score: Callable[[Tensor], Tensor],
    wanted: list[bool],
) -> Tensor:
    """Return scores (B, 2, L) of the requested directions: prefixes and suffixes of one length form one batch."""
    length = x.shape[2]
    values = x.new_full((len(x), 2, length), torch.nan)
    for size in range(shortest, length + 1) if any(wanted) else ():
        pieces = [piece for piece, want in zip((x[:, :, :size], x[:, :, length - size :]), wanted, strict=True) if want]
        outputs = iter(torch.split(network(torch.cat(pieces)), len(x)))
        if wanted[0]:
            values[:, 0, size - 1] = score(next(outputs))
        if wanted[1]:
            values[:, 1, length - size] = score(next(outputs))
    return values


def _sliced(model: Model, x: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
    """As in the authors' code: the convolution reads the whole sequence, later layers only a slice."""
    network: Any = model.module
    if not hasattr(network, "position_features") or not hasattr(network, "from_position_features"):
        raise Unsuitable(
            f"--sliced needs a network with a convolution that keeps the length, such as the cnn-rnn; '{model.name}' "
            "has none; omit --sliced"
        )
    return _of_each_length(network.from_position_features, network.position_features(x), 1, score, [True, True])
