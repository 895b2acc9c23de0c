"""``demo bench``: measure the speed of predictions and explainers."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="bench",
            target="demo_bench.command:bench",
            summary="Measure sequences per second of a model's predictions and explanations.",
        )
    )
