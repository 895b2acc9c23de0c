"""Choose the sequences of a dataset that a run explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_core.data import SequenceDataset
from demo_core.errors import UsageProblem, printable, unknown_name

# number of ids in memory at a time
_BLOCK = 8192


@dataclass(frozen=True)
class Selection:
    """Which sequences of a dataset are explained.

    ``split`` None means the test split, or all sequences without a test split.
    """

    split: str | None = None
    limit: int | None = None
    ids: tuple[str, ...] | None = None
    only_positive: bool = False

    def rows(self, dataset: SequenceDataset, output: str) -> NDArray[np.int64]:
        """Return the rows in the order of the dataset; for ``ids``, in the given order.

        ``output`` names the target whose label defines positives. Raises UsageProblem if no row is left.
        """
        if self.ids is not None:
            rows = _rows_of(dataset, self.ids)
            if self.split and (elsewhere := set(rows.tolist()) - set(dataset.rows_of_split(self.split).tolist())):
                name = printable(dataset.ids[min(elsewhere)], 60)
                raise UsageProblem(f"'{name}' is not in the split {self.split}; omit --split")
        else:
            rows = dataset.rows_of_split(self.split or "test")
            if self.split is None and not len(rows):
                rows = dataset.rows_of_split("all")
        if self.only_positive:
            if output not in dataset.targets:
                raise UsageProblem(f"--only-positive: the data has no labels for '{output}'; omit it")
            labels = dataset.labels_of(output)
            if not np.isin(labels[~np.isnan(labels)], (0, 1)).all():
                raise UsageProblem(
                    f"--only-positive: target '{output}' has regression labels, so no sequence is positive; "
                    "select sequences with --ids"
                )
            rows = rows[np.nan_to_num(labels[rows]) > 0.5]
        if self.limit is not None:
            rows = rows[: self.limit]
        if not len(rows):
            raise UsageProblem("no sequence matches the selection; see 'demo data info' for splits and labels")
        return rows


def _rows_of(dataset: SequenceDataset, ids: tuple[str, ...]) -> NDArray[np.int64]:
    wanted = {name: place for place, name in enumerate(ids)}
    found: dict[str, int] = {}
    for start in range(0, len(dataset), _BLOCK):
        for row, name in enumerate(dataset.ids[start : start + _BLOCK], start=start):
            if name in wanted:
                found[name] = row
    missing = [name for name in ids if name not in found]
    if missing:
        known = [str(n) for n in dataset.ids[:10]]
        raise UsageProblem(
            f"{len(missing)} of {len(ids)} ids are not in the data; {unknown_name('id', missing[0], known)}"
        )
    return np.array([found[name] for name in wanted], np.int64)
