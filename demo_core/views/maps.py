"""Maps of interactions between positions, at the resolution of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, Normalize
from numpy.typing import ArrayLike, NDArray

from demo_core.views.drawing import LETTER_COLOURS, OTHER_LETTER

#: Numbers of a map that are read at once.
_READ = 4_000_000
#: Minimum height of a letter in inches.
_LETTER = 0.05


def draw_map(axes: Axes, values: ArrayLike, colours: Colormap, norm: Normalize, length: int = 0) -> Any:
    """Draw numbers (L, L) as a map whose columns are positions; non-finite values are grey. Return the mappable.

    Parameters
    ----------
    axes
        Axes to draw on.
    values
        (L, L); columns are positions. Or (C, C) from ``reduced_map``.
    colours
        Colour map.
    norm
        Normalisation of the numbers.
    length
        L. Required for a map from ``reduced_map``.

    Returns
    -------
    ScalarMappable
        The mappable, for a colour bar.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.colors import Normalize
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import BLUE_WHITE_RED, draw_map
    >>> drawn = draw_map(Figure().add_subplot(), np.eye(3), BLUE_WHITE_RED, Normalize(-1, 1))
    >>> drawn.get_array().shape
    (3, 3)
    """
    square = np.ma.masked_invalid(np.asarray(values, float))
    axes.set_facecolor("#dddddd")
    length = length or square.shape[1]
    edges = np.minimum(np.arange(square.shape[1] + 1) * -(-length // square.shape[1]), length) - 0.5
    mesh = axes.pcolormesh(edges, edges, square, cmap=colours, norm=norm, linewidth=0, rasterized=True)
    axes.set_xlim(-0.5, length - 0.5)
    axes.set_ylim(length - 0.5, -0.5)
    return mesh


def draw_sequence_beside(axes: Axes, sequence: str, *, colours: Mapping[str, str] = LETTER_COLOURS) -> None:
    """Draw a sequence downwards on the left of a map, one letter per row; a strip of colours if it is long.

    Parameters
    ----------
    axes
        Axes of the map.
    sequence
        Letters; unknown ones are grey.
    colours
        Colour of each letter.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import draw_sequence_beside
    >>> axes = Figure().add_subplot()
    >>> draw_sequence_beside(axes, "ACGTN")
    >>> len(axes.child_axes)
    1
    """
    width, height = (side / axes.figure.dpi for side in axes.get_window_extent().size)
    side = axes.inset_axes((-0.17 / width, 0, 0.12 / width, 1))
    codes = np.array([list(colours).index(letter) if letter in colours else len(colours) for letter in sequence])
    if len(sequence) * _LETTER <= height:
        for place, letter in enumerate(sequence):
            ink = colours.get(letter, OTHER_LETTER)
            side.text(0.5, place, letter, fontsize=6, ha="center", va="center", color=ink)
    else:
        palette = ListedColormap([*colours.values(), OTHER_LETTER])
        side.imshow(codes[:, None], cmap=palette, vmin=0, vmax=len(colours), aspect="auto", interpolation="nearest")
    side.set_ylim(len(sequence) - 0.5, -0.5)
    side.axis("off")
    axes.tick_params(axis="y", pad=12)


def reduced_map(read: Callable[[slice], NDArray[Any]], length: int, cells: int = 1000) -> NDArray[np.float32]:
    """Return a map (L, L) with at most ``cells`` rows and columns, for a picture. Memory holds a few rows of cells.

    Each cell holds the value of its block that has the largest magnitude, so single strong interactions stay visible.

    Parameters
    ----------
    read
        Returns the given rows of the map, (n, L).
    length
        L.
    cells
        Maximum number of rows and columns.

    Returns
    -------
    ndarray
        (C, C); a cell is NaN if its block has no finite value.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.views import reduced_map
    >>> values = np.diag([1.0, -5.0, 2.0, 3.0])
    >>> reduced_map(values.__getitem__, 4, cells=2).tolist()
    [[-5.0, 0.0], [0.0, 3.0]]
    """
    step = -(-length // cells)
    size = -(-length // step)
    found = np.empty((size, size), np.float32)
    at_once = max(1, _READ // (step * length))  # cells: small reads would decompress each chunk of a file many times
    for first in range(0, size, at_once):
        slab = np.asarray(read(slice(first * step, (first + at_once) * step)), np.float32)
        for cell, start in enumerate(range(0, len(slab), step), first):
            rows = slab[start : start + step]
            rows = np.pad(rows, ((0, 0), (0, size * step - length)), constant_values=np.nan)
            blocks = rows.reshape(len(rows), size, step).swapaxes(0, 1).reshape(size, -1)
            sizes = np.where(np.isfinite(blocks), np.abs(blocks), -1)
            largest = sizes.argmax(axis=1)
            every = np.arange(size)
            found[cell] = np.where(sizes[every, largest] < 0, np.nan, blocks[every, largest])
    return found
