"""Data of one sequence for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from demo_core.data import take_rows
from demo_core.errors import printable
from demo_core.results import completeness_error, tolerance_of
from demo_core.views import reduced_map
from demo_dashboard.alignment import Aligned, Floats
from demo_dashboard.motifs import Motifs, Site
from demo_dashboard.numbers import bytes_of, number, quantised
from demo_dashboard.runs import Run

#: Most cells on each side of a map of interactions in a page.
MAP_CELLS = 256


@dataclass(frozen=True)
class Shown:
    """The sequences of a report, in memory.

    Parameters
    ----------
    values
        Values of each run, (n, ...) of its kind's shape, for the sequences that it has, in the order of ``aligned``.
    place_in_values
        (R, N): index of each sequence there, -1 if absent.
    """

    aligned: Aligned
    motifs: Motifs
    values: list[Floats]
    place_in_values: Any

    @classmethod
    def load(cls, aligned: Aligned, motifs: Motifs) -> Shown:
        """Read the values of all runs for these sequences."""
        values = []
        places = np.full(aligned.rows.shape, -1, np.int64)
        for place, (run, rows) in enumerate(zip(aligned.runs, aligned.rows, strict=True)):
            here = rows >= 0
            values.append(_values_of(run, rows[here]))
            places[place, here] = np.arange(int(here.sum()))
        return cls(aligned, motifs, values, places)

    def of(self, run: int, place: int) -> Floats | None:
        """Return a run's values of a sequence; None if it does not have the sequence."""
        there = int(self.place_in_values[run, place])
        return self.values[run][there] if there >= 0 else None


def sequence_data(shown: Shown, place: int) -> dict[str, Any]:
    """Return everything that the page shows of one sequence, as plain JSON.

    ``bases``; ``truth``, the known sites ``[start, end]``; ``sites`` of known and found motifs; and ``runs``. A run is
    null or has its values (``numbers.quantised``, rows first), ``target``, the explained value, and ``gap``, the
    completeness error if it is to be marked.
    """
    aligned = shown.aligned
    runs: list[dict[str, Any] | None] = []
    for index, run in enumerate(aligned.runs):
        values = shown.of(index, place)
        if values is None:
            runs.append(None)
            continue
        row = int(aligned.rows[index, place])
        target = number(run.explanation.target_values[row])
        one: dict[str, Any] = {**quantised(values), **_cells(run, values), "target": target}
        if gap := _gap(run, row, values, aligned.codes[place]):
            one["gap"] = gap
        runs.append(one)
    return {
        "bases": aligned.text(place),
        "truth": [list(site) for site in aligned.sites(place)],
        "sites": [_site(site) for site in sorted(shown.motifs.sites.get(place, []), key=lambda s: (s.start, s.motif))],
        "runs": runs,
    }


def bytes_of_sequence(runs: Sequence[Run], length: int) -> int:
    """Estimate the bytes of a sequence in a page."""
    return 600 + length + sum(bytes_of(int(np.prod(_shape_in_page(run)))) for run in runs)


def _shape_in_page(run: Run) -> tuple[int, ...]:
    """Return the shape of the values of one sequence in the page."""
    shape = tuple(run.explanation.values.shape[1:])
    if run.explanation.kind != "interaction":
        return shape
    bases_of_cell = -(-shape[0] // MAP_CELLS)
    return (-(-shape[0] // bases_of_cell),) * 2


def _values_of(run: Run, rows: Any) -> Floats:
    """Return values of some rows, with maps of more than ``MAP_CELLS`` positions reduced."""
    e = run.explanation
    if e.kind != "interaction" or e.sequences.length <= MAP_CELLS:
        return np.asarray(take_rows(e.values, rows), np.float64)
    length = e.sequences.length
    maps = [reduced_map(partial(_rows_of_map, e.values, row), length, MAP_CELLS) for row in rows.tolist()]
    return np.asarray(maps, np.float64).reshape(len(maps), *_shape_in_page(run))


def _rows_of_map(values: Any, row: int, some: slice) -> Any:
    return values[row, some]


def _cells(run: Run, values: Floats) -> dict[str, int]:
    """Return the number of cells per side of a reduced map."""
    reduced = run.explanation.kind == "interaction" and len(values) < run.explanation.sequences.length
    return {"cells": len(values)} if reduced else {}


def _site(site: Site) -> dict[str, Any]:
    return {
        "start": site.start,
        "end": site.end,
        "strand": site.strand,
        "motif": printable(site.motif, 120),
        "name": printable(site.name, 60),
        "p": number(site.p, 3),
        "score": number(site.score, 4),
        "known": site.known,
        "of": printable(site.explanation, 160),
    }


def _gap(run: Run, row: int, values: Floats, codes: Any) -> list[float | None] | None:
    """Return the sum of values and the expected sum, if the method promises completeness and fails."""
    e = run.explanation
    if not e.provenance.adds_up or e.baseline is None or e.kind != "attribution":
        return None
    present = np.asarray(values * e.sequences.alphabet.one_hot(codes), np.float64)
    target, baseline = float(e.target_values[row]), float(e.baseline[row])
    if completeness_error(present[None], np.array([target]), np.array([baseline]))[0] <= tolerance_of(e):
        return None
    return [number(float(present.sum())), number(target - baseline)]
