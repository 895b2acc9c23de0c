"""Register the network. Every command imports this module, so import torch only in network.py."""

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
            # capabilities that explainers can use; each word promises a member of the network
            provides={"gradients", "variable-length", "conv-filters"},
            summary="A convolution, a global maximum and a linear layer.",
        )
    )
