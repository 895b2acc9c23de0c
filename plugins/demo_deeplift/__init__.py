"""DeepLIFT, with rules for recurrent layers and attention as well."""

from demo_core import Explainer, Register, hookimpl
from demo_deeplift.options import DeepLiftOptions, DeepLiftShapOptions

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainers."""
    register(
        Explainer(
            name="deeplift",
            target="demo_deeplift.explainer:DeepLift",
            options=DeepLiftOptions,
            kind="attribution",
            needs={"gradients"},
            adds_up=True,
            tolerance=0.001,
            summary="DeepLIFT contributions relative to a neutral reference; adds up (Shrikumar 2017).",
            paper="Shrikumar, Greenside & Kundaje 2017, arXiv:1704.02685",
        )
    )
    register(
        Explainer(
            name="deeplift-shap",
            target="demo_deeplift.explainer:DeepLiftShap",
            options=DeepLiftShapOptions,
            kind="attribution",
            needs={"gradients"},
            adds_up=True,
            tolerance=0.001,
            summary="DeepLIFT, averaged over background sequences; adds up (Lundberg & Lee 2017).",
            paper="Lundberg & Lee 2017, arXiv:1705.07874",
        )
    )
