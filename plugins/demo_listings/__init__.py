"""``demo plugins``, ``demo architectures``, ``demo readers`` and ``demo explainers``: list what is installed."""

from demo_core import Command, Register, hookimpl

DEMO_API = 1

_COMMANDS = {
    "architectures": ("specs:architectures", "List the network architectures."),
    "explainers": ("specs:explainers", "List the explainers."),
    "plugins": ("plugins:plugins", "List plugins and their state."),
    "readers": ("specs:readers", "List the file formats that can be imported."),
}


@hookimpl
def register_commands(register: Register[Command]) -> None:
    """Register the commands."""
    for name, (target, summary) in _COMMANDS.items():
        register(Command(name=name, target=f"demo_listings.{target}", summary=summary))
