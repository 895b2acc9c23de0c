"""``demo data``: import sequences into a dataset, and summarise a dataset."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="data",
            target="demo_data.command:data",
            summary="Import sequences and summarise datasets.",
        )
    )
