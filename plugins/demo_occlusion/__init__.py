"""Occlusion: the effect of replacing windows by background sequence."""

from demo_core import Explainer, Register, hookimpl
from demo_occlusion.options import OcclusionOptions

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="occlusion",
            target="demo_occlusion.explainer:Occlusion",
            options=OcclusionOptions,
            kind="attribution",
            hypothetical=False,
            expensive=True,
            summary="Change of the target when windows are replaced by shuffled sequence (after Zeiler 2014).",
            paper="Zeiler & Fergus 2014, arXiv:1311.2901",
        )
    )
