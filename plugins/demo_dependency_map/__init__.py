"""Dependency maps: how much positions depend on each other."""

from demo_core import Explainer, Register, hookimpl
from demo_dependency_map.options import DependencyMapOptions

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="dependency-map",
            target="demo_dependency_map.explainer:DependencyMap",
            options=DependencyMapOptions,
            kind="interaction",
            needs={"gradients"},
            expensive=True,
            summary="Pairwise dependencies between positions, from substitutions (Tomaz da Silva 2025).",
            paper="Tomaz da Silva et al. 2025, Nature Genetics; Greenside et al. 2018, Bioinformatics 34:i629",
        )
    )
