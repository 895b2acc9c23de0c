"""Colour palettes: the paper's, and one for readers with red-green colour blindness."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.colors import LinearSegmentedColormap

from demo_core.views import PAPER, Colours


@dataclass(frozen=True)
class Palette(Colours):
    """Colours, including those of known sites and motif sites."""

    truth: str
    motif: str


PALETTES = {
    "paper": Palette(PAPER.letters, PAPER.sizes, PAPER.around, "#5e3c99", "#00796b"),
    # letters: Okabe & Ito; strips: light to dark, and blue to orange
    "safe": Palette(
        {"A": "#009e73", "C": "#0072b2", "G": "#e69f00", "T": "#cc79a7"},
        LinearSegmentedColormap.from_list("white-black", ["#ffffff", "#bdbdbd", "#636363", "#000000"]),
        LinearSegmentedColormap.from_list("blue-white-orange", ["#2166ac", "#ffffff", "#b35806"]),
        "#000000",
        "#0072b2",
    ),
}
