"""Register the explainer. Every command imports this module, so import torch and numpy only in explainer.py."""

from demo_core import Explainer, Register, hookimpl
from demo_new_name.options import NewNameOptions

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="new-name",
            target="demo_new_name.explainer:NewName",
            options=NewNameOptions,
            kind="attribution",
            # only the base that is present gets a value
            hypothetical=False,
            summary="Decrease of the target when a window around each base is masked.",
        )
    )
