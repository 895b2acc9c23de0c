"""The paper's table: the number of positive sequences whose window matches the factor's own motif."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_core.data import SequenceDataset, take_rows
from demo_core.errors import UsageProblem
from demo_core.results import Explanation
from demo_core.sequences import DNA, Codes
from demo_core.views import pattern_probabilities
from demo_motifs.databases import KnownMotif
from demo_motifs.finding import PER_PATTERN
from demo_motifs.per_base_scores import Floats, Rows, channels, split_rows
from demo_motifs.seqlets import Ints, best_windows
from demo_motifs.tomtom import compare


@dataclass(frozen=True)
class Windows:
    """One way of choosing windows, with its windows.

    Parameters
    ----------
    method
        ``saliency``, ``temporal forward``, ``filters``, ...
    unit
        What is counted: sequences, or windows of an optimised input.
    total
        Number of units, including those without a window.
    owner
        (M,), the unit of each window.
    probabilities
        M matrices (4, W).
    control
        As many windows at random positions of the same sequences; empty for optimised inputs.
    """

    method: str
    unit: str
    total: int
    owner: Ints
    probabilities: list[Floats]
    control: list[Floats]


@dataclass(frozen=True)
class Row:
    """A row of the table: matched of total, a 95 % interval (Wilson), and the fraction by chance, NaN if unknown."""

    method: str
    unit: str
    matched: int
    total: int
    low: float
    high: float
    chance: float

    @property
    def share(self) -> float:
        """Fraction of units that matched; NaN without units."""
        return self.matched / self.total if self.total else math.nan


def explanation_windows(explanation: Explanation, width: int, seed: int) -> list[Windows]:
    """Return the paper's windows of an explanation: the best of each positive sequence, or the five best of each
    pattern.

    Positives of the test split are used if some were explained, otherwise all positives. A trace gives windows for each
    direction, and ``either``, which counts a sequence if one of its two windows matches.
    """
    name = explanation.explainer
    if explanation.kind == "pattern":
        rows = np.arange(len(explanation), dtype=np.int64)
        (channel,) = channels(explanation)
        found = best_windows(explanation, channel, rows, width, number=PER_PATTERN).seqlets
        patterns = [pattern_probabilities(p) for p in np.asarray(explanation.values[:])]
        cut = [patterns[r][:, s:e] for r, s, e in zip(found.row, found.start, found.end, strict=True)]
        return [Windows(name, "window", len(cut), np.arange(len(cut)), cut, [])]
    rows = test_positives(explanation)
    made = []
    for channel in channels(explanation):
        found = best_windows(explanation, channel, rows, width).seqlets
        method = f"{name} {channel.name}".strip()
        made.append(sequence_windows(method, explanation.sequences, rows, found.row, found.start, width, seed))
    if len(made) > 1:
        made.append(
            Windows(
                f"{name} either",
                "sequence",
                len(rows),
                np.concatenate([m.owner for m in made]),
                [p for m in made for p in m.probabilities],
                [p for m in made for p in m.control],
            )
        )
    return made


def test_positives(explanation: Explanation) -> Rows:
    """Return positives of the test split; all positives if there are none."""
    rows, _, _ = split_rows(explanation)
    test = rows[np.asarray(explanation.sequences.split[:])[rows] == 2]
    return test if len(test) else rows


def sequence_windows(
    method: str, sequences: SequenceDataset, rows: Rows, row: Rows, start: Ints, width: int, seed: int
) -> Windows:
    """Return windows of sequences as matrices of ones and zeros, without those with an unknown base."""
    if width > sequences.length:
        raise UsageProblem(f"a window of {width} bases is wider than the sequences, which have {sequences.length}")
    place = {r: i for i, r in enumerate(rows.tolist())}
    owner = np.array([place[r] for r in row.tolist()], np.int64)
    codes = take_rows(sequences.codes, row)
    random = np.random.default_rng(seed).integers(0, sequences.length - width + 1, len(row))
    both = []
    for starts in (start, random):
        cut = np.take_along_axis(codes, starts[:, None] + np.arange(width), 1) if len(row) else codes[:, :width]
        both.append((cut, (cut < 4).all(axis=1)))
    (chosen, known), (control, control_known) = both
    return Windows(
        method, "sequence", len(rows), owner[known], _one_hot(chosen[known]), _one_hot(control[control_known])
    )


def _one_hot(codes: Codes) -> list[Floats]:
    return list(DNA.one_hot(codes).astype(np.float64))


def count(
    windows: Windows, known: Sequence[KnownMotif], own: Sequence[int], largest_p: float, say: Callable[[str], None]
) -> Row:
    """Count units that have a window with a Tomtom p-value of at most the limit against one of the factor's own motifs.

    ``own`` are the indices of those motifs in the database, which as a whole is Tomtom's background.
    """
    owners = windows.owner[_matched(windows.probabilities, known, own, largest_p, say)]
    matched = len(np.unique(owners))
    low, high = wilson(matched, windows.total)
    chance = math.nan
    if windows.control:
        by_chance = _matched(windows.control, known, own, largest_p, say)
        # "either" has two tries per sequence
        tries = max(1, round(len(windows.probabilities) / max(1, len(np.unique(windows.owner)))))
        chance = 1 - (1 - float(by_chance.mean())) ** tries if len(by_chance) else 0.0
        # units without a window cannot match
        chance *= len(np.unique(windows.owner)) / windows.total
    return Row(windows.method, windows.unit, matched, windows.total, low, high, chance)


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Return a 95 % interval of a fraction; NaN without trials.

    Source: Wilson, J. Am. Stat. Assoc. 1927, 22:209.
    """
    if not trials:
        return math.nan, math.nan
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _matched(
    queries: list[Floats], known: Sequence[KnownMotif], own: Sequence[int], largest_p: float, say: Callable[[str], None]
) -> NDArray[np.bool_]:
    if not queries:
        return np.zeros(0, bool)
    unique: dict[bytes, int] = {}
    which = [unique.setdefault(q.tobytes(), len(unique)) for q in queries]
    first = {place: queries[i] for i, place in reversed(list(enumerate(which)))}
    found = compare([first[i] for i in range(len(unique))], known, say)
    small = np.asarray((found.p[:, list(own)] <= largest_p).any(axis=1))
    return np.asarray(small[which])
