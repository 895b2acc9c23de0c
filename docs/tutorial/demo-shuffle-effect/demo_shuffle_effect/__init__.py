"""Register the explainer. Every command imports this module, so import torch only in explainer.py."""

from demo_core import Explainer, Register, hookimpl
from demo_shuffle_effect.options import ShuffleEffectOptions

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="shuffle-effect",
            target="demo_shuffle_effect.explainer:ShuffleEffect",
            options=ShuffleEffectOptions,
            kind="attribution",
            hypothetical=False,
            summary="Decrease of the target when a window around each base is shuffled.",
        )
    )
