"""Single-file plugins that tests write into the current folder."""

PLUGIN = """
import click
from demo_core import Command, Explainer, Result, hookimpl
DEMO_API = 1
{specs}
@click.command()
def hello():
    click.echo("hello from {word}")
class Ones:
    def __init__(self, options): self.options = options
    def explain(self, model, batch, target): return Result(batch.x)
"""


def local(folder, name, specs, word=""):
    path = folder / f"{name}.py"
    path.write_text(PLUGIN.format(specs=specs, word=word))
    return path


HELLO = """
@hookimpl
def register_commands(register):
    register(Command(name="hello", target="demo_local_{name}:{what}", summary="Says hello."{more}))
"""

#: Documentation and issue tracker of a distribution.
ABOUT = "Project-URL: Bug Tracker, https://example.org/bad/issues\nProject-URL: Docs, https://example.org/bad/docs\n"
