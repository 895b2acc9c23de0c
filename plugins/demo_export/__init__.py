"""``demo export``: export explanations for other programs."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="export",
            target="demo_export.command:export",
            summary="Export an explanation to npz, tsv, bedGraph or bigWig.",
        )
    )
