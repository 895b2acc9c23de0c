"""``demo predict``: write predictions to a table."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="predict",
            target="demo_predict.command:predict",
            summary="Write a model's predictions to a table.",
        )
    )
