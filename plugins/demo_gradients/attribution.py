"""Hypothetical attributions of path integrals."""

from __future__ import annotations

from typing import Protocol

import torch

from demo_core import Batch, Model, Result, Target
from demo_core.running import Background
from demo_gradients.path import integrate


class Precision(Protocol):
    """Options of a path integral."""

    @property
    def steps(self) -> int:
        """Initial number of intervals."""

    @property
    def max_steps(self) -> int:
        """Maximum number of gradients per path."""

    @property
    def tolerance(self) -> float:
        """Completeness error at which refinement ends."""


def attributed(model: Model, batch: Batch, target: Target, background: Background, options: Precision) -> Result:
    """Return attributions (B, A, L), the mean over the references of each sequence."""
    reference = background.draw(model, batch)
    n, k, letters, length = reference.shape
    reference = reference.reshape(n * k, letters, length)
    each = torch.arange(n, device=batch.x.device).repeat_interleave(k)
    found = integrate(
        model, batch.x[each], reference, target.rows(each), group=k, steps=options.steps,
        most=max(options.max_steps, options.steps), tolerance=options.tolerance, progress=batch.progress,
    )  # fmt: skip
    at_reference = (found.gradient * reference).sum(dim=1, keepdim=True)
    values = (found.gradient - at_reference).reshape(n, k, letters, length).mean(dim=1)
    return Result(
        values,
        baseline=found.start.reshape(n, k).mean(dim=1),
        per_sequence={"gradients": found.evaluations.reshape(n, k).sum(dim=1)},
        outputs=found.outputs.reshape(n, k, -1)[:, 0],
    )
