"""Help texts are short, plain sentences."""

import ast
import re
from pathlib import Path

import click
import pytest

from demo_core.cli import Sections, State, root

ROOT = Path(__file__).parents[1]

#: Words and phrases of translated English.
OLD = (
    "anew", "as it is", "best supported", "for want of", "goes on", "gone on from", "in want of", "is told by",
    "left out", "may be given several times", "none of the", "of which the", "of your own", "one upon the other",
    "so many", "speaks against", "to look at", "what chance is", "what is added", "what there is", "where they lie",
)  # fmt: skip


def commands(group, ctx):
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        inner = click.Context(command, info_name=name, parent=ctx, obj=ctx.obj)
        yield inner
        if isinstance(command, click.Group):
            yield from commands(command, inner)


@pytest.fixture(scope="module")
def every_command():
    ctx = click.Context(root, info_name="demo", obj=State())
    return [ctx, *commands(root, ctx)]


def texts(ctx):
    yield ctx.command_path, ctx.command.help or ""
    for param in ctx.command.get_params(ctx):
        if isinstance(param, click.Option):
            yield f"{ctx.command_path} {param.opts[0]}", param.help or ""


def sentences(text):
    plain = re.sub(r"\x08\n.*?(\n\n|$)", "", text, flags=re.DOTALL)  # lines of a shell
    plain = re.sub(r"\[[^]]*\]|\([^)]*\)", "", plain)
    return [s for s in re.split(r"(?<=[.:;])\s+|\n\n", plain) if s.strip()]


def test_sentences_of_help_have_at_most_15_words(every_command):
    found = [(where, s) for ctx in every_command for where, text in texts(ctx) for s in sentences(text)]
    assert len(found) > 400
    assert [(where, s) for where, s in found if len(s.split()) > 15] == []


def test_help_has_no_phrase_of_translated_english(every_command):
    found = [(where, text) for ctx in every_command for where, text in texts(ctx)]
    assert [(w, old) for w, text in found for old in OLD if re.search(rf"\b{old}\b", text.lower())] == []


def test_every_option_has_a_help_and_says_once_that_it_is_required(every_command):
    for ctx in every_command:
        for param in ctx.command.get_params(ctx):
            if isinstance(param, click.Option):
                assert param.help, (ctx.command_path, param.opts)
                shown = " ".join(param.get_help_record(ctx) or ())
                assert shown.count("required]") <= 1, shown


def test_help_fits_80_columns_and_ends_with_an_example(every_command):
    for ctx in every_command:
        text = ctx.command.get_help(ctx)
        assert max(map(len, text.split("\n"))) <= 80, ctx.command_path
        if isinstance(ctx.command, Sections) and not any(
            o.required and o.opts[0] == "--network" for o in ctx.command.get_params(ctx)
        ):
            assert "\n  Example:\n    demo " in text, ctx.command_path


def test_messages_of_the_troubleshooting_page_are_those_of_the_code():
    texts = []
    for path in [*ROOT.glob("demo_core/**/*.py"), *ROOT.glob("plugins/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                texts.append("…".join(v.value for v in node.values if isinstance(v, ast.Constant)))
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    groups = re.findall(r"\n## (.+?)\n\n```text\n(.+?)\n```", page, flags=re.DOTALL)
    assert len(groups) == page.count("\n## ") >= 10
    for group, messages in groups:
        for message in messages.split("\n"):
            for part in filter(None, (p.strip(" :()") for p in message.split("…"))):
                assert any(part in text for text in texts), (group, part)
