"""Colours: the paper's, and others for readers who cannot tell red from green."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.colors import LinearSegmentedColormap

from demo_core.views import PAPER, Colours


@dataclass(frozen=True)
class Palette(Colours):
    """Also the colours of known sites and of sites of a motif."""

    truth: str
    motif: str


PALETTES = {
    "paper": Palette(PAPER.letters, PAPER.sizes, PAPER.around, "#5e3c99", "#00796b"),
    # letters: Okabe & Ito's; strips: light to dark, and blue against orange
    "safe": Palette(
        {"A": "#009e73", "C": "#0072b2", "G": "#e69f00", "T": "#cc79a7"},
        LinearSegmentedColormap.from_list("white-black", ["#ffffff", "#bdbdbd", "#636363", "#000000"]),
        LinearSegmentedColormap.from_list("blue-white-orange", ["#2166ac", "#ffffff", "#b35806"]),
        "#000000",
        "#0072b2",
    ),
}
