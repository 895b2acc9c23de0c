"""Class optimisation: the input with the highest output."""

from demo_class_optimization.options import ClassOptimizationOptions
from demo_core import Explainer, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="class-optimization",
            target="demo_class_optimization.explainer:ClassOptimization",
            options=ClassOptimizationOptions,
            kind="pattern",
            needs={"gradients"},
            summary=("Inputs that maximise a target, by gradient ascent from random starts (Lanchantin 2017)."),
            paper="Simonyan, Vedaldi & Zisserman 2013, arXiv:1312.6034; Lanchantin et al. 2017, arXiv:1608.03644",
        )
    )
