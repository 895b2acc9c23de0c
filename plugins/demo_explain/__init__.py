"""``demo explain``: run explainers and write explanation files."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="explain",
            target="demo_explain.command:explain",
            summary="Explain a model's predictions.",
        )
    )
