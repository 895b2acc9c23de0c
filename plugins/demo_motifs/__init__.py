"""``demo motifs``: named motifs from explanations, their sites, and significance."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="motifs",
            target="demo_motifs.commands:motifs",
            summary="Find, name and scan motifs.",
            requires=("memelite", "pyjaspar"),
            extra="motifs",
        )
    )
