"""Register the architecture. Every command imports this module, so import torch only in network.py."""

from demo_core import Architecture, Register, hookimpl
from demo_dilated.options import DilatedOptions

DEMO_API = 1


@hookimpl
def register_architectures(register: Register[Architecture]) -> None:
    """Register the architecture."""
    register(
        Architecture(
            name="dilated",
            target="demo_dilated.network:Dilated",
            options=DilatedOptions,
            provides={"gradients", "variable-length", "conv-filters"},
            summary="Residual dilated convolutions, averaged over positions (after Avsec et al. 2021).",
        )
    )
