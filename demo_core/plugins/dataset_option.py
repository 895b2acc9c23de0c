"""An option that names a dataset or sequence file, such as background sequences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demo_core.data.dataset import SequenceDataset


class DatasetFile:
    """The type of an option that names a dataset: a file of ``demo data import``, or any file that a reader knows.

    The core opens the file before it makes the explainer, and refuses sequences whose length or alphabet differs from
    the model's. The digest of the sequences is part of the run's fingerprint. From Python, the value may be a dataset
    in memory.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from demo_core import DatasetFile
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     background: DatasetFile | None = None
    >>> str(DatasetFile("background.fa"))
    'background.fa'
    """

    def __init__(self, source: str | Path | SequenceDataset) -> None:
        self.path = Path(source) if isinstance(source, str | Path) else None
        self._dataset: Any = None if self.path else source
        self._open: object = None

    def __str__(self) -> str:
        return str(self.path or "dataset in memory")

    def __repr__(self) -> str:
        return f"DatasetFile({str(self)!r})"

    @property
    def sequences(self) -> SequenceDataset:
        """The dataset. Only the core opens it, so an explainer can read it in ``__init__`` and later."""
        if self._dataset is None:
            raise RuntimeError(f"{self} is not open; the core opens it before it creates the explainer")
        dataset: SequenceDataset = self._dataset
        return dataset

    @property
    def is_open(self) -> bool:
        """Whether the dataset can be read."""
        return self._dataset is not None

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.path is not None:
            self._dataset = self._open = None

    def hold(self, dataset: SequenceDataset, open_file: object) -> None:
        """Keep an opened dataset, and the object that closes its file when it is deleted."""
        self._dataset, self._open = dataset, open_file


def as_dataset_file(value: Any) -> Any:
    """Return a path or a dataset as a ``DatasetFile``, and any other value unchanged."""
    if value == "":
        raise ValueError("expected the path of a file, got ''")
    if isinstance(value, str | Path) or (hasattr(value, "codes") and hasattr(value, "alphabet")):
        return DatasetFile(value)
    return value
