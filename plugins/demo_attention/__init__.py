"""Attention of transformers: rollout over layers, and attention received per head."""

from demo_core import Explainer, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainers."""
    register(
        Explainer(
            name="attention-rollout",
            target="demo_attention.explainers:AttentionRollout",
            kind="interaction",
            needs={"attention"},
            summary="Attention between positions, combined over all layers (Abnar & Zuidema 2020).",
            paper="Abnar & Zuidema 2020, arXiv:2005.00928",
        )
    )
    register(
        Explainer(
            name="attention-received",
            target="demo_attention.explainers:AttentionReceived",
            kind="trace",
            needs={"attention"},
            summary="Mean attention that each base receives, for each layer and head.",
        )
    )
