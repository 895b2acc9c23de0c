"""Figure of found motifs: letters of the seqlets, contributions, and the best match."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from demo_core.errors import counted, printable
from demo_core.views import draw_logo, information
from demo_motifs.naming import Match, NamedMotif

#: Maximum number of motifs drawn; the table has all.
MOST = 24
_TITLES = ("seqlets, bits", "mean contribution", "best match, bits")


def motifs_figure(motifs: Sequence[NamedMotif]) -> Figure:
    """Plot a row for each motif: its logo, its contributions, and its best match, aligned."""
    shown = list(motifs)[:MOST]
    rows = max(1, len(shown))
    figure = Figure(figsize=(11, 0.7 + 1.35 * rows), layout="constrained")
    title = f"{len(motifs)} motif{'' if len(motifs) == 1 else 's'}"
    figure.suptitle(title + (f", the first {MOST}" if len(motifs) > MOST else ""), fontsize=10)
    grid = figure.subplots(rows, 3, squeeze=False)
    if not shown:
        for axes in grid[0]:
            axes.axis("off")
        grid[0][1].text(0.5, 0.5, "no motif was found", ha="center", va="center")
        return figure
    for line, (named, three) in enumerate(zip(shown, grid, strict=True)):
        logos = [information(named.motif.ppm), named.motif.contributions]
        left, right = 0, named.motif.counts.shape[1]
        if named.name:
            matched, first = aligned(named.matches[0])
            logos.append(matched)
            left, right = min(0, first), max(right, first + matched.shape[1])
        for column, axes in enumerate(three):
            if column >= len(logos):
                axes.axis("off")
                continue
            draw_logo(axes, logos[column], start=first if column == 2 else 0)
            axes.set_xlim(left - 0.5, right - 0.5)
            if column != 1:
                axes.set_ylim(0, 2.05)
            _bare(axes)
            if not line:
                axes.set_title(_TITLES[column], fontsize=9)
        head = f"{printable(named.id, 50)}\n{counted(len(named.motif.sites), 'seqlet')}"
        three[0].set_ylabel(head, rotation=0, ha="right", va="center", fontsize=7.5, labelpad=8, parse_math=False)
        if named.matches and not named.name:
            three[2].text(0.5, 0.5, f"no match (best q = {named.matches[0].q:.2g})", ha="center", va="center",
                          fontsize=7.5, transform=three[2].transAxes)  # fmt: skip
        if named.name:
            best = named.matches[0]
            said = f"{printable(best.label, 40)}\nq = {best.q:.1e}"
            three[2].yaxis.set_label_position("right")
            three[2].set_ylabel(said, rotation=0, ha="left", va="center", fontsize=7.5, labelpad=8, parse_math=False)
    return figure


def aligned(match: Match) -> tuple[np.ndarray, int]:
    """Return letter heights of the known motif in the found one's orientation, and the column where it begins."""
    heights = information(match.known.motif.ppm)
    if match.strand < 0:
        heights = heights[::-1, ::-1]
    return heights, -match.offset


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.tick_params(labelsize=6)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
