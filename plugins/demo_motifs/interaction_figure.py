"""Heat maps of interactions: one panel per pair, arrangements as rows, distances as columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from demo_core.errors import printable
from demo_core.views import BLUE_WHITE_RED
from demo_motifs.interactions import Interaction
from demo_motifs.pairs import ARRANGEMENTS

_READ = {"A B": "A→ B→", "A b": "A→ ←B", "B A": "B→ A→", "b A": "←B A→"}


def interactions_figure(names: Sequence[str], found: Sequence[Interaction], unit: str) -> Figure:
    """Plot one colour scale for all panels, symmetric around 0; grey where a pair does not fit."""
    n = len(names)
    figure = Figure(figsize=(1.6 + 3.4 * n, 1.2 + 1.75 * n), layout="constrained")
    figure.suptitle("interaction: joint effect minus the sum of the single effects", fontsize=10)
    grid = figure.subplots(n, n, squeeze=False)
    distances = sorted({i.distance for i in found}) or [0]
    top = max((abs(i.interaction) for i in found), default=0.0) or 1.0
    norm = Normalize(-top, top)
    mesh = None
    for b, line in enumerate(grid):
        for a, axes in enumerate(line):
            if a > b:
                axes.axis("off")
                continue
            mine = {(i.arrangement, i.distance): i.interaction for i in found if (i.a, i.b) == (a, b)}
            rows = [x for x in ARRANGEMENTS if any(key[0] == x for key in mine)]
            values = np.array([[mine.get((row, d), np.nan) for d in distances] for row in rows]).reshape(len(rows), -1)
            axes.set_facecolor("#dddddd")
            if rows:
                mesh = axes.imshow(values, aspect="auto", cmap=BLUE_WHITE_RED, norm=norm, interpolation="nearest")
            axes.set_yticks(range(len(rows)), [_READ[row] for row in rows], fontsize=7)
            ticks = np.unique(np.linspace(0, len(distances) - 1, min(6, len(distances))).astype(int))
            axes.set_xticks(ticks, [str(distances[t]) for t in ticks], fontsize=7)
            title = f"A = {printable(names[a], 34)}\nB = {printable(names[b], 34)}"
            axes.set_title(title, fontsize=7, loc="left", parse_math=False)
            if b == n - 1:
                axes.set_xlabel("bases between them", fontsize=7)
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=grid, shrink=0.6)
        bar.set_label(f"interaction, {printable(unit, 60)}", fontsize=8, parse_math=False)
        bar.ax.tick_params(labelsize=7)
    return figure
