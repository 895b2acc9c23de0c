"""Temporal output scores: predictions for every prefix and suffix."""

from demo_core import Explainer, Register, hookimpl
from demo_temporal.options import TemporalOptions

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="temporal",
            target="demo_temporal.explainer:Temporal",
            options=TemporalOptions,
            kind="trace",
            channels=("forward", "backward"),
            needs={"variable-length"},
            summary="Prediction after each base, reading from either end (Lanchantin 2017).",
            paper="Lanchantin, Singh, Wang & Qi 2017, Deep Motif Dashboard, PSB; arXiv:1608.03644",
        )
    )
