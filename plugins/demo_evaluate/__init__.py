"""``demo evaluate``: measure predictions on labelled sequences."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="evaluate",
            target="demo_evaluate.command:evaluate",
            summary="Measure how well a model predicts labelled sequences.",
        )
    )
