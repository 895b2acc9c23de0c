"""``demo completion``: shell completion of commands, options and choices."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="completion",
            target="demo_completion.command:completion",
            summary="Print a shell completion script.",
        )
    )
