"""Shell completion of names. Names come from specs, so completion imports no targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from demo_core.cli.group import State
from demo_core.plugins.specs import Architecture, Command, DatasetReader, Explainer

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]


def words(*known: str) -> Completer:
    """Complete to one of the given words.

    Parameters
    ----------
    known
        The words.

    Returns
    -------
    callable
        Function for ``shell_complete`` of click.

    Examples
    --------
    >>> from demo_core.cli import words
    >>> [item.value for item in words("train", "test")(None, None, "tr")]
    ['train']
    """
    return lambda ctx, param, incomplete: [CompletionItem(word) for word in known if word.startswith(incomplete)]


def names_of(*kinds: Any) -> Completer:
    """Complete to the name of a spec of the given kinds.

    Parameters
    ----------
    kinds
        Kinds of specs.

    Returns
    -------
    callable
        Function for ``shell_complete`` of click.

    Examples
    --------
    >>> import click
    >>> from demo_core.cli import names_of
    >>> from demo_core.plugins import DatasetReader
    >>> click.Option(["--reader"], shell_complete=names_of(DatasetReader)).name
    'reader'
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        state: State = ctx.find_root().obj
        registry = state.registry
        found = {registry.qualified(r): r.spec.summary for kind in kinds for r in registry.all(kind)}
        return [CompletionItem(n, help=found[n]) for n in sorted(found) if n.startswith(incomplete)]

    return complete


def any_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete to the name of a spec, a plugin or a distribution.

    Parameters
    ----------
    ctx
        Context of the command.
    param
        The parameter.
    incomplete
        Text typed so far.

    Returns
    -------
    list
        Completions.

    Examples
    --------
    >>> import click
    >>> from demo_core.cli import any_name
    >>> click.Argument(["name"], shell_complete=any_name).name
    'name'
    """
    found = names_of(Architecture, DatasetReader, Explainer, Command)(ctx, param, incomplete)
    owners = [c.owner for c in ctx.find_root().obj.discovery.candidates]
    known = {name for owner in owners for name in (owner.entry_point, owner.distribution)} - {i.value for i in found}
    return found + words(*sorted(known))(ctx, param, incomplete)
