"""The quickstart, step by step; each step says the command that does the same."""

from __future__ import annotations

from pathlib import Path

import click

from demo_core import DemoError

_SEQUENCES = 4000
_EPOCHS = 12


@click.command()
@click.option(
    "-o", "--output", default="quickstart", show_default=True, type=click.Path(path_type=Path), metavar="FOLDER",
    help="Where everything goes.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Do all steps again, even those that are done.")
def quickstart(output: Path, force: bool) -> None:
    """Make data with a planted motif, train a network, explain it, draw it: under two minutes on two cores.

    Steps that are done already are not done again.
    """
    if output.exists() and not output.is_dir():
        raise DemoError(f"{output} is a file; choose another folder with -o")
    output.mkdir(parents=True, exist_ok=True)
    data, model = output / "planted.h5", output / "models" / "cnn"
    _make_data(data, force)
    if force or not (model / "model.json").is_file():
        _step("train a network", f"demo train cnn {data} -o {model} --epochs {_EPOCHS}")
        _demo("train", "cnn", str(data), "-o", str(model), "--epochs", str(_EPOCHS), *_flag(force))
    _step("measure it", f"demo evaluate {model} {data}")
    _demo("evaluate", str(model), str(data))
    explanations = output / "explanations"
    _step("explain its predictions", f"demo explain saliency {model} {data} -o {explanations}")
    _demo("explain", "saliency", str(model), str(data), "-o", str(explanations), *_flag(force))
    explanation, figure = explanations / "cnn.saliency.h5", output / "cnn.saliency.png"
    _step("draw the most confident one", f"demo show {explanation} -o {figure}")
    _demo("show", str(explanation), "-o", str(figure), "--force")
    _report(explanation, output, figure)


def _make_data(data: Path, force: bool) -> None:
    if data.exists() and not force:
        return
    from demo_core.importing import ImportSettings, import_records
    from demo_core.testing import planted_records

    click.echo(f"\n== make {_SEQUENCES} sequences of 100 bases, half of them with a MAF site planted")
    settings = ImportSettings(validation=0.1, test=0.1)
    import_records(planted_records(_SEQUENCES), data, lambda: ("bound",), settings, "planted sequences")
    _demo("data", "info", str(data))


def _report(explanation: Path, output: Path, figure: Path) -> None:
    from demo_core.explanation import Explanation
    from demo_core.metrics import site_recovery

    with Explanation.open(explanation) as opened:
        positive = opened.sequences.labels[:, 0] > 0.5
        found = site_recovery(
            opened.values[:][positive],
            opened.one_hot(slice(None))[positive],
            opened.sequences.sites[:][positive],
        )
    click.echo(f"\nsite recovery of saliency (AUROC of |value| against the planted sites): {found}")
    click.echo(f"results: {output}/   picture: {figure}")


def _step(title: str, command: str) -> None:
    click.echo(f"\n== {title}\n$ {command}")


def _flag(force: bool) -> list[str]:
    return ["--force"] if force else []


def _demo(*arguments: str) -> None:
    """Run another command in this process, as typed."""
    context = click.get_current_context()
    root = context.find_root()
    with root.scope(cleanup=False):
        group = root.command
        assert isinstance(group, click.Group)
        name, command, rest = group.resolve_command(root, list(arguments))
        assert command is not None
        with command.make_context(name, rest, parent=root) as sub:
            command.invoke(sub)
