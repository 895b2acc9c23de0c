"""Attribution classes of Captum as an explainer."""

from demo_captum.options import CaptumOptions
from demo_core import Explainer, Extra, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainer."""
    register(
        Explainer(
            name="captum",
            target="demo_captum.explainer:Captum",
            options=CaptumOptions,
            kind="attribution",
            hypothetical=False,
            needs={"gradients"},
            requires=("captum",),
            extra="explainers",
            expensive=True,
            extras=(Extra("convergence-delta", "Sum of attributions minus output difference, as Captum reports it."),),
            summary="Any attribution class of Captum, such as GradientShap or KernelShap (Kokhlikyan 2020).",
            paper="Kokhlikyan et al. 2020, arXiv:2009.07896",
        )
    )
