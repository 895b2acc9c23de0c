"""In-silico mutagenesis: the effect of every single substitution."""

from demo_core import Explainer, Register, hookimpl
from demo_ism.options import IsmOptions

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="ism",
            target="demo_ism.explainer:Ism",
            options=IsmOptions,
            kind="attribution",
            expensive=True,
            summary="Change of the target by each single-base substitution, computed exactly (Zhou 2015).",
            paper="Zhou & Troyanskaya 2015, doi:10.1038/nmeth.3547",
        )
    )
