"""Convolutional network of the paper."""

from demo_cnn.options import CnnOptions
from demo_core import Architecture, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_architectures(register: Register[Architecture]) -> None:
    """Register the network."""
    register(
        Architecture(
            name="cnn",
            target="demo_cnn.network:Cnn",
            options=CnnOptions,
            provides={"gradients", "conv-filters", "prefix-logits", "variable-length"},
            summary="Three convolutions, max-pooling and a global maximum (Lanchantin et al. 2017).",
            paper="Lanchantin, Singh, Wang & Qi 2017, Deep Motif Dashboard, PSB; arXiv:1608.03644",
        )
    )
