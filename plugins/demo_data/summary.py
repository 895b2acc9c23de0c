"""Summary of a dataset: counts, composition, and duplicates, which indicate leakage."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from demo_core.data import NO_SPLIT, SPLITS, SequenceDataset
from demo_core.sequences import number_equal, strand_free_keys

_ENDS = ((np.min, np.inf), (np.max, -np.inf))


def summarise(dataset: SequenceDataset) -> dict[str, Any]:
    """Return a summary as plain JSON, read block by block.

    ``counts`` has positives and negatives of targets with labels 0 and 1, and number and range of other labels.

    Duplicates are sequences that are equal on either strand. ``duplicates_within`` counts, over all splits, the
    sequences beyond the first of each kind in a split; ``duplicates_across`` the sequences of the second split that
    are also in the first.
    """
    counts = np.zeros(dataset.alphabet.unknown + 1, np.int64)
    names = {**dict(enumerate(SPLITS)), NO_SPLIT: "none"}
    tallies: dict[str, np.ndarray[Any, Any]] = {}
    ranges: dict[str, np.ndarray[Any, Any]] = {}
    classes = np.ones(len(dataset.targets), bool)
    keys, splits = [], []
    for block in dataset.blocks():
        counts += np.bincount(block.codes.ravel(), minlength=len(counts))
        keys.append(strand_free_keys(block.codes, dataset.alphabet))
        splits.append(block.split)
        labels = np.asarray(block.labels)
        unknown = np.isnan(labels)
        positive = np.where(unknown, 0, labels) > 0.5
        classes &= (unknown | np.isin(labels, (0, 1))).all(axis=0)
        for code in np.unique(block.split):
            name = names.get(int(code), "none")
            mine = block.split == code
            tally = np.stack(
                [
                    (positive & mine[:, None]).sum(0),
                    (~positive & ~unknown & mine[:, None]).sum(0),
                    (unknown & mine[:, None]).sum(0),
                ]
            )
            tallies[name] = tallies.get(name, 0) + tally
            low, high = (f(labels[mine], axis=0, initial=v, where=~unknown[mine]) for f, v in _ENDS)
            before = ranges.get(name, np.stack([low, high]))
            ranges[name] = np.stack([np.minimum(before[0], low), np.maximum(before[1], high)])
    present = [s for s in (*SPLITS, "none") if s in tallies]
    numbers, split = number_equal(np.concatenate(keys)), np.concatenate(splits)
    seen = {name: numbers[split == code] for code, name in names.items() if name in present}
    total = max(1, int(counts.sum()))
    letters = [*dataset.alphabet.letters, "unknown"]
    return {
        "sequences": len(dataset),
        "length": dataset.length,
        "alphabet": dataset.alphabet.name,
        "targets": list(dataset.targets),
        "intervals": dataset.intervals is not None,
        "sites": dataset.sites is not None,
        "made": dataset.info,
        "counts": {
            split: {
                target: _counts(tallies[split][:, i], ranges[split][:, i], bool(classes[i]))
                for i, target in enumerate(dataset.targets)
            }
            for split in present
        },
        "composition": {letter: int(n) / total for letter, n in zip(letters, counts, strict=True)},
        "duplicates_within": sum(len(held) - len(np.unique(held)) for held in seen.values()),
        "duplicates_across": {
            f"{a} and {b}": found
            for a, b in combinations(present, 2)
            if (found := int(np.isin(seen[b], seen[a]).sum()))
        },
    }


def _counts(tally: Any, ends: Any, classes: bool) -> dict[str, int | float | None]:
    positive, negative, unknown = map(int, tally)
    if classes:
        return {"positive": positive, "negative": negative, "unknown": unknown}
    n = positive + negative
    low, high = (float(v) if n else None for v in ends)
    return {"labelled": n, "minimum": low, "maximum": high, "unknown": unknown}
