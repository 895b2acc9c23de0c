"""A command whose help groups its options under headings and ends with an example."""

from __future__ import annotations

from typing import Any

import click

_SECTIONS = {
    "Data": "--split --limit --ids --only-positive --reader --id --top --random --sequences --choose --all-sequences",
    "Training": "",
    "Network": "",
    "Method": "",
    "Output": "--output --name --json --force",
    "Run": "--config --seed --device --batch-size --resume --help",
}
_OF_FLAG = {flag: section for section, flags in _SECTIONS.items() for flag in flags.split()}


class Sections(click.Command):
    """Show options under Data, Training, Network, Method, Output and Run.

    An option with an attribute ``section`` goes under that heading.

    Parameters
    ----------
    rest
        Heading for the options that no other heading covers, such as ``Method``.
    example
        Command line at the end of the help.
    arguments, given
        Arguments of ``click.Command``.

    Examples
    --------
    >>> import click
    >>> from demo_core.cli import Sections
    >>> command = Sections("mine", rest="Method", example="demo mine peaks.h5")
    >>> isinstance(command, click.Command)
    True
    """

    def __init__(self, *arguments: Any, rest: str = "Method", example: str = "", **given: Any) -> None:
        if example:
            given["epilog"] = f"\b\nExample:\n  {example}"
        super().__init__(*arguments, **given)
        self.rest = rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        rows: dict[str, list[tuple[str, str]]] = {section: [] for section in _SECTIONS}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (row := param.get_help_record(ctx)) is not None:
                known = (_OF_FLAG[flag] for flag in param.opts if flag in _OF_FLAG)
                rows[getattr(param, "section", None) or next(known, self.rest)].append(row)
        for section, found in rows.items():
            if found:
                with formatter.section(section):
                    formatter.write_dl(found)
