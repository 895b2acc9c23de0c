"""``demo train``: fit a network to the training split of a dataset."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="train",
            target="demo_train.command:train",
            summary="Train a network.",
        )
    )
