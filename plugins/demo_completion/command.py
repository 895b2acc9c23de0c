"""Print click's completion script, which asks ``demo`` for completions."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from demo_core.cli import root


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a completion script for SHELL. It completes commands, options and choices of all plugins.

    \b
    bash, in ~/.bashrc (4.4 or later):   eval "$(demo completion bash)"
    zsh, in ~/.zshrc, after compinit:    eval "$(demo completion zsh)"
    fish, once:   demo completion fish > ~/.config/fish/completions/demo.fish
    """
    made = get_completion_class(shell)
    assert made is not None  # click supports these three
    click.echo(made(root, {}, "demo", "_DEMO_COMPLETE").source())
