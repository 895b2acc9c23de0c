"""A class of options as flags of a command."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from demo_core.errors import UsageProblem
from demo_core.plugins.options import Option, describe, metavar, options_of, usage, variable


def click_options(cls: type, owner: str, defaults: Mapping[str, Any] | None = None) -> list[click.Option]:
    """One click option per field, with help, default and validation.

    ``owner`` is the plugin's name for it: ``DEMO_OWNER_FIELD`` in the environment stands in for a flag. ``defaults``
    take the place of the class's own.
    """

    class Value(click.ParamType[Any]):
        def __init__(self, option: Option) -> None:
            self.option = option
            self.name = metavar(option)

        def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
            try:
                if self.option.items is not None and not isinstance(value, str | tuple | list):
                    value = (value,)  # one of a list in a config file
                return self.option.parse(value) if isinstance(value, str) else self.option.check(value)
            except ValueError as error:
                variable = str(param.envvar) if param and param.envvar else ""
                if variable and os.environ.get(variable) == value:  # then nobody typed the flag
                    raise UsageProblem(f"{variable} in the environment: {error}") from None
                self.fail(str(error), param, ctx)

        def split_envvar_value(self, rv: str) -> list[str]:
            return [rv]  # commas part values there as they do after a flag

        def shell_complete(
            self, ctx: click.Context, param: click.Parameter, incomplete: str
        ) -> list[CompletionItem[str]]:
            if self.option.scalar is Path:
                return [CompletionItem(incomplete, type="file")]
            known = self.option.choices or (("true", "false") if self.option.scalar is bool else ())
            before, comma, last = incomplete.rpartition(",") if self.option.items is not None else ("", "", incomplete)
            return [CompletionItem(f"{before}{comma}{w}") for w in map(str, known) if w.startswith(last)]

    made = []
    for option in options_of(cls):
        option = dataclasses.replace(option, default=(defaults or {}).get(option.name, option.default))  # noqa: PLW2901
        note = describe(option)
        default = None if option.required else option.default
        if option.is_switch:
            made.append(
                click.Option(
                    [usage(option), option.name],
                    default=default,
                    help=note,
                    is_flag=True,
                    envvar=variable(owner, option),
                )
            )
            continue
        several = option.items is not None
        made.append(
            click.Option(
                [option.flag, option.name],
                type=Value(option),
                default=None if several else default,
                required=option.required,
                metavar=metavar(option),
                help=note,
                envvar=variable(owner, option),
                multiple=several,
                callback=_joined(option, default) if several else None,
            )
        )
    return made


def _joined(option: Option, default: Any) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Values of a flag that may be given several times, one after the other."""

    def join(ctx: click.Context, param: click.Parameter, given: Any) -> Any:
        if not given:
            return default
        if None in given:  # "none", where the option is optional
            return None
        try:
            return option.check(tuple(value for values in given for value in values))
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None

    return join
