"""Registers the network. This module is imported by every command: torch belongs into network.py."""

from demo_core import Architecture, Register, hookimpl
from demo_new_name.options import NewNameOptions

DEMO_API = 1


@hookimpl
def register_architectures(register: Register[Architecture]) -> None:
    """Register the network."""
    register(
        Architecture(
            name="new-name",
            target="demo_new_name.network:NewName",
            options=NewNameOptions,
            # what explainers may count on; each word promises a member of the network
            provides={"gradients", "variable-length", "conv-filters"},
            summary="A convolution, a global maximum and a linear layer.",
        )
    )
