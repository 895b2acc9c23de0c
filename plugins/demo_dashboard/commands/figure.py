"""``demo figure EXPLANATION... -o figure.pdf``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from demo_core.cli import Sections, echo, say, seed, suggest
from demo_core.errors import UsageProblem, printable
from demo_dashboard.commands.common import (
    check_output,
    explained_most,
    explanations_argument,
    id_option,
    motifs_option,
    one_of,
    say_strange_patterns,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from demo_core.sequences import Motif
    from demo_dashboard.alignment import Aligned
    from demo_dashboard.figure import Subject
    from demo_dashboard.runs import Run
    from demo_dashboard.sequence import Shown

FORMATS = ("pdf", "svg", "png")
#: Width of a column and a page in most journals, in millimetres.
WIDTHS = {"column": 88.0, "page": 180.0}


class Width(click.ParamType[float]):
    """``column``, ``page``, or millimetres."""

    name = "column|page|MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the width."""
        if str(value) in WIDTHS:
            return WIDTHS[str(value)]
        try:
            found = float(value)
        except ValueError:
            found = 0.0
        if not 60 <= found <= 2000:
            self.fail(f"expected column, page, or 60 to 2000 millimetres, got '{printable(value, 20)}'", param, ctx)
        return found


@click.command(cls=Sections, rest="Method", example="demo figure explanations/cnn.*.h5 --motifs motifs -o figure.pdf")
@explanations_argument
@motifs_option
@id_option
@click.option("--top", type=click.IntRange(1), metavar="K", help="Plot the K most confident positives. [default: 1]")
@click.option("--random", "draw", type=click.IntRange(1), metavar="K", help="Plot K random sequences.")
@click.option(
    "--motif", metavar="NAME|ID", help="Known motif to show. [default: database match of the motif with most seqlets]"
)
@click.option(
    "--attribution",
    "style",
    type=click.Choice(["magnitude", "signed", "logo"]),
    default="magnitude",
    show_default=True,
    help="Style of attributions. The paper uses magnitude.",
)
@click.option(
    "--palette",
    type=click.Choice(["paper", "safe"]),
    default="paper",
    show_default=True,
    help="Colours. safe suits readers with red-green colour blindness.",
)
@click.option(
    "--width",
    type=Width(),
    default="page",
    show_default=True,
    help="Figure width: column (88 mm), page (180 mm), or millimetres.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE.pdf|svg|png",
    help="Figure to write. Several sequences become PDF pages, or files FILE-1, FILE-2.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing file.")
@seed
def figure(
    explanations: tuple[Path, ...],
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    top: int | None,
    draw: int | None,
    motif: str | None,
    style: str,
    palette: str,
    width: float,
    output: Path,
    force: bool,
    seed: int,
) -> None:
    """Plot explanations of a sequence on one axis, as in the paper.

    Blocks are the known motif on both strands (with --motifs), optimised inputs, attributions and traces. The known
    site is boxed. The colour of the motif's label gives its strand there.
    """
    kind = output.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise UsageProblem(f"{output}: the figure must be named .pdf, .svg or .png")
    one_of(id=names, top=top, random=draw)
    number = len(names) or top or draw or 1
    files = [output]
    if number > 1 and kind != "pdf":
        files = [output.with_name(f"{output.stem}-{i + 1}{output.suffix}") for i in range(number)]
    for path in files:
        check_output(path, force, explanations, folders)
    from demo_dashboard.alignment import align
    from demo_dashboard.figure import Subject, paper_figure
    from demo_dashboard.palettes import PALETTES
    from demo_dashboard.runs import open_runs

    with open_runs(explanations) as runs:
        say_strange_patterns(runs)
        patterns = [run for run in runs if run.is_pattern]
        lengths = {run.explanation.sequences.length for run in runs}
        if len(lengths) > 1:
            raise UsageProblem(
                f"these are of {' and '.join(map(str, sorted(lengths)))} bases; choose explanations of one length"
            )
        if len(patterns) == len(runs):
            if names or top or draw:
                raise UsageProblem("optimised inputs are not sequences; omit --id, --top and --random")
            if folders:
                say("--motifs is ignored: optimised inputs have no sites")
            subjects = [Subject(None, None, None, "optimised inputs", [])]
        else:
            aligned = align(runs)
            chosen = _chosen(aligned, names, top or 1, draw, seed)
            subjects = _subjects(runs, aligned, chosen, folders, motif)
        if len(subjects) < number:
            say(f"there are {len(subjects)} such sequences, not {number}")
        drawn = (paper_figure(s, patterns, PALETTES[palette], width=width, style=style) for s in subjects)
        files = files[: len(subjects)]
        _write(drawn, files, kind, force)
    for place, subject in enumerate(subjects):
        echo(f"{files[min(place, len(files) - 1)]}: {subject.title.splitlines()[-1]}")
    suggest("demo", "dashboard", *explanations, *(w for f in folders for w in ("--motifs", f)), "-o", "report.html")


def _chosen(aligned: Aligned, names: Sequence[str], top: int, draw: int | None, seed: int) -> list[int]:
    from demo_dashboard.sequence_selection import positives, ranking

    if names:
        return list(dict.fromkeys(aligned.place_of(name) for name in names))
    most = explained_most(aligned)
    of_these = aligned.take(most)
    order = ranking(of_these, "random" if draw else "top", seed)
    if not draw and (positive := positives(of_these)).any():
        order = order[positive[order]]
    return [int(place) for place in most[order[: draw or top]]]


def _subjects(
    runs: Sequence[Run], aligned: Aligned, chosen: list[int], folders: Sequence[Path], motif: str | None
) -> list[Subject]:
    import numpy as np

    from demo_dashboard.boxes import boxes_of
    from demo_dashboard.figure import Subject
    from demo_dashboard.motifs import read_motifs
    from demo_dashboard.sequence import Shown

    if motif and not folders:
        raise UsageProblem("--motif needs --motifs, a folder of demo motifs find or demo motifs scan")
    content = read_motifs(folders, runs, aligned, np.array(chosen))
    known = content.best_known(motif)
    if folders and known is None:
        say("no known motif is shown: no motif in the folder has a name")
    shown = Shown.load(aligned.take(chosen), content)
    ids = aligned.take(chosen).ids()
    subjects = []
    for place, name in enumerate(ids):
        sites = content.known_sites(place, known.id) if known else []
        called = printable(known.name or known.id, 30) if known else ""
        if known and not sites:
            say(f"{printable(name, 60)}: {called} has no site in it")
        boxes = boxes_of(shown.aligned.sites(place), sites, called)
        subjects.append(Subject(shown, place, known, _title(shown, place, name, known), boxes))
    return subjects


def _title(shown: Shown, place: int, name: str, known: Motif | None) -> str:
    """Return the title: the factor, and the sequence."""
    target = shown.aligned.runs[0].output.name
    parts = [printable(name, 60)]
    if (interval := shown.aligned.interval(place)) and str(interval) != name:
        parts.append(printable(interval, 60))
    label = float(shown.aligned.labels(target)[place])
    if not math.isnan(label):
        parts.append(f"{printable(target, 30)}: {label:g}")
    head = printable(known.name or known.id, 60) if known else ""
    return f"{head}\n{'   '.join(parts)}" if head else "   ".join(parts)


def _write(figures: Iterable[Figure], files: Sequence[Path], kind: str, force: bool) -> None:
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    from demo_core.storage import whole_files
    from demo_core.views import save_figure

    with whole_files(files, replace=force) as temporary:
        if kind == "pdf":
            with rc_context({"pdf.fonttype": 42}), PdfPages(temporary[0]) as pages:
                for one in figures:
                    pages.savefig(one)
            return
        for one, path in zip(figures, temporary, strict=True):
            save_figure(one, path, kind)
