"""``demo check``: run the conformance kit from the shell."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="check",
            target="demo_check.command:check",
            summary="Check a plugin against the contract.",
        )
    )
