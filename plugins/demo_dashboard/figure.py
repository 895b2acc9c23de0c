"""The paper's figure: known motif, optimised inputs, attributions and traces of one sequence on one axis.

Source: Lanchantin, Singh, Wang & Qi, PSB 2017, figures 2 and 3, which were assembled by hand. DeMo adds colour bars.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from demo_core.errors import printable
from demo_core.sequences import Motif
from demo_dashboard.blocks import Row, blocks_of
from demo_dashboard.boxes import Box
from demo_dashboard.palettes import Palette
from demo_dashboard.runs import Run
from demo_dashboard.sequence import Shown

#: In millimetres: an inch; columns beside the plot, narrow and wide; gaps between rows and blocks.
_INCH = 25.4
_LEFT = (24.0, 40.0)
_RIGHT = 15.0
_GAP, _RULE = 0.9, 5.0
#: Width from which a figure has room for long labels.
_WIDE = 150.0
_LABEL, _SMALL = 6.5, 5.0


@dataclass(frozen=True)
class Subject:
    """Content of a figure: a sequence, by its index among the shown ones (None: only patterns), and a known motif."""

    shown: Shown | None
    place: int | None
    motif: Motif | None
    title: str
    boxes: Sequence[Box]


def paper_figure(
    subject: Subject, patterns: Sequence[Run], palette: Palette, *, width: float = 180.0, style: str = "magnitude"
) -> Figure:
    """Draw the figure, ``width`` millimetres wide and as high as its rows.

    Parameters
    ----------
    patterns
        Runs of kind pattern; the best restart of each is drawn.
    style
        Style of attributions: ``magnitude`` as in the paper, ``signed``, or ``logo``.
    """
    blocks = blocks_of(subject.shown, subject.place, subject.motif, subject.boxes, patterns, palette, style)
    length = blocks.length
    left = _LEFT[width >= _WIDE]
    plot = width - left - _RIGHT
    lanes = _lanes(subject.boxes, length, plot)
    heads = [0.0] * len(blocks.all)
    first_boxed = next((i for i, block in enumerate(blocks.all) if block.boxed), None)
    if first_boxed is not None and subject.boxes:  # room for labels above the boxes
        heads[first_boxed] = 2.6 * (max(lanes) + 1) + 0.6
    notes = _wrapped(blocks.notes, int(width / 1.02))
    top, bottom = 6.5 + 3.2 * subject.title.count("\n"), 9.5 + 2.4 * len(notes)
    inside = sum(sum(_step(r) for r in b.rows) - _step(b.rows[-1]) + b.rows[-1].height for b in blocks.all)
    height = top + bottom + inside + sum(heads) + _RULE * (len(blocks.all) - 1)
    figure = Figure(figsize=(width / _INCH, height / _INCH), dpi=200)
    page = _Page(figure, width, height, left, plot)
    y = height - top
    spans: dict[int, tuple[float, float]] = {}
    axes = None
    for place, (block, head) in enumerate(zip(blocks.all, heads, strict=True)):
        if place:
            page.rule(y - _RULE / 2)
            y -= _RULE
        begin = y
        y -= head
        for row in block.rows:
            y -= row.height
            axes = page.row(row, y, length)
            y -= _step(row) - row.height
        y += _step(block.rows[-1]) - block.rows[-1].height
        spans[place] = (begin - head, y)
    boxed = [spans[i] for i, block in enumerate(blocks.all) if block.boxed]
    if boxed:
        page.boxes(subject.boxes, lanes, boxed[0][0], boxed[-1][1], length, palette)
    assert axes is not None
    _position_axis(axes, subject, length)
    factor, _, below = subject.title.rpartition("\n")
    middle = (left + plot / 2) / width
    figure.text(
        middle, 1 - 1.6 / height, factor, fontsize=9, ha="center", va="top", parse_math=False, fontweight="bold"
    )
    figure.text(
        middle, 1 - (5.6 if factor else 2.2) / height, below, fontsize=7, ha="center", va="top", parse_math=False
    )
    page.notes(notes, blocks.letters, palette)
    return figure


class _Page:
    """A figure whose items are placed in millimetres from the lower left corner."""

    def __init__(self, figure: Figure, width: float, height: float, left: float, plot: float) -> None:
        self.figure, self.width, self.height, self.left, self.plot = figure, width, height, left, plot

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        box = (x / self.width, y / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def row(self, row: Row, y: float, length: int) -> Axes:
        axes = self.axes(self.left, y, self.plot, row.height)
        axes.set_xlim(-0.5, length - 0.5)
        mappable = row.draw(axes)
        axes.set_xlim(-0.5, length - 0.5)
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
        axes.tick_params(axis="y", labelsize=_SMALL, length=1.5, pad=1)
        if row.limits:
            self._limits(axes, row.limits)
        if row.beside:
            axes.tick_params(axis="y", left=False, labelleft=False)
        room = 3.0 if row.limits else 5.0 if row.beside else 1.2
        # as many letters as fit beside the plot; a letter is about 0.58 times as wide as it is high, a bold one 0.64
        words = textwrap.wrap(
            row.label, max(8, int((self.left - room) / (_LABEL * 0.353 * (0.64 if row.strong else 0.58))))
        ) or [""]
        self.figure.text(
            (self.left - room) / self.width, (y + row.height / 2) / self.height, "\n".join(words[:3]),
            fontsize=_LABEL, ha="right", va="center", color=row.ink, parse_math=False, linespacing=0.95,
            fontweight="bold" if row.strong else "normal",
        )  # fmt: skip
        if isinstance(mappable, ScalarMappable):
            self._bar(mappable, y, row.height)
        return axes

    def _limits(self, axes: Axes, unit: str) -> None:
        low, high = axes.get_ylim()
        ticks = [v for v in MaxNLocator(2, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= v <= high]
        axes.set_yticks(ticks, labels=[f"{t:.3g}" for t in ticks])
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        axes.spines["left"].set_linewidth(0.5)
        axes.text(1.004, 0.5, unit, transform=axes.transAxes, fontsize=_SMALL, va="center", color="#555555")

    def _bar(self, mappable: ScalarMappable, y: float, height: float) -> None:
        axes = self.axes(self.left + self.plot + 1.5, y, 2.0, height)
        bar = self.figure.colorbar(mappable, cax=axes)
        bar.outline.set_linewidth(0.3)
        ends = list(mappable.get_clim())
        bar.set_ticks(ends, labels=[f"{end:.2g}" for end in ends])
        axes.tick_params(labelsize=_SMALL, length=0, pad=1.5)
        low, high = axes.get_yticklabels()
        low.set_verticalalignment("bottom")
        high.set_verticalalignment("top")

    def rule(self, y: float) -> None:
        x = (1.5 / self.width, 1 - 1.5 / self.width)
        line = Line2D(x, (y / self.height, y / self.height), color="#222222", linewidth=1.4)
        self.figure.add_artist(line)

    def boxes(
        self, boxes: Sequence[Box], lanes: Sequence[int], top: float, bottom: float, length: int, palette: Palette
    ) -> None:
        for box, lane in zip(boxes, lanes, strict=True):
            x = self.left + box.start / length * self.plot
            wide = (box.end - box.start) / length * self.plot
            ink = palette.truth if box.truth else palette.motif
            frame = Rectangle(
                (x / self.width, (bottom - 0.7) / self.height), wide / self.width, (top - bottom + 1.4) / self.height,
                transform=self.figure.transFigure, fill=False, edgecolor=ink, linewidth=1.1,
                linestyle="-" if box.truth else (0, (4, 1.5)),
            )  # fmt: skip
            self.figure.add_artist(frame)
            right = box.start > length * 0.6
            self.figure.text(
                (x + wide if right else x) / self.width, (top + 1.1 + 2.6 * lane) / self.height, box.text,
                fontsize=_LABEL - 0.5, color=ink, ha="right" if right else "left", va="bottom", parse_math=False,
            )  # fmt: skip

    def notes(self, notes: Sequence[str], letters: str, palette: Palette) -> None:
        for line, text in enumerate(notes):
            y = (1.2 + 2.4 * (len(notes) - 1 - line)) / self.height
            self.figure.text(1.5 / self.width, y, text, fontsize=_SMALL + 0.3, color="#444444", parse_math=False)
        for place, letter in enumerate(letters):
            x = 1 - (2.5 + 2.2 * (len(letters) - place)) / self.width
            y = (self.height - 3.4) / self.height
            self.figure.text(x, y, letter, fontsize=_LABEL + 0.5, color=palette.letters.get(letter), fontweight="bold")


def _lanes(boxes: Sequence[Box], length: int, plot: float) -> list[int]:
    """Assign each box's text to a line, so that texts do not overlap; at most three lines."""
    ends: list[tuple[int, float, float]] = []
    for box in boxes:
        wide = len(box.text) * 1.05
        start = box.start / length * plot
        if box.start > length * 0.6:
            start = box.end / length * plot - wide
        lane = 0
        while lane < 2 and any(lane == n and start < b and a < start + wide for n, a, b in ends):
            lane += 1
        ends.append((lane, start, start + wide))
    return [lane for lane, _, _ in ends]


def _step(row: Row) -> float:
    """Return the distance from the top of a row to the top of the next; axis numbers need room."""
    return row.height + (2.4 if row.limits else _GAP)


def _wrapped(notes: Sequence[str], letters: int) -> list[str]:
    return [line for note in notes for line in textwrap.wrap(note, letters)]


def _position_axis(axes: Axes, subject: Subject, length: int) -> None:
    """Label positions from 1, or along the chromosome, in reading direction."""
    step = max(1, round(length / 10 / 5) * 5)
    ticks = list(range(step - 1, length, step)) if length >= 10 else list(range(length))
    interval = subject.shown.aligned.interval(subject.place) if subject.shown and subject.place is not None else None
    axes.spines["bottom"].set_visible(True)
    axes.tick_params(axis="x", bottom=True, labelbottom=True, labelsize=_LABEL - 0.5, length=2, pad=1.5)
    if interval is None:
        axes.set_xticks([0, *ticks], labels=["1", *(str(t + 1) for t in ticks)])
        what = "sequence" if subject.place is not None else "optimised input"
        axes.set_xlabel(f"position in the {what}", fontsize=_LABEL, labelpad=1.5)
    else:
        # genomic positions are too long for every tick
        ticks = [0, *ticks][:: max(1, round(len(ticks) / 5))]
        axes.set_xticks(ticks, labels=[f"{interval.position(t) + 1:,}" for t in ticks])
        axes.set_xlabel(f"position on {printable(interval.chrom, 60)}", fontsize=_LABEL, parse_math=False, labelpad=1.5)
