"""Blocks of the paper's figure: each is a list of rows, by the kind of explanation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from demo_core.errors import printable
from demo_core.models import logistic
from demo_core.sequences import Motif
from demo_core.views import (
    best_restart,
    channel_rows,
    draw_logo,
    draw_sequence_beside,
    information,
    logo_row,
    map_row,
    pattern_row,
    sequence_row,
    signed_row,
    size_row,
)
from demo_dashboard.base_importance import BACKWARD, FORWARD
from demo_dashboard.boxes import Box
from demo_dashboard.palettes import Palette
from demo_dashboard.runs import Run
from demo_dashboard.sequence import Shown

#: Heights of rows in millimetres.
_LOGO, _SHORT_LOGO, _LETTERS, _STRIP, _MAP = 11.0, 8.5, 3.6, 3.9, 42.0


@dataclass(frozen=True)
class Row:
    """One panel. ``draw`` returns the mappable of a colour bar, or None; ``limits`` is the unit of its axis; ``beside``
    states that it has a sequence on its left.
    """

    label: str
    height: float
    draw: Callable[[Axes], Any]
    limits: str = ""
    ink: str = "black"
    strong: bool = False
    beside: bool = False


@dataclass(frozen=True)
class Block:
    """Rows between two rules. Boxes of sites span it if it is ``boxed``."""

    rows: list[Row]
    boxed: bool


@dataclass(frozen=True)
class Blocks:
    """All blocks, the length of the axis, the letters, and the lines of the caption."""

    all: list[Block]
    length: int
    letters: str
    notes: list[str]


def blocks_of(
    shown: Shown | None,
    place: int | None,
    motif: Motif | None,
    boxes: Sequence[Box],
    patterns: Sequence[Run],
    palette: Palette,
    style: str,
) -> Blocks:
    """Return the blocks in the paper's order: known motif, optimised inputs, attributions, traces, interactions."""
    source = patterns[0] if shown is None else shown.aligned.runs[0]
    sequences = source.explanation.sequences
    length, letters = sequences.length, sequences.alphabet.letters
    blocks, notes = [], []
    if motif is not None:
        blocks.append(Block(_motif_rows(motif, boxes, length, palette), False))
        if not any(box.strand for box in boxes):
            notes.append(f"{printable(motif.name or motif.id, 40)} has no site in this sequence.")
    if patterns:
        blocks.append(Block([_pattern_row(run, palette) for run in patterns], False))
        elsewhere = "" if shown is None else ", their positions are not those of the sequence"
        notes.append(
            f"Optimised inputs are no sequences of the data{elsewhere}. In brackets: prediction for their best letters."
        )
    if shown is not None and place is not None:
        for kind in ("attribution", "trace", "interaction"):
            rows = _rows_of_kind(shown, place, kind, palette, style)
            if rows:
                text = shown.aligned.text(place)
                blocks.append(Block([Row("sequence", _LETTERS, sequence_row(text, palette)), *rows], True))
        notes += _notes(shown, place, style)
    return Blocks(blocks, length, letters, notes)


def _motif_rows(motif: Motif, boxes: Sequence[Box], length: int, palette: Palette) -> list[Row]:
    """Return the rows of the motif on both strands, above its site if there is one."""
    heights = information(motif.ppm)
    strands = {box.strand for box in boxes if box.strand}
    first = next((box for box in boxes if box.strand), None)
    start = first.start if first else (length - len(motif)) // 2
    start = int(np.clip(start, 0, max(0, length - len(motif))))
    rows = []
    for strand, name, drawn in ((1, "forward", heights), (-1, "reverse complement", heights[::-1, ::-1])):
        here = strand in strands

        def logo(axes: Axes, drawn: NDArray[np.float64] = drawn) -> None:
            draw_logo(axes, drawn, start=start, colours=palette.letters)
            axes.set_ylim(0, 2)

        title = f"{printable(motif.name, 40)} ({printable(motif.id, 20)})" if motif.name else printable(motif.id, 40)
        rows.append(Row(f"{title}, {name}", _SHORT_LOGO, logo, "bits", palette.motif if here else "#555555", here))
    return rows


def _pattern_row(run: Run, palette: Palette) -> Row:
    e = run.explanation
    logo = pattern_row(np.asarray(e.values[best_restart(e)]), e.sequences.alphabet.letters, palette)
    best = float(e.extra("one-hot")[best_restart(e)]) if "one-hot" in e.provenance.extras else float("nan")
    if run.target.is_logit:
        best = float(logistic(best))
    said = f" ({best:.2f})" if np.isfinite(best) else ""
    return Row(f"{_title(run)}{said}", _LOGO, logo, "bits")


def _rows_of_kind(shown: Shown, place: int, kind: str, palette: Palette, style: str) -> list[Row]:
    rows: list[Row] = []
    for index, run in enumerate(shown.aligned.runs):
        values = shown.of(index, place)
        if run.explanation.kind != kind or values is None:
            continue
        said = _prediction(run, int(shown.aligned.rows[index, place]))
        length = run.explanation.sequences.length
        if kind == "attribution":
            rows.append(_attribution_row(run, values, shown.aligned.codes[place], said, palette, style))
        elif kind == "trace":
            rows += _trace_rows(run, values, said, palette)
        else:
            square = map_row(values, palette, length)
            rows.append(
                Row(f"{_title(run)}{said}", _MAP, _beside(square, shown.aligned.text(place), palette), beside=True)
            )
    return rows


def _beside(square: Callable[[Axes], Any], text: str, palette: Palette) -> Callable[[Axes], Any]:
    """Add the sequence on the left of a map."""

    def draw(axes: Axes) -> Any:
        mappable = square(axes)
        draw_sequence_beside(axes, text, colours=palette.letters)
        return mappable

    return draw


def _attribution_row(
    run: Run, values: NDArray[np.float64], codes: NDArray[np.uint8], said: str, palette: Palette, style: str
) -> Row:
    alphabet = run.explanation.sequences.alphabet
    actual = values * alphabet.one_hot(codes)
    label = f"{_title(run)}{said}"
    if style == "logo":
        return Row(label, _LOGO, logo_row(actual, alphabet.letters, palette), "value")
    strip = signed_row if style == "signed" else size_row
    return Row(label, _STRIP, strip(actual.sum(axis=0), palette))


def _trace_rows(run: Run, values: NDArray[np.float64], said: str, palette: Palette) -> list[Row]:
    names = [printable(c, 20) for c in run.explanation.provenance.channels]
    strips = channel_rows(values, run.explanation.is_probability, palette)
    return [Row(f"{_title(run)}, {name}{said}", _STRIP, strip) for name, strip in zip(names, strips, strict=True)]


def _title(run: Run) -> str:
    """Return a short label of model and explainer."""
    words = run.label.replace(": ", " ", 1)
    return words.replace("class-optimization", "class maximization") if run.is_pattern else words


def _prediction(run: Run, row: int) -> str:
    """Return the prediction for the sequence, which the paper shows behind each label."""
    e = run.explanation
    value = float(run.output.predict(e.outputs[row, e.output_column]))
    return f" ({value:.2f})" if run.output.is_probability else f" ({value:.3g})"


def _notes(shown: Shown, place: int, style: str) -> list[str]:
    here = [run for run, row in zip(shown.aligned.runs, shown.aligned.rows[:, place], strict=True) if row >= 0]
    kinds = {run.explanation.kind for run in here}
    notes = []
    if any(run.output.is_probability for run in here):
        notes.append("In brackets: predicted probability of the sequence.")
    if "attribution" in kinds:
        what = {
            "magnitude": "magnitude of the contribution of each base",
            "signed": "contribution of each base",
            "logo": "contribution of each base",
        }
        notes.append(f"Attributions: {what[style]}. Each row has its own scale.")
    traces = [run for run in here if run.explanation.kind == "trace"]
    if any(run.explanation.is_probability for run in traces):
        notes.append("Traces: probability of the sequence read so far. White: 0.5. Grey: no score.")
    elif any(set(run.explanation.provenance.channels) & {*FORWARD, *BACKWARD} for run in traces):
        notes.append("Traces: score of the sequence read so far. White: 0. Grey: no score.")
    elif traces:
        notes.append("Traces: value of each base. White: 0. Grey: no value.")
    if "interaction" in kinds:
        notes.append("Maps: rows and columns are positions.")
    return [" ".join(notes)] if notes else []
