"""The group of commands. Every command belongs to a plugin and is imported when it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from demo_core.cli.output import say
from demo_core.errors import DemoError, ExitCode, PluginError, UsageProblem, unknown_name
from demo_core.models.trust import code_allowed
from demo_core.plugins.discovery import SLOW, Discovery, discover
from demo_core.plugins.registry import Registered, Registry
from demo_core.plugins.specs import Command


@dataclass
class State:
    """Settings of the options before the command; all commands share them as ``ctx.obj``.

    Examples
    --------
    >>> from demo_core.cli import State
    >>> from demo_core.plugins import Explainer
    >>> State().registry.find(Explainer, "saliency").spec.name
    'saliency'
    """

    files: tuple[Path, ...] = ()
    reported: bool = field(default=False)
    debug: bool = False

    @cached_property
    def discovery(self) -> Discovery:
        """All plugins. They are discovered once."""
        return discover(self.files)

    @property
    def registry(self) -> Registry:
        """The registry of plugins. The first access reports broken plugins on stderr, one line each."""
        if not self.reported:
            self.reported = True
            for line in self.discovery.problems():
                say(f"demo: {line}")
            for candidate in self.discovery.candidates if self.debug else ():
                if candidate.seconds >= SLOW:
                    took = f"{candidate.seconds:.1f} s to import"
                    say(f"demo: plugin {candidate.owner.describe()} took {took}")
        return self.discovery.registry

    def meant(self, name: str) -> list[Registered[Any]]:
        """Resolve a name. If its plugin failed and this was reported, exit with the exit code only."""
        try:
            return self.discovery.meant(name)
        except PluginError:
            if not self.reported:
                raise
            raise click.exceptions.Exit(ExitCode.PLUGIN) from None


class Root(click.Group):
    """Find commands without importing any before it runs."""

    def invoke(self, ctx: click.Context) -> Any:
        """Report exceptions of a command, except errors for the user, as a failure of its plugin."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, DemoError, OSError):
            raise
        except Exception as error:
            name = ctx.invoked_subcommand
            registry = _state(ctx).registry
            if name is None or not registry.has(Command, name):
                raise
            registered = registry.find(Command, name)
            if registered.owner.origin == "built-in":  # these are not failures of the plugin
                raise
            raise registered.failed(error) from error

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Discover plugins for completion too, which never calls the group itself."""
        ctx = super().make_context(info_name, args, parent, **extra)
        _state(ctx)
        return ctx

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Accept --plugin, --allow-code and --debug anywhere on the command line."""
        return super().parse_args(ctx, _global_options_first(args))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Return names and summaries of commands, without importing any."""
        if incomplete.startswith("-"):
            return super(click.Group, self).shell_complete(ctx, incomplete)
        return [CompletionItem(n, help=s) for n, s in self._listing(ctx) if n.startswith(incomplete)]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted(_state(ctx).registry.names(Command))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        registry = _state(ctx).registry
        if not registry.has(Command, cmd_name):
            return None
        registered = registry.find(Command, cmd_name)
        found = registered.load()
        if not isinstance(found, click.Command):
            raise registered.broke_contract(f"its target is a {type(found).__name__}, not a click command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the closest command for an unknown name."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise UsageProblem(unknown_name("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl(self._listing(ctx))

    def _listing(self, ctx: click.Context) -> list[tuple[str, str]]:
        registry = _state(ctx).registry
        return [(name, registry.find(Command, name).spec.summary) for name in self.list_commands(ctx)]


def _state(ctx: click.Context) -> State:
    if ctx.obj is None:
        # completion has no place for messages
        files = tuple(ctx.params.get("plugin_files") or ())
        ctx.obj = State(files, reported=ctx.resilient_parsing, debug=bool(ctx.params.get("debug")))
    assert isinstance(ctx.obj, State)
    return ctx.obj


def _global_options_first(args: list[str]) -> list[str]:
    moved: list[str] = []
    rest: list[str] = []
    queue = list(args)
    while queue:
        word = queue.pop(0)
        if word == "--":
            return moved + rest + [word, *queue]
        if word in ("--debug", "--allow-code") or word.startswith("--plugin="):
            moved.append(word)
        elif word == "--plugin" and queue:
            moved += [word, queue.pop(0)]
        else:
            rest.append(word)
    return moved + rest


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    is_eager=True,
    expose_value=True,
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="Load a local plugin file. Its code runs with your permissions.",
)
@click.option(
    "--allow-code",
    is_flag=True,
    help="Allow networks from classes outside installed plugins. Their code runs with your permissions.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="deep-motif-dashboard", prog_name="demo")
@click.pass_context
def root(ctx: click.Context, plugin_files: tuple[Path, ...], allow_code: bool, debug: bool) -> None:
    """Explain why a neural network that reads DNA makes a prediction.

    To try it with simulated data: demo quickstart
    """
    ctx.with_resource(code_allowed(allow_code))
    _ = _state(ctx).registry  # reports broken plugins before any command
