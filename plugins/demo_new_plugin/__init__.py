"""``demo new-plugin``: write a plugin package from a template."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the command."""
    register(
        Command(
            name="new-plugin",
            target="demo_new_plugin.command:new_plugin",
            summary="Create a plugin package from a template.",
        )
    )
