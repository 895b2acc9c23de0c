"""A network from outside: dilated convolutions. Light: torch is imported when the network is built."""

from demo_core import Architecture, Register, hookimpl
from demo_dilated.options import DilatedOptions

DEMO_API = 1


@hookimpl
def register_architectures(register: Register[Architecture]) -> None:
    """Register the network."""
    register(
        Architecture(
            name="dilated",
            target="demo_dilated.network:Dilated",
            options=DilatedOptions,
            provides={"gradients", "variable-length", "conv-filters"},
            summary="Dilated convolutions that add up, averaged over positions (after Avsec et al. 2021).",
        )
    )
