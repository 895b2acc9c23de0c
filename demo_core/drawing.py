"""Letters, logos and strips with matplotlib: glyph paths, so that a logo takes milliseconds and prints as vectors.

Figures are made without pyplot: nothing is global, and no window system is touched. Names from data are never read
as mathematics.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from demo_core.errors import printable
from demo_core.explanation import Explanation

#: The paper's colours.
LETTER_COLOURS = {"A": "#1a9641", "C": "#2b5fd9", "G": "#f39c12", "T": "#d7191c"}
_OTHER_LETTER = "#777777"
WHITE_RED = LinearSegmentedColormap.from_list("white-red", ["#ffffff", "#fcbba1", "#ef3b2c", "#99000d"])
BLUE_WHITE_RED = LinearSegmentedColormap.from_list("blue-white-red", ["#2166ac", "#ffffff", "#b2182b"])
_SITE = "#5e3c99"


def draw_logo(axes: Axes, heights: ArrayLike, letters: str = "ACGT", *, start: float = 0.0) -> None:
    """Draw a logo of signed letter heights (A, L): the largest next to the axis, negative ones below it.

    Positions are centred on whole numbers from ``start`` on. Heights that are not finite are left out.
    """
    values = np.nan_to_num(np.asarray(heights, float), nan=0.0, posinf=0.0, neginf=0.0)
    for sign in (1, -1):
        size = np.maximum(values * sign, 0.0)
        order = np.argsort(size, axis=0, kind="stable")[::-1]
        stacked = np.take_along_axis(size, order, axis=0)
        below = np.cumsum(stacked, axis=0) - stacked
        for row, letter in enumerate(letters):
            rank, place = np.nonzero((order == row) & (stacked > 0))
            tall, low = stacked[rank, place], below[rank, place]
            bottom = low if sign > 0 else -low - tall
            _add_letters(axes, letter, start + place - 0.5, bottom, 1.0, tall)
    positive, negative = np.maximum(values, 0).sum(0), np.minimum(values, 0).sum(0)
    top, bottom = float(positive.max(initial=0)), float(negative.min(initial=0))
    span = (top - bottom) or 1.0
    axes.set_ylim(bottom - 0.05 * span, top + 0.05 * span)
    axes.set_xlim(start - 0.5, start + max(values.shape[1], 1) - 0.5)
    axes.axhline(0, color="#333333", linewidth=0.6)


def draw_sequence(axes: Axes, sequence: str) -> None:
    """Draw a sequence in coloured letters of equal size; unknown bases in grey."""
    letters = np.array(list(sequence))
    for letter in sorted(set(sequence)):
        place = np.flatnonzero(letters == letter)
        _add_letters(axes, letter, place - 0.42, np.full(len(place), 0.08), 0.84, np.full(len(place), 0.84))
    axes.set_xlim(-0.5, len(sequence) - 0.5)
    axes.set_ylim(0, 1)
    _bare(axes)


def draw_strip(axes: Axes, values: ArrayLike, colours: Colormap, norm: Normalize) -> Any:
    """Draw numbers (L,) as a strip of coloured cells; what is not finite is hatched grey. Returns the mappable."""
    row = np.ma.masked_invalid(np.asarray(values, float))[None, :]
    axes.set_facecolor("#dddddd")
    edges = np.arange(row.shape[1] + 1) - 0.5
    mesh = axes.pcolormesh(edges, [0, 1], row, cmap=colours, norm=norm, linewidth=0)
    axes.set_xlim(-0.5, row.shape[1] - 0.5)
    _bare(axes)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)
    return mesh


def explanation_figure(explanation: Explanation, row: int) -> Figure:
    """One sequence of an explanation of kind attribution: logo, sequence, and strips of size and sign.

    Raises ValueError for other kinds.
    """
    if explanation.kind != "attribution":
        raise ValueError(f"cannot draw kind {explanation.kind}")
    sequences = explanation.sequences
    codes = np.asarray(sequences.codes[row])
    letters = sequences.alphabet.letters
    sequence = sequences.alphabet.decode(codes)
    x = sequences.alphabet.one_hot(codes)
    actual = np.asarray(explanation.values[row], np.float64) * x
    strength = actual.sum(axis=0)

    length = len(sequence)
    width = float(np.clip(length * 0.125 + 2.2, 7, 40))
    figure = Figure(figsize=(width, 3.7), dpi=150)
    panels = figure.subplots(
        4,
        2,
        sharex="col",
        gridspec_kw={
            "height_ratios": [6, 1, 1, 1],
            "width_ratios": [width * 4, 1],
            "hspace": 0.18,
            "wspace": 0.03,
        },
    )
    for axes in panels[:, 1]:
        axes.axis("off")
    logo, text, size, sign = panels[:, 0]
    draw_logo(logo, actual, letters)
    _logo_frame(logo, explanation)
    draw_sequence(text, sequence)
    largest = float(np.nanmax(np.abs(strength), initial=0.0)) or 1.0
    _with_bar(figure, panels[2, 1], draw_strip(size, np.abs(strength), WHITE_RED, Normalize(0, largest)))
    _with_bar(figure, panels[3, 1], draw_strip(sign, strength, BLUE_WHITE_RED, TwoSlopeNorm(0, -largest, largest)))
    _row_label(text, "sequence")
    _row_label(size, "|value|")
    _row_label(sign, "value")
    if sequences.sites is not None:
        _box_sites(panels[:, 0], np.asarray(sequences.sites[row]))
    _position_axis(sign, explanation, row, length)
    figure.suptitle(_title(explanation, row), x=0.5, y=0.985, fontsize=9, parse_math=False)
    figure.subplots_adjust(left=0.9 / width, right=1 - 0.75 / width, top=0.84, bottom=0.14)
    return figure


def save_figure(figure: Figure, path: Path, kind: str) -> None:
    """Save as png, svg or pdf; labels stay text that can be edited, in fonts that journals take (TrueType)."""
    with rc_context({"pdf.fonttype": 42, "svg.fonttype": "none"}):
        figure.savefig(path, format=kind)


def learning_curve_figure(epochs: Sequence[dict[str, Any]], best: int, score: str) -> Figure:
    """Loss and validation score over the epochs of a training, the epoch that was kept marked."""
    number = [e["epoch"] for e in epochs]
    curves = [
        ("loss", [("training", "#555555", "train_loss"), ("validation", "#2166ac", "validation_loss")]),
        (f"validation {score}", [("validation", "#2166ac", "validation_score")]),
    ]
    held_out = any(e["validation_loss"] is not None for e in epochs)
    panels = curves if held_out else [("loss", curves[0][1][:1])]
    figure = Figure(figsize=(3.5 * len(panels), 3), dpi=120)
    for axes, (title, lines) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        for label, colour, key in lines:
            axes.plot(number, [_nan(e[key]) for e in epochs], ".-", label=label, color=colour, linewidth=1)
        axes.axvline(best, color="#b2182b", linewidth=0.8, linestyle="--", label=f"kept: epoch {best}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(title)
        axes.set_xlim(min(number) - 0.5, max(number) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


@functools.lru_cache(maxsize=64)
def _unit_glyph(letter: str) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Vertices in the unit square, and codes, of a letter's outline."""
    glyph = TextPath((0, 0), letter, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    vertices, codes = np.asarray(glyph.vertices, float), np.asarray(glyph.codes, np.uint8)
    # the vertex of a CLOSEPOLY is meaningless and must not widen the box
    real = vertices[codes != Outline.CLOSEPOLY]
    low, high = real.min(0), real.max(0)
    return (vertices - low) / (high - low), codes


def _add_letters(
    axes: Axes, letter: str, left: NDArray[Any], bottom: NDArray[Any], width: float, height: NDArray[Any]
) -> None:
    """Draw one letter at many places, as a single path."""
    if not len(left):
        return
    vertices, codes = _unit_glyph(letter)
    scale = np.stack([np.full(len(left), width), height], axis=1)[:, None, :]
    placed = vertices * scale + np.stack([left, bottom], axis=1)[:, None, :]
    outline = Outline(placed.reshape(-1, 2), np.tile(codes, len(left)))
    # add_artist, since add_patch would walk every curve of the path to find limits that are set anyway
    patch = axes.add_artist(PathPatch(outline, facecolor=_colour(letter), linewidth=0))
    patch.set_clip_path(axes.patch)


def _colour(letter: str) -> str:
    return LETTER_COLOURS.get(letter, _OTHER_LETTER)


def _bare(axes: Axes) -> None:
    axes.set_yticks([])
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _logo_frame(axes: Axes, explanation: Explanation) -> None:
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_ylabel(printable(explanation.explainer, 30), fontsize=8, parse_math=False)


def _row_label(axes: Axes, text: str) -> None:
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)


def _with_bar(figure: Figure, place: Axes, mappable: Any) -> None:
    place.axis("on")
    bar = figure.colorbar(mappable, cax=place)
    bar.ax.tick_params(labelsize=6, length=2)
    bar.outline.set_linewidth(0.4)
    low, high = mappable.norm.vmin, mappable.norm.vmax
    bar.set_ticks([low, high], labels=[f"{low:.2g}", f"{high:.2g}"])


def _box_sites(panels: Any, sites: NDArray[np.uint8]) -> None:
    edges = np.diff(np.pad(sites > 0, 1).astype(int))
    for start, end in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
        for axes in panels:
            low, high = axes.get_ylim()
            box = Rectangle((start - 0.5, low), end - start, high - low, fill=False, edgecolor=_SITE, linewidth=1.2)
            axes.add_patch(box)
        panels[0].annotate(
            "known site",
            (start - 0.5, panels[0].get_ylim()[1]),
            fontsize=7,
            color=_SITE,
            va="bottom",
            ha="left",
        )


def _position_axis(axes: Axes, explanation: Explanation, row: int, length: int) -> None:
    step = max(1, round(length / 10 / 5) * 5)
    ticks = list(range(0, length, step))
    interval = explanation.sequences.interval(row)
    axes.tick_params(axis="x", bottom=True, labelbottom=True, labelsize=7)
    if interval is None:
        axes.set_xticks(ticks, labels=[str(t + 1) for t in ticks])
        axes.set_xlabel("position in the sequence (from 1)", fontsize=8)
    else:
        axes.set_xticks(ticks, labels=[f"{interval.position(t) + 1:,}" for t in ticks])
        axes.set_xlabel(f"position on {printable(interval.chrom, 60)} (from 1)", fontsize=8, parse_math=False)


def _title(explanation: Explanation, row: int) -> str:
    sequences = explanation.sequences
    parts = [printable(sequences.ids[row], 60)]
    if (interval := sequences.interval(row)) and str(interval) != parts[0]:
        parts.append(printable(interval, 60))
    outputs = explanation.metadata["model"]["targets"]
    names = [o["name"] for o in explanation.metadata["target"].get("outputs", outputs)]
    predictions = explanation.probabilities()[row]
    for column, output in enumerate(outputs):
        if output["name"] not in names:
            continue
        unit = "P" if output["activation"] == "sigmoid" else ""
        parts.append(f"{unit}({printable(output['name'], 30)}) = {predictions[column]:.3f}")
        if output["name"] in sequences.targets:
            label = float(sequences.labels[row, sequences.targets.index(output["name"])])
            parts.append("label unknown" if np.isnan(label) else f"label {label:g}")
    model, explainer = printable(explanation.model_name, 40), printable(explanation.explainer, 40)
    head = f"{model}: {explainer} of {_target_words(explanation)}"
    default = {name: value for name, value in explanation.metadata["options"].items() if value is not False}
    notes = [
        f"{printable(n, 40)} = {printable(v, 40)}" if v is not True else printable(n, 40) for n, v in default.items()
    ]
    if explanation.metadata["average_strands"]:
        notes.append("both strands averaged")
    if not np.isfinite(explanation.values[row]).all():
        notes.append("some values are not numbers")
    head += f" ({', '.join(notes)})" if notes else ""
    return head + "\n" + "   ".join(parts)


def _target_words(explanation: Explanation) -> str:
    """The target's name and what it is."""
    target = explanation.metadata["target"]
    name = printable(explanation.target, 60)
    logit = target.get("form") == "output" and target["outputs"][0]["activation"] == "sigmoid"
    return f"{name} (logit)" if logit else name


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
