"""Letters, logos and strips with matplotlib, as glyph paths: a logo takes milliseconds and is vector graphics.

Figures are made without pyplot: there is no global state, and no window. Names from data are never parsed as
mathematics.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

#: Colours of the paper.
LETTER_COLOURS = {"A": "#1a9641", "C": "#2b5fd9", "G": "#f39c12", "T": "#d7191c"}
#: Colour of unknown letters.
OTHER_LETTER = "#777777"
#: Colours of magnitudes, as in the paper.
WHITE_RED = LinearSegmentedColormap.from_list("white-red", ["#ffffff", "#fcbba1", "#ef3b2c", "#99000d"])
#: Colours of signed values and of probabilities, as in the paper.
BLUE_WHITE_RED = LinearSegmentedColormap.from_list("blue-white-red", ["#2166ac", "#ffffff", "#b2182b"])


def draw_logo(
    axes: Axes,
    heights: ArrayLike,
    letters: str = "ACGT",
    *,
    start: float = 0.0,
    colours: Mapping[str, str] = LETTER_COLOURS,
) -> None:
    """Draw a logo of signed letter heights (A, L): the largest next to the axis, negative ones below it.

    Positions are centred on integers from ``start`` on. Non-finite heights are not drawn.

    Parameters
    ----------
    axes
        Axes to draw on.
    heights
        (A, L), signed letter heights.
    letters
        The A letters.
    start
        Position of the first column.
    colours
        Colour of each letter.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import draw_logo
    >>> axes = Figure().add_subplot()
    >>> draw_logo(axes, np.eye(4))
    >>> [float(limit) for limit in axes.get_xlim()]
    [-0.5, 3.5]
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
            _add_letters(axes, letter, start + place - 0.5, bottom, 1.0, tall, colours)
    positive, negative = np.maximum(values, 0).sum(0), np.minimum(values, 0).sum(0)
    top, bottom = float(positive.max(initial=0)), float(negative.min(initial=0))
    span = (top - bottom) or 1.0
    axes.set_ylim(bottom - 0.05 * span, top + 0.05 * span)
    axes.set_xlim(start - 0.5, start + max(values.shape[1], 1) - 0.5)
    axes.axhline(0, color="#333333", linewidth=0.6)


def draw_sequence(axes: Axes, sequence: str, *, colours: Mapping[str, str] = LETTER_COLOURS) -> None:
    """Draw a sequence in coloured letters of equal size; unknown bases in grey.

    Parameters
    ----------
    axes
        Axes to draw on.
    sequence
        Letters; unknown ones are grey.
    colours
        Colour of each letter.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import draw_sequence
    >>> axes = Figure().add_subplot()
    >>> draw_sequence(axes, "ACGTN")
    >>> [float(limit) for limit in axes.get_xlim()]
    [-0.5, 4.5]
    """
    letters = np.array(list(sequence))
    for letter in sorted(set(sequence)):
        place = np.flatnonzero(letters == letter)
        size = np.full(len(place), 0.84)
        _add_letters(axes, letter, place - 0.42, np.full(len(place), 0.08), 0.84, size, colours)
    axes.set_xlim(-0.5, len(sequence) - 0.5)
    axes.set_ylim(0, 1)
    _bare(axes)


def draw_strip(axes: Axes, values: ArrayLike, colours: Colormap, norm: Normalize) -> Any:
    """Draw numbers (L,) as a strip of coloured cells; non-finite values are hatched grey. Return the mappable.

    Parameters
    ----------
    axes
        Axes to draw on.
    values
        (L,), one number per position.
    colours
        Colour map.
    norm
        Normalisation of the numbers.

    Returns
    -------
    ScalarMappable
        The mappable, for a colour bar.

    Examples
    --------
    >>> from matplotlib.colors import Normalize
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import WHITE_RED, draw_strip
    >>> strip = draw_strip(Figure().add_subplot(), [0.0, 0.5, 1.0], WHITE_RED, Normalize(0, 1))
    >>> strip.get_array().size
    3
    """
    row = np.ma.masked_invalid(np.asarray(values, float))[None, :]
    axes.set_facecolor("#dddddd")
    edges = np.arange(row.shape[1] + 1) - 0.5
    # edges in the colour of the cells, since viewers of vector graphics show seams otherwise
    mesh = axes.pcolormesh(edges, [0, 1], row, cmap=colours, norm=norm, linewidth=0.2, edgecolors="face")
    axes.set_xlim(-0.5, row.shape[1] - 0.5)
    _bare(axes)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)
    return mesh


def draw_traces(
    axes: Axes, values: ArrayLike, colours: Sequence[str], *, middle: float, low: float, high: float
) -> None:
    """Draw channels (C, L) as curves over positions, with a line at ``middle``; non-finite values are gaps."""
    channels = np.ma.masked_invalid(np.asarray(values, float))
    for channel, colour in zip(channels, colours, strict=True):
        axes.plot(np.arange(len(channel)), channel, color=colour, linewidth=1.2)
    axes.axhline(middle, color="#999999", linewidth=0.6, linestyle=":")
    axes.set_xlim(-0.5, channels.shape[1] - 0.5)
    room = 0.04 * (high - low)
    axes.set_ylim(low - room, high + room)


def pattern_probabilities(values: ArrayLike) -> NDArray[np.float64]:
    """Convert an optimised input (A, L) to probabilities: clamp to [0, 1], divide by the maximum, add 0.01, normalise.

    Source: Lanchantin et al., PSB 2017.

    Parameters
    ----------
    values
        (A, L), an optimised input.

    Returns
    -------
    ndarray
        (A, L), columns sum to 1.

    Examples
    --------
    >>> from demo_core.views import pattern_probabilities
    >>> pattern_probabilities([[1.0], [0.0], [0.0], [0.0]]).round(2).ravel().tolist()
    [0.97, 0.01, 0.01, 0.01]
    """
    clamped = np.clip(np.nan_to_num(np.asarray(values, float)), 0, 1)
    raised = clamped / (clamped.max(initial=0.0) or 1.0) + 0.01
    return np.asarray(raised / raised.sum(axis=0))


def information(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Letter heights (A, L) in bits: the information content of each position, divided by probability.

    Source: Schneider & Stephens, Nucleic Acids Research 1990, 18:6097, without correction for small samples.

    Parameters
    ----------
    probabilities
        (A, L), columns sum to 1.

    Returns
    -------
    ndarray
        (A, L), letter heights in bits.

    Examples
    --------
    >>> from demo_core.views import information
    >>> information([[1.0, 0.25], [0.0, 0.25], [0.0, 0.25], [0.0, 0.25]]).sum(0).tolist()
    [2.0, 0.0]
    """
    p = np.asarray(probabilities, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.log2(len(p)) + np.where(p > 0, p * np.log2(p), 0.0).sum(axis=0)
    return np.asarray(p * bits)


def save_figure(figure: Figure, path: Path, kind: str) -> None:
    """Save as png, svg or pdf. Labels stay editable text, in TrueType fonts as journals require.

    Parameters
    ----------
    figure
        A matplotlib figure.
    path
        File to write.
    kind
        ``png``, ``svg`` or ``pdf``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import save_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "figure.svg"
    ...     save_figure(Figure(), path, "svg")
    ...     path.exists()
    True
    """
    with rc_context({"pdf.fonttype": 42, "svg.fonttype": "none"}):
        figure.savefig(path, format=kind)


def learning_curve_figure(epochs: Sequence[dict[str, Any]], best: int, score: str) -> Figure:
    """Plot loss and validation score by epoch, and mark the kept epoch.

    Parameters
    ----------
    epochs
        Records of epochs, as in ``model.json``.
    best
        Number of the kept epoch.
    score
        Name of the validation score.

    Returns
    -------
    Figure
        The figure.

    Examples
    --------
    >>> from demo_core.views import learning_curve_figure
    >>> epoch = {"epoch": 1, "train_loss": 0.7, "validation_loss": 0.6, "validation_score": 0.8}
    >>> len(learning_curve_figure([epoch, {**epoch, "epoch": 2}], 2, "AUROC").axes)
    2
    """
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
        axes.legend(frameon=False, fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, columnspacing=1)
    figure.tight_layout()
    return figure


@functools.lru_cache(maxsize=64)
def _unit_glyph(letter: str) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return vertices in the unit square, and codes, of a letter's outline."""
    glyph = TextPath((0, 0), letter, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    vertices, codes = np.asarray(glyph.vertices, float), np.asarray(glyph.codes, np.uint8)
    # the vertex of a CLOSEPOLY is meaningless and must not widen the box
    real = vertices[codes != Outline.CLOSEPOLY]
    low, high = real.min(0), real.max(0)
    return (vertices - low) / (high - low), codes


def _add_letters(
    axes: Axes,
    letter: str,
    left: NDArray[Any],
    bottom: NDArray[Any],
    width: float,
    height: NDArray[Any],
    colours: Mapping[str, str],
) -> None:
    """Draw one letter at many places, as a single path."""
    if not len(left):
        return
    vertices, codes = _unit_glyph(letter)
    scale = np.stack([np.full(len(left), width), height], axis=1)[:, None, :]
    placed = vertices * scale + np.stack([left, bottom], axis=1)[:, None, :]
    outline = Outline(placed.reshape(-1, 2), np.tile(codes, len(left)))
    # add_artist, since add_patch would compute limits from every curve, which are already set
    patch = axes.add_artist(PathPatch(outline, facecolor=colours.get(letter, OTHER_LETTER), linewidth=0))
    patch.set_clip_path(axes.patch)


def _bare(axes: Axes) -> None:
    axes.set_yticks([])
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
