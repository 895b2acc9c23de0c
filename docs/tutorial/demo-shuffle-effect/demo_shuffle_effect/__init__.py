"""An explainer from outside: the effect of shuffling a window. Light: torch is imported when it runs."""

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
            summary="How much the target falls when a window around each base is shuffled.",
        )
    )
