"""Rows of a figure: for each kind of values, a function that draws into matplotlib axes.

Each function returns a function of axes, which returns the mappable of a colour bar, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, TwoSlopeNorm
from numpy.typing import ArrayLike, NDArray

from demo_core.views.drawing import (
    BLUE_WHITE_RED,
    LETTER_COLOURS,
    WHITE_RED,
    draw_logo,
    draw_sequence,
    draw_strip,
    draw_traces,
    information,
    pattern_probabilities,
)
from demo_core.views.maps import draw_map

Draw = Callable[[Axes], Any]


@dataclass(frozen=True)
class Colours:
    """Colours of letters, of magnitudes from zero up, and of values around a middle.

    Examples
    --------
    >>> from demo_core.views import PAPER
    >>> sorted(PAPER.letters)
    ['A', 'C', 'G', 'T']
    """

    letters: Mapping[str, str]
    sizes: Colormap
    around: Colormap


#: Colours of the paper.
PAPER = Colours(LETTER_COLOURS, WHITE_RED, BLUE_WHITE_RED)


def sequence_row(text: str, colours: Colours = PAPER) -> Draw:
    """Row with the letters of a sequence.

    Parameters
    ----------
    text
        Letters of the sequence.
    colours
        Colours.

    Returns
    -------
    callable
        Function that draws into axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import sequence_row
    >>> sequence_row("ACGT")(Figure().add_subplot())
    """
    return lambda axes: draw_sequence(axes, text, colours=colours.letters)


def logo_row(heights: ArrayLike, letters: str, colours: Colours = PAPER) -> Draw:
    """Row with a logo of signed letter heights (A, L).

    Parameters
    ----------
    heights
        (A, L), signed letter heights.
    letters
        The A letters.
    colours
        Colours.

    Returns
    -------
    callable
        Function that draws into axes.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import logo_row
    >>> logo_row(np.eye(4), "ACGT")(Figure().add_subplot())
    """
    return lambda axes: draw_logo(axes, heights, letters, colours=colours.letters)


def pattern_row(values: ArrayLike, letters: str, colours: Colours = PAPER) -> Draw:
    """Row with an optimised input (A, L) as a logo in bits.

    Parameters
    ----------
    values
        (A, L), an optimised input.
    letters
        The A letters.
    colours
        Colours.

    Returns
    -------
    callable
        Function that draws into axes.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import pattern_row
    >>> pattern_row(np.eye(4), "ACGT")(Figure().add_subplot())
    """

    def draw(axes: Axes) -> None:
        draw_logo(axes, information(pattern_probabilities(values)), letters, colours=colours.letters)
        axes.set_ylim(0, np.log2(len(letters)))

    return draw


def size_row(strength: NDArray[Any], colours: Colours = PAPER) -> Draw:
    """Row with magnitudes (L,) of values, as a strip from zero up.

    Parameters
    ----------
    strength
        (L,), attributions of the bases.
    colours
        Colours.

    Returns
    -------
    callable
        Function that draws into axes and returns the mappable.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import size_row
    >>> size_row(np.array([0.5, 2.0]))(Figure().add_subplot()).get_clim()
    (0.0, 2.0)
    """
    norm = Normalize(0, _largest(strength))
    return lambda axes: draw_strip(axes, np.abs(strength), colours.sizes, norm)


def signed_row(strength: NDArray[Any], colours: Colours = PAPER) -> Draw:
    """Row with values (L,), as a strip around zero.

    Parameters
    ----------
    strength
        (L,), attributions of the bases.
    colours
        Colours.

    Returns
    -------
    callable
        Function that draws into axes and returns the mappable.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import signed_row
    >>> signed_row(np.array([-1.0, 2.0]))(Figure().add_subplot()).get_clim()
    (-2.0, 2.0)
    """
    largest = _largest(strength)
    return lambda axes: draw_strip(axes, strength, colours.around, TwoSlopeNorm(0, -largest, largest))


def channel_rows(values: NDArray[Any], probability: bool, colours: Colours = PAPER) -> list[Draw]:
    """Row with channels (C, L) of a trace, as strips on one scale: around 0.5 for probabilities, otherwise around 0.

    Parameters
    ----------
    values
        (C, L), channels of a trace.
    probability
        Whether values are probabilities.
    colours
        Colours.

    Returns
    -------
    list
        C functions that draw into axes and return the mappable.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.views import channel_rows
    >>> len(channel_rows(np.full((2, 10), 0.5), probability=True))
    2
    """
    low, middle, high = _limits(values, probability)

    def strip(channel: NDArray[Any]) -> Draw:
        return lambda axes: draw_strip(axes, channel, colours.around, TwoSlopeNorm(middle, low, high))

    return [strip(channel) for channel in values]


def curves_row(values: NDArray[Any], inks: Sequence[str], probability: bool) -> Draw:
    """Row with channels (C, L) of a trace, as curves."""
    low, middle, high = _limits(values, probability)
    return lambda axes: draw_traces(axes, values, inks, middle=middle, low=low, high=high)


def map_row(values: NDArray[Any], colours: Colours = PAPER, length: int = 0) -> Draw:
    """Row with interactions (L, L), as a map around zero, or from zero if none is negative.

    Parameters
    ----------
    values
        (L, L), interactions. Or (C, C) from ``reduced_map``.
    colours
        Colours.
    length
        L. Required for a map from ``reduced_map``.

    Returns
    -------
    callable
        Function that draws into axes and returns the mappable.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from demo_core.views import map_row
    >>> map_row(-np.eye(3))(Figure().add_subplot()).get_clim()
    (-1.0, 1.0)
    """
    largest = _largest(values)
    if not (values < 0).any():
        return lambda axes: draw_map(axes, values, colours.sizes, Normalize(0, largest), length)
    return lambda axes: draw_map(axes, values, colours.around, TwoSlopeNorm(0, -largest, largest), length)


def _limits(values: NDArray[Any], probability: bool) -> tuple[float, float, float]:
    largest = _largest(values)
    return (0.0, 0.5, 1.0) if probability else (-largest, 0.0, largest)


def _largest(values: NDArray[Any]) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0)) or 1.0
