"""Import settings, and the assignment of sequences to splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from demo_core.data.dataset import NO_SPLIT
from demo_core.data.record import SPLITS
from demo_core.errors import UsageProblem, counted, unknown_name
from demo_core.sequences.alphabets import DNA, Alphabet

Negatives = Literal["dinucleotide", "shuffle", "none"]
TRAIN, VALIDATION, TEST = (SPLITS.index(s) for s in ("train", "validation", "test"))


@dataclass(frozen=True)
class ImportSettings:
    """Settings of the import of records into a dataset.

    Parameters
    ----------
    negatives
        Negatives to add to splits that have positives and no negatives: one shuffle of each positive.
    validation, test
        Fraction of the training sequences to set aside, if the source has no such split.
    split
        Put every sequence into this split instead.
    length
        Crop or pad every sequence around its centre; None demands equal lengths.
    seed
        Random seed of shuffles and splits.
    alphabet
        Letters of the sequences.
    assign
        Whether sequences without a split are given one.

    Examples
    --------
    >>> from demo_core.data import ImportSettings
    >>> ImportSettings(negatives="none", length=101).validation
    0.1
    """

    negatives: Negatives = "dinucleotide"
    validation: float = 0.1
    test: float = 0.1
    split: str | None = None
    length: int | None = None
    seed: int = 0
    alphabet: Alphabet = DNA
    assign: bool = True

    def __post_init__(self) -> None:
        if self.split is not None and self.split not in SPLITS:
            raise UsageProblem(unknown_name("split", self.split, SPLITS))
        for name, share in (("validation", self.validation), ("test", self.test)):
            if not 0 <= share < 1:
                raise UsageProblem(f"--{name} must be at least 0 and below 1, not {share}")


def assign_splits(
    split: NDArray[np.uint8], group: NDArray[np.int64], settings: ImportSettings, random: np.random.Generator
) -> list[str]:
    """Assign a split to every sequence, in place, whole groups at a time.

    Each split gets at least one group, as long as one remains for training and for each split that follows.
    """
    notes: list[str] = []
    if not settings.assign:
        return notes
    brought = set(np.unique(split).tolist())
    split[split == NO_SPLIT] = TRAIN
    if settings.split is not None:
        return notes
    wanted = [("test", TEST, settings.test), ("validation", VALIDATION, settings.validation)]
    wanted = [(name, code, share) for name, code, share in wanted if code not in brought and share > 0]
    for place, (name, code, share) in enumerate(wanted):
        rows = np.flatnonzero(split == TRAIN)
        members, sizes = np.unique(group[rows], return_counts=True)
        order = random.permutation(len(members))
        left = len(wanted) - place  # groups needed by others: the training split, and the splits that follow
        chosen = members[_chosen_groups(sizes, order, share * len(rows), len(members) - left)]
        moved = rows[np.isin(group[rows], chosen)]
        split[moved] = code
        few = "" if len(moved) else f": {counted(len(members), 'group')} of sequences cannot be divided further"
        notes.append(f"{name} split: {len(moved):,} of {counted(len(rows), 'training sequence')}{few}")
    return notes


def _chosen_groups(sizes: NDArray[np.int64], order: NDArray[np.int64], target: float, most: int) -> NDArray[np.int64]:
    """Return groups, in random order, of at most ``target`` sequences in total; otherwise the one closest to it in
    size.
    """
    fitting = order[np.cumsum(sizes[order]) <= target][: max(0, most)]
    if len(fitting) or most < 1:
        return fitting
    return order[[int(np.argmin(np.abs(sizes[order] - target)))]]
