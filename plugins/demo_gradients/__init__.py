"""Gradient methods: input times gradient, SmoothGrad, integrated gradients and expected gradients."""

from demo_core import Explainer, Extra, Register, hookimpl
from demo_gradients.options import ExpectedGradientsOptions, IntegratedGradientsOptions, SmoothGradOptions

DEMO_API = 1

_EVALUATIONS = Extra("gradients", "Gradients computed along all paths of the sequence.", "gradients")


@hookimpl
def register_explainers(register: Register[Explainer]) -> None:
    """Register the explainers."""
    register(
        Explainer(
            name="input-x-gradient",
            target="demo_gradients.input_x_gradient:InputXGradient",
            kind="attribution",
            hypothetical=False,
            needs={"gradients"},
            summary="Gradient of the target at the bases that are present, 0 elsewhere (after Shrikumar 2016).",
            paper="Shrikumar, Greenside, Shcherbina & Kundaje 2016, arXiv:1605.01713",
        )
    )
    register(
        Explainer(
            name="smooth-grad",
            target="demo_gradients.smooth_grad:SmoothGrad",
            options=SmoothGradOptions,
            kind="attribution",
            needs={"gradients"},
            summary="Mean gradient over copies of the input with Gaussian noise (Smilkov 2017).",
            paper="Smilkov, Thorat, Kim, Viégas & Wattenberg 2017, arXiv:1706.03825",
        )
    )
    register(
        Explainer(
            name="integrated-gradients",
            target="demo_gradients.integrated_gradients:IntegratedGradients",
            options=IntegratedGradientsOptions,
            kind="attribution",
            needs={"gradients"},
            adds_up=True,
            extras=(_EVALUATIONS,),
            summary="Mean gradient along the path from a neutral input; adds up (Sundararajan 2017).",
            paper="Sundararajan, Taly & Yan 2017, arXiv:1703.01365",
        )
    )
    register(
        Explainer(
            name="expected-gradients",
            target="demo_gradients.expected_gradients:ExpectedGradients",
            options=ExpectedGradientsOptions,
            kind="attribution",
            needs={"gradients"},
            adds_up=True,
            extras=(_EVALUATIONS,),
            expensive=True,
            summary="Integrated gradients, averaged over background sequences; adds up (Erion 2021).",
            paper="Erion, Janizek, Sturmfels, Lundberg & Lee 2021, doi:10.1038/s42256-021-00343-w",
        )
    )
