"""Models trained outside DeMo: the architecture ``adapted`` and the command ``demo model import``."""

from demo_adapter.options import AdapterOptions
from demo_core import Architecture, Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_architectures(register: Register[Architecture]) -> None:
    """Register the adapter."""
    register(
        Architecture(
            name="adapted",
            target="demo_adapter.network:Adapted",
            options=AdapterOptions,
            summary="Any PyTorch class, with options for its inputs and outputs (needs --allow-code).",
        )
    )


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(Command(name="model", target="demo_adapter.command:model", summary="Import models trained outside DeMo."))
