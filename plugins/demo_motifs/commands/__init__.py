"""``demo motifs``: a group whose commands are imported when they run."""

from __future__ import annotations

import importlib
from typing import Any

import click

from demo_core.errors import Interrupted

#: Module of each command, and its line in the listing.
COMMANDS = {
    "db": ("demo_motifs.commands.db:db", "List or export a motif database."),
    "dependencies": ("demo_motifs.commands.dependencies:dependencies", "Measure interactions between pairs of motifs."),
    "find": ("demo_motifs.commands.find:find", "Find motifs in explanations and name them."),
    "match": ("demo_motifs.commands.match:match", "Count sequences whose explanation matches a factor's motif."),
    "scan": ("demo_motifs.commands.scan:scan", "Scan sequences for known motifs."),
}


class LazyGroup(click.Group):
    """Find commands by name; completion and help import none of them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. An interrupt leaves nothing behind, so there is nothing to resume."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted: nothing was written") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the listing, from the lines above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup)
def motifs() -> None:
    """Find, name and scan motifs, with significance."""
