"""Figures of explanations: rows for each kind, and several files of the same sequence on one axis."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from demo_core.errors import UsageProblem, printable
from demo_core.models.outputs import logistic
from demo_core.results.completeness import COMPLETENESS
from demo_core.results.explanation import Explanation
from demo_core.views.maps import draw_sequence_beside, reduced_map
from demo_core.views.rows import (
    Draw,
    channel_rows,
    curves_row,
    logo_row,
    map_row,
    pattern_row,
    sequence_row,
    signed_row,
    size_row,
)

_SITE = "#5e3c99"
_CHANNELS = ("#1b7837", "#b35806", "#2166ac", "#c51b7d")
# Inches of a row of height 1
_UNIT = 0.21
# Positions up to which a map is checked for values that are NaN or infinite
_CHECKED = 2000
# Inches of the tallest map; narrower ones are square
_TALLEST = 7.0
# Font size of a caption in points
_CAPTION = 7.5


@dataclass(frozen=True)
class _Row:
    """One panel; ``draw`` returns the mappable of a colour bar, or None."""

    height: float
    draw: Draw
    boxed: bool = True


def explanation_figure(
    explanations: Explanation | Sequence[Explanation], row: int, restarts: Sequence[int] | None = None
) -> Figure:
    """Plot one sequence from one or several explanations, on one axis of positions.

    Attributions become a logo with strips of magnitude and sign, traces become curves and blue-white-red strips, and
    interactions become maps. Patterns become logos at the top.

    Parameters
    ----------
    explanations
        One or several explanations.
    row
        Row in the first explanation of sequences; in the others, the same id is searched. If all are patterns: the
        restart in the first.
    restarts
        Restart of each pattern. Default: the best.

    Raises
    ------
    UsageProblem
        If another explanation does not have that sequence, or lengths differ.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> from demo_core.views import explanation_figure
    >>> figure = explanation_figure(explain("saliency", tiny_model(), tiny_dataset(8)), 0)
    >>> type(figure).__name__
    'Figure'
    """
    several = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    of_data = [e for e in several if e.kind != "pattern"]
    patterns = [e for e in several if e.kind == "pattern"]
    lengths = {e.sequences.length for e in several}
    if len(lengths) > 1:
        raise UsageProblem(
            f"these explanations have {' and '.join(map(str, sorted(lengths)))} bases; choose those of one length"
        )
    of_each = list(restarts) if restarts is not None else [best_restart(e) for e in patterns]
    if not of_data:
        of_each[0] = row
    letters = _letters_of_a_line(lengths)
    rows = [r for e, restart in zip(patterns, of_each, strict=True) for r in _pattern_rows(e, restart, letters)]
    places = [row, *(_same_sequence(of_data[0], row, e) for e in of_data[1:])] if of_data else []
    if of_data:
        sequences = of_data[0].sequences
        text = sequences.alphabet.decode(np.asarray(sequences.codes[row]))
        rows.append(
            _note("the inputs above are optimised; their positions are not those of the sequence")
            if patterns
            else _gap(0.2)
        )
        rows.append(_Row(1, _labelled("sequence", sequence_row(text))))
    for explanation, place in zip(of_data, places, strict=True):
        rows.append(_caption(explanation, place, letters))
        rows += _ROWS[explanation.kind](explanation, place)
    return _laid_out(rows, several[0] if not of_data else of_data[0], row, of_data, lengths.pop())


def best_restart(pattern: Explanation) -> int:
    """Return the restart whose best letters have the highest target. An unconstrained input can exceed what any DNA
    reaches.

    Parameters
    ----------
    pattern
        An explanation of kind pattern.

    Returns
    -------
    int
        Row of the restart with the highest target of its best letters.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.testing import tiny_model
    >>> from demo_core.views import best_restart
    >>> best_restart(explain("class-optimization", tiny_model(), steps=2)) in range(8)
    True
    """
    return int(np.argmax(np.nan_to_num(pattern.extra("one-hot"), nan=-np.inf)))


def _same_sequence(first: Explanation, row: int, other: Explanation) -> int:
    name = str(first.sequences.ids[row])
    try:
        found = other.row_of(name)
    except UsageProblem:
        raise UsageProblem(
            f"{_file_of(other)} lacks '{printable(name, 60)}', which {_file_of(first)} explains; "
            "plot explanations of the same data, or choose another --id"
        ) from None
    if not np.array_equal(first.sequences.codes[row], other.sequences.codes[found]):
        raise UsageProblem(
            f"'{printable(name, 60)}' differs between {_file_of(other)} and {_file_of(first)}; "
            "plot explanations of the same data"
        )
    return found


def _file_of(explanation: Explanation) -> str:
    return printable(explanation._file.filename) if explanation._file else _source(explanation)


def _width(length: int) -> float:
    """Return the width of a figure in inches."""
    return float(np.clip(length * 0.125 + 2.2, 7, 40))


def _letters_of_a_line(lengths: set[int]) -> int:
    """Return how many characters of a caption fit beside the labels and the colour bars."""
    return int((_width(min(lengths)) - 1.7) * 72 / _CAPTION / 0.6)


def _laid_out(rows: list[_Row], main: Explanation, row: int, of_data: list[Explanation], length: int) -> Figure:
    width = _width(length)
    top, bottom = (0.45 if of_data else 0.1), 0.5
    height = sum(r.height for r in rows) * _UNIT * 1.12 + top + bottom
    figure = Figure(figsize=(width, height), dpi=150)
    panels = figure.subplots(
        len(rows),
        2,
        sharex="col",
        squeeze=False,
        gridspec_kw={
            "height_ratios": [r.height for r in rows],
            "width_ratios": [width * 4, 1],
            "hspace": 0.12 * len(rows) / sum(r.height for r in rows),
            "wspace": 0.03,
        },
    )
    for axes in panels[:, 1]:
        axes.axis("off")
    for (axes, bar), one in zip(panels, rows, strict=True):
        if isinstance(mappable := one.draw(axes), ScalarMappable):
            _with_bar(bar, mappable)
    if of_data and main.sequences.sites is not None:
        boxed = [axes for axes, one in zip(panels[:, 0], rows, strict=True) if one.boxed]
        _box_sites(boxed, np.asarray(main.sequences.sites[row]))
    _position_axis(panels[-1, 0], main if of_data else None, row, length)
    if of_data:
        title = _title(of_data, row)
        figure.suptitle(title, x=0.5, y=1 - 0.12 / height, fontsize=9, va="top", parse_math=False)
    figure.subplots_adjust(left=0.95 / width, right=1 - 0.75 / width, top=1 - top / height, bottom=bottom / height)
    return figure


def _attribution_rows(explanation: Explanation, row: int) -> list[_Row]:
    alphabet = explanation.sequences.alphabet
    actual = np.asarray(explanation.values[row], np.float64) * explanation.one_hot([row])[0]
    strength = actual.sum(axis=0)
    return [
        _Row(6, _framed(logo_row(actual, alphabet.letters))),
        _Row(1, _labelled("|value|", size_row(strength))),
        _Row(1, _labelled("value", signed_row(strength))),
    ]


def _trace_rows(explanation: Explanation, row: int) -> list[_Row]:
    values, probability = np.asarray(explanation.values[row], np.float64), explanation.is_probability
    names = [printable(c, 20) for c in explanation.provenance.channels]
    inks = [_CHANNELS[i % len(_CHANNELS)] for i in range(len(names))]
    strips = channel_rows(values, probability)
    curves = _labelled("P" if probability else "score", _framed(curves_row(values, inks, probability)))
    return [_Row(4, curves), *(_Row(1, _labelled(*one)) for one in zip(names, strips, inks, strict=True))]


def _interaction_rows(explanation: Explanation, row: int) -> list[_Row]:
    sequences = explanation.sequences
    length, text = sequences.length, sequences.alphabet.decode(np.asarray(sequences.codes[row]))
    square = map_row(reduced_map(lambda some: explanation.values[row, some], length), length=length)

    def draw(axes: Axes) -> Any:
        mappable = square(axes)
        draw_sequence_beside(axes, text)
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
        axes.tick_params(axis="y", labelsize=7)
        _name_positions(axes.yaxis, explanation, row, length)
        return mappable

    return [_Row(min(_width(length) - 1.7, _TALLEST) / _UNIT / 1.12, draw)]


_ROWS: dict[str, Callable[[Explanation, int], list[_Row]]] = {
    "attribution": _attribution_rows,
    "trace": _trace_rows,
    "interaction": _interaction_rows,
}


def _pattern_rows(explanation: Explanation, restart: int, letters_of_a_line: int) -> list[_Row]:
    logo = pattern_row(np.asarray(explanation.values[restart]), explanation.sequences.alphabet.letters)
    caption = _caption(explanation, restart, letters_of_a_line)
    return [caption, _Row(5, _labelled("bits", _framed(logo)), boxed=False)]


def _framed(draw: Draw) -> Draw:
    """Add a row with a scale on its left and no other frame."""

    def framed(axes: Axes) -> Any:
        mappable = draw(axes)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
        axes.tick_params(axis="y", labelsize=7)
        axes.yaxis.set_major_formatter(lambda value, place: f"{value:.3g}")  # no common factor above the caption
        return mappable

    return framed


def _labelled(text: str, draw: Draw, ink: str = "black") -> Draw:
    def labelled(axes: Axes) -> Any:
        mappable = draw(axes)
        axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8, color=ink, parse_math=False)
        return mappable

    return labelled


def _note(text: str) -> _Row:
    def write(axes: Axes) -> None:
        axes.axis("off")
        axes.text(1, 0.5, text, transform=axes.transAxes, fontsize=6.5, ha="right", va="center", color="#666666")

    return _Row(1.2, write, boxed=False)


def _gap(height: float) -> _Row:
    return _Row(height, lambda axes: axes.axis("off") and None, boxed=False)


def _caption(explanation: Explanation, row: int, letters_of_a_line: int) -> _Row:
    """Return the caption of a block: model, explainer, target and prediction."""
    source, said = _source(explanation), _said(explanation, row)
    whole = f"{source}   {said}"
    parts = [whole] if len(whole) <= letters_of_a_line else [source, said]
    lines = [line for part in parts for line in textwrap.wrap(part, letters_of_a_line) or [""]]

    def write(axes: Axes) -> None:
        axes.axis("off")
        text = "\n".join(lines)
        axes.text(0, 0.1, text, transform=axes.transAxes, fontsize=_CAPTION, va="bottom", parse_math=False)

    return _Row(1.2 + 0.65 * (len(lines) - 1), write, boxed=False)


def _source(explanation: Explanation) -> str:
    model, explainer = printable(explanation.model_name, 40), printable(explanation.explainer, 40)
    # the rows of a trace or pattern state the rest
    provenance = explanation.provenance
    of_target = explanation.kind in ("attribution", "interaction") and provenance.unit in ("", "logit")
    logit = provenance.target.is_logit and of_target
    of = f"{printable(explanation.target, 60)}{' (logit)' if logit else ''}"
    changed = explanation.provenance.options_changed
    notes = [f"{printable(n, 40)} = {printable(v, 40)}" for n, v in changed.items()]
    if explanation.provenance.average_strands:
        notes.append("both strands averaged")
    return f"{model}: {explainer} of {of}" + (f" ({', '.join(notes)})" if notes else "")


def _said(explanation: Explanation, row: int) -> str:
    """Return the prediction for the sequence, or for a pattern and its best letters."""
    if explanation.kind == "pattern":
        of = f"{printable(explanation.sequences.ids[row], 40)} of {len(explanation)}"
        reached, one_hot = float(explanation.target_values[row]), float(explanation.extra("one-hot")[row])
        return f"{of}: {_reached(explanation, reached)}; best letters: {_reached(explanation, one_hot)}"
    outputs, names = explanation.outputs[row], [o.name for o in explanation.provenance.target.outputs]
    parts = []
    for column, output in enumerate(explanation.provenance.model.outputs):
        if output.name in names:
            unit = "P" if output.is_probability else ""
            parts.append(f"{unit}({printable(output.name, 30)}) = {output.predict(outputs[column]):.3f}")
    if COMPLETENESS in explanation.provenance.extras:
        parts.append(f"completeness error {100 * float(explanation.extra(COMPLETENESS)[row]):.2g} %")
    small = explanation.kind != "interaction" or explanation.sequences.length <= _CHECKED
    if small and not np.isfinite(explanation.values[row]).all():
        parts.append("grey: no score" if explanation.kind == "trace" else "some values are NaN or infinite")
    return "   ".join(parts)


def _reached(explanation: Explanation, value: float) -> str:
    """Format a target's value; for a logit, its probability too."""
    if explanation.provenance.target.is_logit:
        return f"logit {value:.3g} (P {logistic(value):.3f})"
    return f"{value:.3g}"


def _title(explanations: Sequence[Explanation], row: int) -> str:
    """Return a title that identifies the sequence, with its interval and labels."""
    sequences = explanations[0].sequences
    parts = [printable(sequences.ids[row], 60)]
    if (interval := sequences.interval(row)) and str(interval) != parts[0]:
        parts.append(printable(interval, 60))
    for name in dict.fromkeys(o.name for e in explanations for o in e.provenance.target.outputs):
        if name in sequences.targets:
            label = float(sequences.take([row]).labels_of(name)[0])
            shown = "unknown" if np.isnan(label) else f"{label:g}"
            parts.append(f"label {printable(name, 30)}: {shown}")
    return "   ".join(parts)


def _with_bar(place: Axes, mappable: Any) -> None:
    place.axis("on")
    bar = place.figure.colorbar(mappable, cax=place)
    bar.ax.tick_params(labelsize=6, length=2)
    bar.outline.set_linewidth(0.4)
    low, high = mappable.norm.vmin, mappable.norm.vmax
    bar.set_ticks([low, high], labels=[f"{low:.2g}", f"{high:.2g}"])
    low_label, high_label = bar.ax.get_yticklabels()
    low_label.set_verticalalignment("bottom")  # the strips are so low that two labels would overlap
    high_label.set_verticalalignment("top")


def _box_sites(panels: Sequence[Axes], sites: NDArray[np.uint8]) -> None:
    edges = np.diff(np.pad(sites > 0, 1).astype(int))
    for start, end in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
        for axes in panels:
            low, high = sorted(axes.get_ylim())
            box = Rectangle((start - 0.5, low), end - start, high - low, fill=False, edgecolor=_SITE, linewidth=1.2)
            axes.add_patch(box)
        where = (start - 0.5, panels[0].get_ylim()[1])
        panels[0].annotate("known site", where, fontsize=7, color=_SITE, va="bottom", ha="left")


def _position_axis(axes: Axes, explanation: Explanation | None, row: int, length: int) -> None:
    axes.spines["bottom"].set_visible(True)
    axes.tick_params(axis="x", bottom=True, labelbottom=True, labelsize=7)
    _name_positions(axes.xaxis, explanation, row, length)
    interval = explanation.sequences.interval(row) if explanation else None
    place = (
        f"in the {'sequence' if explanation else 'pattern'}"
        if interval is None
        else f"on {printable(interval.chrom, 60)}"
    )
    axes.set_xlabel(f"position {place} (from 1)", fontsize=8, parse_math=False)


def _name_positions(axis: Axis, explanation: Explanation | None, row: int, length: int) -> None:
    """Label about ten ticks with positions in the sequence or on the chromosome."""
    ticks = list(range(0, length, max(1, round(length / 10 / 5) * 5)))
    interval = explanation.sequences.interval(row) if explanation else None
    named = [str(t + 1) if interval is None else f"{interval.position(t) + 1:,}" for t in ticks]
    axis.set_ticks(ticks, labels=named)
