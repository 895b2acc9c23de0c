"""Saliency maps: the gradient of the target with respect to the one-hot input."""

from demo_core import Explainer, Register, hookimpl
from demo_saliency.options import SaliencyOptions

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="saliency",
            target="demo_saliency.explainer:Saliency",
            options=SaliencyOptions,
            kind="attribution",
            needs={"gradients"},
            summary=("Gradient of the target with respect to the one-hot input (Simonyan 2013; Lanchantin 2017)."),
            paper="Simonyan, Vedaldi & Zisserman 2013, arXiv:1312.6034",
        )
    )
