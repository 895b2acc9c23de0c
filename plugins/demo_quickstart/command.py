"""The quickstart, step by step. Each step prints its command."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from demo_core import Command, DemoError
from demo_core.cli import State, echo

if TYPE_CHECKING:
    from demo_quickstart.table import Row

MODELS = ("cnn", "rnn", "cnn-rnn")
#: MAFK in JASPAR 2018
MOTIF = "MA0496.2"
EXPLAINERS = ("saliency", "temporal", "class-optimization")


@dataclass(frozen=True)
class Scale:
    """Amount of data, and training length of each network."""

    sequences: int
    training: dict[str, tuple[str, ...]]
    steps: int


FULL = Scale(
    4000,
    {
        "cnn": ("--epochs", "12"),
        "rnn": ("--epochs", "50", "--batch-size", "64"),
        "cnn-rnn": ("--epochs", "12"),
    },
    1000,
)
SMALL = Scale(1000, dict.fromkeys(MODELS, ("--epochs", "3")), 50)


@click.command()
@click.option(
    "-o", "--output", default="quickstart", show_default=True, type=click.Path(path_type=Path), metavar="FOLDER",
    help="Folder for all results.",
)  # fmt: skip
@click.option("--small", is_flag=True, help="Run in half a minute with less data. The networks learn little.")
@click.option("--force", is_flag=True, help="Repeat all steps, including finished ones.")
def quickstart(output: Path, small: bool, force: bool) -> None:
    """Train three networks on simulated data, explain them, find the motif and build a report.

    It takes one to three minutes on 2 CPU cores. Motif names need the extra 'motifs'. Its first use compiles for a
    minute. Finished steps are skipped. Environment variables for options (DEMO_...) are ignored.
    """
    from demo_core.storage import make_folder

    _forget_options()
    started = time.monotonic()
    if output.exists() and not output.is_dir():
        raise DemoError(f"{output} is a file; choose another folder with -o")
    make_folder(output)
    scale = SMALL if small else FULL
    data, models, explanations = output / "planted.h5", output / "models", output / "explanations"
    again = ("--force",) if force else ()
    if data.exists() and not force:
        _check_same_size(data, scale)
    else:
        _do(
            f"make {scale.sequences} sequences of 100 bases, half of them with a MAFK site",
            "data", "import", "jaspar", "--reader", "planted", "--motifs", MOTIF, "--number", str(scale.sequences),
            "-o", str(data), *again,
        )  # fmt: skip
    for name in MODELS:
        how = again or ("--resume",)  # unfinished steps are resumed, finished ones kept
        _do(f"train the {name}", "train", name, str(data), "-o", str(models / name), *scale.training[name], *how)
    folders = [str(models / name) for name in MODELS]
    for explainer in EXPLAINERS:
        options: tuple[str, ...] = (str(data),)
        if explainer == "class-optimization":
            options = () if scale.steps == FULL.steps else ("--steps", str(scale.steps))
        where = ("-o", str(explanations))
        _do(f"explain the predictions: {explainer}", "explain", explainer, *folders, *options, *where, *again)
    steps: dict[str, object] = {} if scale.steps == FULL.steps else {"steps": scale.steps}
    made_with = {"class-optimization": steps}
    files = {explainer: _files(explanations, explainer, made_with.get(explainer, {})) for explainer in EXPLAINERS}
    for explainer in EXPLAINERS:
        _draw(f"draw them: {explainer}", files[explainer], output / f"{explainer}.png")
    every = [path for explainer in ("class-optimization", "saliency", "temporal") for path in files[explainer]]
    pictures = [output / f"{e}.png" for e in EXPLAINERS]
    motifs = output / "motifs"
    if _has("motifs", "find their motifs"):
        there = motifs / "motifs.h5"
        # motifs of older explanations would be refused
        stale = there.exists() and any(p.stat().st_mtime_ns > there.stat().st_mtime_ns for p in every)
        anew = again or (("--force",) if stale else ())
        _do("find and name motifs", "motifs", "find", *map(str, every), "-o", str(motifs), *anew)
        pictures.append(motifs / "motifs.png")
    _report(output, data, folders, files)
    pages = _dashboard(output, every, motifs)
    for what, paths in (("pictures", [*pages[:1], *pictures]), ("report", pages[1:])):
        if paths:
            echo(f"{what}: {', '.join(map(str, paths))}")
    echo(f"results: {output}/   took {time.monotonic() - started:.0f} s")


def _dashboard(output: Path, every: Sequence[Path], motifs: Path) -> list[Path]:
    """Make the paper's figure and the report; return nothing if that plugin is disabled."""
    named = ("--motifs", str(motifs)) if (motifs / "motifs.h5").exists() else ()
    made = []
    for command, title, name in (
        ("figure", "plot the paper's figure of one sequence", "figure.png"),
        ("dashboard", "build the report: open it in a browser", "report.html"),
    ):
        if _has(command, title):
            _do(title, command, *map(str, every), *named, "-o", str(output / name), "--force")
            made.append(output / name)
    echo()
    return made


def _has(command: str, title: str) -> bool:
    """Return whether a plugin's command can run; print the missing requirement if it cannot."""
    state: State = click.get_current_context().obj
    if not state.registry.has(Command, command):
        return False
    why = state.registry.find(Command, command).why_unavailable()
    if why:
        echo(f"\n== {title}: skipped, since demo {command} {why}")
    return not why


def _forget_options() -> None:
    """Remove option variables from the environment: the quickstart needs files made with the defaults."""
    owners = (*MODELS, *EXPLAINERS, "train", "planted")
    prefixes = tuple(f"DEMO_{owner}_".upper().replace("-", "_") for owner in owners)
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        del os.environ[name]


def _check_same_size(data: Path, scale: Scale) -> None:
    from demo_core import SequenceDataset

    with SequenceDataset.open(data) as dataset:
        made = dataset.info.get("reader")
        options = made.get("options") if isinstance(made, dict) else None
        if not isinstance(options, dict) or options.get("motifs") != [MOTIF]:
            raise DemoError(f"{data} is not a quickstart dataset; choose another folder with -o")
        if options.get("number") != scale.sequences:
            raise DemoError(
                f"{data} has {options.get('number')} sequences, and this quickstart makes {scale.sequences} (--small "
                f"makes {SMALL.sequences}); choose another folder with -o, or use --force to repeat all steps"
            )


def _files(explanations: Path, explainer: str, options: dict[str, object]) -> list[Path]:
    """Return each model's file made with exactly these options."""
    from demo_core import Explanation

    found = []
    for model in MODELS:
        for path in sorted(explanations.glob(f"{model}.{explainer}*.h5")):
            with Explanation.open(path) as explanation:
                if explanation.provenance.options_changed == options:
                    found.append(path)
                    break
    return found


def _draw(title: str, files: Sequence[Path], figure: Path) -> None:
    _do(title, "show", *map(str, files), "-o", str(figure), "--force")


def _report(output: Path, data: Path, folders: Sequence[str], files: dict[str, list[Path]]) -> None:
    from demo_core.cli import table
    from demo_core.storage import write_json
    from demo_quickstart.table import HEADS, measured

    rows: list[Row] = [
        measured(name, Path(folder), data, {explainer: paths[place] for explainer, paths in files.items()})
        for place, (name, folder) in enumerate(zip(MODELS, folders, strict=True))
    ]
    echo("\n== measure them on the test split")
    table(HEADS, [row.cells() for row in rows])
    echo(
        "site recovery: the AUROC of |value|, or of a trace's change, over the bases of a positive, against its "
        "planted site; 0.5 is chance"
    )
    write_json(output / "table.json", [row.as_json() for row in rows])


def _do(title: str, *arguments: str) -> None:
    """Run another command in this process, as typed."""
    echo(f"\n== {title}\n$ demo {' '.join(arguments)}")
    root = click.get_current_context().find_root()
    with root.scope(cleanup=False):
        group = root.command
        assert isinstance(group, click.Group)
        name, command, rest = group.resolve_command(root, list(arguments))
        assert command is not None
        with command.make_context(name, rest, parent=root) as sub:
            command.invoke(sub)
