"""Register the command. Every command imports this module, so import heavy libraries only in command.py."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="new-name",
            target="demo_new_name.command:new_name",
            summary="Print the position of the largest attribution in each sequence.",
        )
    )
