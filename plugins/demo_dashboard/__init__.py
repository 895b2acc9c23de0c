"""``demo figure`` and ``demo dashboard``: the paper's figure, and the HTML report."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the commands."""
    register(
        Command(
            name="figure",
            target="demo_dashboard.commands.figure:figure",
            summary="Plot motifs, optimised inputs, saliency and temporal scores of a sequence.",
        )
    )
    register(
        Command(
            name="dashboard",
            target="demo_dashboard.commands.dashboard:dashboard",
            summary="Build a self-contained HTML report.",
        )
    )
