"""Test that texts are short, plain sentences, as CONTRIBUTING.md requires."""

import ast
import io
import re
import tokenize
from pathlib import Path

import click
import pytest

from demo_core.cli import Sections, State, root

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md",
    *sorted(p for p in ROOT.glob("docs/**/*.md") if "_build" not in p.parts),
]  # fmt: skip
CODE = [
    p
    for pattern in (
        "demo_core/**/*",
        "plugins/**/*",
        "docs/**/*.py",
        "benchmarks/*.py",
        "tests/**/*.py",
        ".ci/*",
        "Makefile",
    )
    for p in sorted(ROOT.glob(pattern))
    if (
        p.suffix in (".py", ".js", ".css", ".html", ".toml", ".yml") and "_build" not in p.parts and p != Path(__file__)
    )
    or p.name in ("run", "Makefile")
]

#: Words and phrases of translated English.
OLD = (
    "anew", "as it lies", "at a click", "be it that", "best supported", "brings by itself", "comes? to naught",
    "for want of", "gone on from", "go(es)? on from", "in want of", "is of no \\w+", "is told by", "is yours to",
    "left out of it", "letters? let expect", "made[- ]up", "none of ours", "nobody",
    "one upon the other", "says nothing of", "somebody", "sure of itself", "so many (bases|bits|bytes|digits|places)",
    "speaks? against", "stands? beside", "tells? (one|it|them) from", "that is there alone",
    "the very (same|\\w+ that)", "to mail", "told apart", "told from", "what chance",
    "what (is|are) (added|asked for|drawn|left|meant|there|known)",
    "what there (is|are)", "where there (is|are) (none|no)", "where they lie", "worth (a look|telling)", "without ado",
)  # fmt: skip
#: The left column of the table of examples in the house rules.
BEFORE = (
    "Print what a shell needs to complete", "Why does it say that this sequence is bound",
    "Make a report to look at and to mail", "Bring models trained elsewhere", "one of a warm start only for want of",
    "What chance is", "Look for what speaks against the target", "cannot be gone on from",
    "the loss is no finite number",
    "is what stands for every explainer", "it says its values add up, and gave no baseline", "sure of itself may lie",
    "What a file of optimised inputs is of", "gives something that is no motif", "What speaks against trusting a run",
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
    plain = re.sub(r"\x08\n.*?(\n\n|$)", "", text, flags=re.DOTALL)  # lines of shell code
    plain = re.sub(r"\[[^]]*\]|\([^)]*\)", "", plain)
    return [s for s in re.split(r"(?<=[.:;])\s+|\n\n", plain) if s.strip()]


def test_sentences_of_help_have_at_most_15_words(every_command):
    found = [(where, s) for ctx in every_command for where, text in texts(ctx) for s in sentences(text)]
    assert len(found) > 400
    assert [(where, s) for where, s in found if len(s.split()) > 15] == []


def sentences_of_page(text):
    """Return the sentences of a page, without code, tables, headings, pictures and brackets."""
    text = re.sub(r"<!-- generated.*?<!-- end -->", "\n\n", text, flags=re.DOTALL)
    text = re.sub(r"^```.*?^```", "\n\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(    .*|\|.*|#.*)$", "\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\([^)]*\)", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text))
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*[-*] |\s*\d+\. |> )", text):
        yield from filter(None, re.split(r"(?<=[.:;?!])(?:\*\*)?\s+", " ".join(paragraph.split())))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_sentences_of_docs_have_at_most_25_words(page):
    assert [s for s in sentences_of_page(page.read_text()) if len(s.split()) > 25] == []


def prose(path):
    """Return pieces of prose with their first line: the file, or strings and comments of Python files."""
    text = path.read_text()
    if path.suffix != ".py":
        return [(1, text)]
    kinds = (tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [(token.start[0], token.string) for token in tokens if token.type in kinds]


def test_no_text_has_a_phrase_of_translated_english():
    phrases = "|".join([*OLD, *map(re.escape, BEFORE)]).replace("\\ ", " ").replace(" ", r"\s+")  # also across lines
    old = re.compile(rf"\b({phrases})\b", re.IGNORECASE)
    assert old.search("one of a warm\n    start only for want of") and old.search("It is left out of\nit.")
    found = [
        f"{path.relative_to(ROOT)}:{first + text[: match.start()].count(chr(10))}: {match[0]}"
        for path in [*PAGES, *CODE]
        for first, text in prose(path)
        for match in old.finditer(text)
    ]
    assert found == []


def test_every_option_has_a_help_and_says_once_that_it_is_required(every_command):
    for ctx in every_command:
        for param in ctx.command.get_params(ctx):
            if isinstance(param, click.Option):
                assert param.help, (ctx.command_path, param.opts)
                shown = " ".join(param.get_help_record(ctx) or ())
                assert shown.count("required]") <= 1, shown
                assert shown.count("[default:") <= 1, shown


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
