"""Test that commands, options, settings and public names are documented."""

import re
import shlex
import sys
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md")])


def commands(command, ctx, words=()):
    """Yield every command, except groups, with its words and context."""
    if not isinstance(command, click.Group):
        yield words, command, ctx
        return
    for name in command.list_commands(ctx):
        found = command.get_command(ctx, name)
        inner = click.Context(found, info_name=name, parent=ctx, obj=ctx.obj, resilient_parsing=True)
        yield from commands(found, inner, (*words, name))


@pytest.fixture(scope="module")
def every():
    from demo_core.cli.group import State, root

    ctx = click.Context(root, info_name="demo", obj=State(), resilient_parsing=True)
    return {words: (command, inner) for words, command, inner in commands(root, ctx)}


def options_of(command, ctx):
    """Return the options of a command, with those of every reader for imports."""
    from demo_core.cli.flags import click_options
    from demo_core.plugins.specs import DatasetReader

    found = [p for p in command.get_params(ctx) if isinstance(p, click.Option)]
    if command.name == "import" and ctx.parent.info_name == "data":
        registry = ctx.find_root().obj.registry
        found += [o for r in registry.all(DatasetReader) for o in click_options(r.spec.options, r.spec.name)]
    return found


def test_every_command_and_option_is_documented(every):
    page = (ROOT / "docs" / "commands.md").read_text()
    sections = {}
    for part in re.split(r"^## demo ?", page, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        sections[tuple(title.split())] = text
    assert set(every) <= set(sections)
    for words, (command, ctx) in every.items():
        assert command.help, words
        for option in options_of(command, ctx):
            assert option.help, f"demo {' '.join(words)}: {option.opts} has no help"
            flag = rf"(?<![\w-]){option.opts[-1]}(?![\w-])"
            assert re.search(flag, sections[words]), f"demo {' '.join(words)}: {option.opts}"


def test_every_public_name_is_documented():
    import api_reference

    from demo_core import testing

    page = (ROOT / "docs" / "api.md").read_text()
    assert api_reference.api() in page
    for name in [*testing.__all__, "BatchRandom", "Output"]:
        assert f"\n### {name}\n" in page, name
    assert "- `per_sequence`: " in page.partition("\n### Result\n")[2].partition("\n### ")[0]
    for entry in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        own = re.sub(r"^```.*?^```", "", entry.partition("\n\n")[2], flags=re.DOTALL | re.MULTILINE)
        own = re.sub(r"^From `.*$", "", own, flags=re.MULTILINE)
        assert re.search(r"^[A-Z0-9(].*\w", own.partition("\n## ")[0], re.MULTILINE), entry[:80]


def test_every_field_of_a_spec_and_every_option_says_what_it_is(registry):
    import reference_tables

    from demo_core.plugins.options import options_of
    from demo_core.plugins.specs import Architecture, DatasetReader, Explainer

    assert reference_tables.specs() in (ROOT / "docs" / "contract.md").read_text()
    for kind in (Architecture, DatasetReader, Explainer):
        for registered in registry.all(kind):
            for option in options_of(registered.spec.options):
                assert option.help, (registered.spec.name, option.name)


def test_the_page_that_a_built_in_plugin_names_is_there(registry):
    from demo_listings.specs import described

    from demo_core.plugins.specs import Architecture, Command, DatasetReader, Explainer

    for kind in (Architecture, DatasetReader, Explainer, Command):
        for registered in registry.all(kind):
            if registered.owner.origin == "built-in":
                page, _, anchor = described(registry, registered)["docs"].partition("#")
                text = (ROOT / page).read_text()
                heads = {h.lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
                there = anchor in heads if anchor else f"demo {registered.spec.name}" in text
                assert there, (registered.spec.name, page, anchor)


def shown(page):
    """Return the command lines of a page that begin with demo."""
    text = re.sub(r"<!-- generated: (?!code).*?<!-- end -->", "", page.read_text(), flags=re.DOTALL)
    text = re.sub(r"\\\n\s+", "", text)
    lines = re.findall(r"^(?:    |)(demo (?!:).+)$", text, re.MULTILINE)
    return [line for line in lines if page.name != "commands.md"]


def test_every_command_that_is_shown_could_be_typed(every):
    """Check that commands and options exist, without checking files."""
    theirs = {"shuffle-effect", "dilated"}  # packages of the tutorials, whose commands CI runs
    count = 0
    for page in PAGES:
        for line in shown(page):
            words = [w for w in shlex.split(line.partition(" | ")[0], comments=True)[1:] if w not in ("--debug",)]
            while words and words[0] in ("--plugin", "--allow-code"):
                words = words[2 if words[0] == "--plugin" else 1 :]
            path = next((tuple(words[:n]) for n in (2, 1) if tuple(words[:n]) in every), None)
            if words == ["--version"] or theirs & set(words) or words[:2] == ["explain", "mine"]:  # run by another test
                continue
            assert path is not None, f"{page.name}: {line}"
            known = {o for option in options_of(*every[path]) for o in (*option.opts, *option.secondary_opts)}
            given = {w.partition("=")[0] for w in words[len(path) :] if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", w)}
            assert given <= known | {"--help", "--allow-code", "--plugin", "--debug"}, f"{page.name}: {line}"
            count += 1
    assert count > 35
