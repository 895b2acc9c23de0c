"""Register the architecture. Every command imports this module, so import torch only in network.py."""

from demo_core import Architecture, Register, hookimpl
from demo_new_name.options import NewNameOptions

DEMO_API = 1


@hookimpl
def register_architectures(register: Register[Architecture]) -> None:
    """Register the architecture."""
    register(
        Architecture(
            name="new-name",
            target="demo_new_name.network:NewName",
            options=NewNameOptions,
            # capabilities that explainers can require; see docs/contract.md for the members each one needs
            provides={"gradients", "variable-length", "conv-filters"},
            summary="Convolution, global maximum pooling and linear layer.",
        )
    )
