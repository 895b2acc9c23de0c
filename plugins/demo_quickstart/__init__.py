"""``demo quickstart``: from simulated sequences to a report."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="quickstart",
            target="demo_quickstart.command:quickstart",
            summary="Train and explain three networks on simulated data, with a report.",
        )
    )
