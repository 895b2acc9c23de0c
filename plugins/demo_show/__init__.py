"""``demo show``: plot one sequence of an explanation."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="show",
            target="demo_show.command:show",
            summary="Plot one sequence from an explanation file.",
        )
    )
