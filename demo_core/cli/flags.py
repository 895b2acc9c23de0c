"""Options classes as flags of a command."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from demo_core.errors import UsageProblem
from demo_core.plugins.dataset_option import DatasetFile
from demo_core.plugins.options import Option, describe, metavar, options_of, usage, variable


class PluginOption(click.Option):
    """A field of an options class as a flag of a command.

    The flag is ``--FIELD``, unless the command has such a flag itself. ``--OWNER-FIELD`` always works.

    Examples
    --------
    >>> from demo_core.cli import click_options
    >>> from demo_core.plugins import Explainer, installed
    >>> (option,) = click_options(installed().find(Explainer, "saliency").spec.options, "saliency")
    >>> option.opts
    ['--simplex']
    """

    def __init__(self, option: Option, owner: str, taken: Container[str], **given: Any) -> None:
        self.field, self.section = option.name, ""
        switch = "is_flag" in given
        self._long = [usage(option, owner)] if switch else [option.flag_of(owner)]
        short = [usage(option)] if switch else [option.flag]
        collides = any(flag in taken for flag in short[0].split("/"))
        super().__init__([*(self._long if collides else short), _name(owner, option)], **given)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Accept the long form as well. Help and messages omit it."""
        shown = self.opts, self.secondary_opts
        long, _, no_long = self._long[0].partition("/")
        self.opts = list(dict.fromkeys([*self.opts, long]))
        self.secondary_opts = list(dict.fromkeys([*self.secondary_opts, *([no_long] if no_long else [])]))
        super().add_to_parser(parser, ctx)
        self.opts, self.secondary_opts = shown


def click_options(
    cls: type, owner: str, beside: Iterable[click.Parameter] = (), defaults: Mapping[str, Any] | None = None
) -> list[PluginOption]:
    """One click option per field, with help, default and validation.

    Parameters
    ----------
    cls
        The options class.
    owner
        The plugin's name for it: ``DEMO_OWNER_FIELD`` in the environment stands in for a flag.
    beside
        The command's own parameters, whose flags stay theirs.
    defaults
        Take the place of the class's own.

    Examples
    --------
    >>> from demo_core.cli import click_options
    >>> from demo_core.plugins import Explainer, installed
    >>> [o.opts[0] for o in click_options(installed().find(Explainer, "saliency").spec.options, "saliency")]
    ['--simplex']
    """
    taken = _PROGRAM | {flag for p in beside for flag in (*p.opts, *p.secondary_opts)}
    made = []
    for option in options_of(cls):
        option = dataclasses.replace(option, default=(defaults or {}).get(option.name, option.default))  # noqa: PLW2901
        default = None if option.required else option.default
        given: dict[str, Any] = {"help": describe(option, required=False), "envvar": variable(owner, option)}
        several = option.items is not None
        if option.is_switch:
            given |= {"default": default, "is_flag": True}
        else:
            given |= {"type": _Value(option), "required": option.required, "metavar": metavar(option)}
            given |= {"default": None if several else default, "multiple": several}
            given["callback"] = _joined(option, default) if several else None
        made.append(PluginOption(option, owner, taken, **given))
    return made


def take_options(cls: type, owner: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of an options class from those that click passed to the command.

    Parameters
    ----------
    cls
        An options class.
    owner
        Name of the plugin.
    values
        Parameters of the command; those of the plugin are removed.

    Returns
    -------
    dict
        Values by field.

    Examples
    --------
    >>> from demo_core.cli import click_options, take_options
    >>> from demo_core.plugins import Explainer, installed
    >>> options = installed().find(Explainer, "saliency").spec.options
    >>> (flag,) = click_options(options, "saliency")
    >>> take_options(options, "saliency", {flag.name: True})
    {'simplex': True}
    """
    return {option.name: values.pop(_name(owner, option)) for option in options_of(cls)}


#: Flags of the program, allowed anywhere on the command line.
_PROGRAM = frozenset({"--help", "-h", "--debug", "--allow-code", "--plugin", "--version"})


def _name(owner: str, option: Option) -> str:
    """Return the name under which click passes the value. No parameter of a command has two underscores."""
    return f"{owner.replace('-', '_').replace(':', '_')}__{option.name}"


class _Value(click.ParamType[Any]):
    def __init__(self, option: Option) -> None:
        self.option = option
        self.name = metavar(option)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            if self.option.items is not None and not isinstance(value, str | tuple | list):
                value = (value,)  # an element of a list in a config file
            return self.option.parse(value) if isinstance(value, str) else self.option.check(value)
        except ValueError as error:
            variable = str(param.envvar) if param and param.envvar else ""
            if variable and os.environ.get(variable) == value:  # then the flag was not typed
                raise UsageProblem(f"{variable} in the environment: {error}") from None
            self.fail(str(error), param, ctx)

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]  # commas separate values there, as after a flag

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        if self.option.scalar in (Path, DatasetFile):
            return [CompletionItem(incomplete, type="file")]
        known = self.option.choices or (("true", "false") if self.option.scalar is bool else ())
        before, comma, last = incomplete.rpartition(",") if self.option.items is not None else ("", "", incomplete)
        return [CompletionItem(f"{before}{comma}{w}") for w in map(str, known) if w.startswith(last)]


def _joined(option: Option, default: Any) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Join the values of a repeatable flag."""

    def join(ctx: click.Context, param: click.Parameter, given: Any) -> Any:
        if not given:
            return default
        if None in given:  # "none", if the option is optional
            return None
        try:
            return option.check(tuple(value for values in given for value in values))
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return join
