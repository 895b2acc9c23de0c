"""Align runs by their sequences, since ids need not be unique."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from demo_core.data import SequenceDataset, take_rows
from demo_core.errors import UsageProblem, printable, unknown_name
from demo_core.sequences import Interval
from demo_dashboard.runs import Run

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Aligned:
    """The sequences that any of the runs explains, each once.

    Parameters
    ----------
    runs
        Runs of sequences, without patterns.
    rows
        (R, N): row of each sequence in each run, -1 if the run does not have it.
    """

    runs: list[Run]
    rows: Ints

    def __len__(self) -> int:
        return int(self.rows.shape[1])

    def take(self, which: Sequence[int] | Ints) -> Aligned:
        """Return some of the sequences, in the given order."""
        return Aligned(self.runs, self.rows[:, np.asarray(which, np.int64)])

    def ids(self) -> list[str]:
        """Return an id for each sequence, from the first run that has it; numbered if two sequences share one."""
        names = np.empty(len(self), dtype=object)
        for run, rows in reversed(list(zip(self.runs, self.rows, strict=True))):
            here = np.flatnonzero(rows >= 0)
            names[here] = _all_ids(run.explanation.sequences)[rows[here]]
        seen: set[str] = set()
        for place, name in enumerate(names):
            number = 1
            while names[place] in seen:
                number += 1
                names[place] = f"{name} ({number})"
            seen.add(names[place])
        return [str(name) for name in names]

    def place_of(self, name: str) -> int:
        """Return the sequence that any run calls by this id. Raises UsageProblem."""
        for run, rows in zip(self.runs, self.rows, strict=True):
            found = np.flatnonzero(_all_ids(run.explanation.sequences) == name)
            place = np.flatnonzero(rows == found[0]) if len(found) else found
            if len(place):
                return int(place[0])
        few = [printable(i, 60) for i in self.ids()[:10]]
        if len(self) <= len(few):
            raise UsageProblem(unknown_name("id", name, few))
        raise UsageProblem(
            f"unknown id '{printable(name, 60)}': the {len(self)} explained sequences begin with {', '.join(few[:5])}"
        )

    @cached_property
    def codes(self) -> NDArray[np.uint8]:
        """Return the sequences as codes (N, L), in memory."""
        length = self.runs[0].explanation.sequences.length
        codes = np.zeros((len(self), length), np.uint8)
        wanted = np.ones(len(self), bool)
        for run, rows in zip(self.runs, self.rows, strict=True):
            here = np.flatnonzero(wanted & (rows >= 0))
            if len(here):
                codes[here] = take_rows(run.explanation.sequences.codes, rows[here])
                wanted[here] = False
        return codes

    def text(self, place: int) -> str:
        """Return a sequence as letters."""
        return self.runs[0].explanation.sequences.alphabet.decode(self.codes[place])

    def interval(self, place: int) -> Interval | None:
        """Return the genomic interval, if any run has it."""
        for run, row in zip(self.runs, self.rows[:, place], strict=True):
            if row >= 0 and (found := run.explanation.sequences.interval(int(row))):
                return found
        return None

    def sites(self, place: int) -> list[tuple[int, int]]:
        """Return the known sites of the data, as intervals ``[start, end)``."""
        for run, row in zip(self.runs, self.rows[:, place], strict=True):
            marks = run.explanation.sequences.sites
            if row >= 0 and marks is not None:
                edges = np.diff(np.pad(np.asarray(marks[int(row)]) > 0, 1).astype(int))
                starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
                return list(zip(starts.tolist(), ends.tolist(), strict=True))
        return []

    def labels(self, target: str) -> Floats:
        """Return labels (N,) for an output of a model; NaN where unknown."""
        found = np.full(len(self), np.nan)
        for run, rows in zip(self.runs, self.rows, strict=True):
            wanted = np.isnan(found) & (rows >= 0)
            found[wanted] = run.explanation.sequences.labels_of(target)[rows[wanted]]
        return found

    def gather(self, run: int, values: NDArray[np.floating]) -> Floats:
        """Return numbers (n, ...) of a run's rows as (N, ...), NaN for sequences that it does not have."""
        found = np.full((len(self), *values.shape[1:]), np.nan)
        there = self.rows[run] >= 0
        found[there] = values[self.rows[run][there]]
        return found


def align(runs: Sequence[Run]) -> Aligned:
    """Match the sequences of runs by their bases; among equal ones in a file, the first matches the first.

    Raises UsageProblem if a run shares no sequence with the others.
    """
    of_data = [run for run in runs if not run.is_pattern]
    keys = [_keys(run.explanation.sequences) for run in of_data]
    _check_shared(of_data, keys)
    places = {key: place for place, key in enumerate(dict.fromkeys(key for mine in keys for key in mine))}
    rows = np.full((len(of_data), len(places)), -1, np.int64)
    for run, mine in enumerate(keys):
        rows[run, [places[key] for key in mine]] = np.arange(len(mine))
    return Aligned(of_data, rows)


def _check_shared(runs: Sequence[Run], keys: Sequence[list[tuple[bytes, int]]]) -> None:
    # the largest first: two runs that share nothing may both be subsets of a third
    order = sorted(range(len(runs)), key=lambda i: -len(keys[i]))
    seen: set[tuple[bytes, int]] = set()
    for i in order:
        if seen and seen.isdisjoint(keys[i]):
            raise UsageProblem(
                f"{runs[i].path} and {runs[order[0]].path} have no sequence in common; give "
                "explanations of the same data"
            )
        seen.update(keys[i])


def _keys(sequences: SequenceDataset) -> list[tuple[bytes, int]]:
    """Return a digest of each sequence, and the number of equal ones before it."""
    found = []
    seen: dict[bytes, int] = {}
    size = sequences.rows_at_once()
    for start in range(0, len(sequences), size):
        block = np.ascontiguousarray(sequences.take(slice(start, start + size)).codes)
        for codes in block:
            digest = hashlib.blake2b(codes.tobytes(), digest_size=16).digest()
            found.append((digest, seen.get(digest, 0)))
            seen[digest] = seen.get(digest, 0) + 1
    return found


def _all_ids(sequences: SequenceDataset) -> NDArray[np.object_]:
    return np.asarray(sequences.ids[:], dtype=object)
