"""Explanations: the kinds, and the file of one run.

A file is self-contained: it holds the sequences with their labels, the model's outputs, the values and the provenance.
Reading it needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from demo_core.data import dataset as dataset_file
from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError, UsageProblem, counted, printable, unknown_name
from demo_core.results.provenance import Provenance
from demo_core.storage import hdf5
from demo_core.storage.hdf5 import Field
from demo_core.storage.hdf5_columns import CHECKSUMS, Column
from demo_core.storage.limits import rows_of

FORMAT = "demo-explanation"
VERSION = 1

#: Columns of a file besides those of its sequences. ``index`` is the row of each sequence in the dataset; ``extras``
#: are further numbers (N, K) of the explainer, named in the metadata.
FIELDS = {
    **dataset_file.FIELDS,
    "index": Field("int64", 1),
    "values": Field("float32", 3),
    "outputs": Field("float32", 2),
    "target_values": Field("float32", 1),
    "baseline": Field("float32", 1, required=False),
    "extras": Field("float32", 2, required=False),
}


def expected_shape(kind: str, n: int, letters: int, length: int, channels: int) -> tuple[int, ...]:
    """Return the shape of values of a kind for n sequences."""
    shapes = {
        "attribution": (n, letters, length),
        "trace": (n, channels, length),
        "interaction": (n, length, length),
        "pattern": (n, letters, length),
    }
    return shapes[kind]


@dataclass(repr=False, eq=False)
class Explanation:
    """One run: one model, one explainer, one target, N sequences.

    Parameters
    ----------
    sequences
        The sequences explained, with labels, intervals and sites.
    index
        (N,), row of each sequence in the dataset that was explained.
    values
        float32, of the kind's shape. For attributions (N, A, L): a value for each letter at each position.
    outputs
        (N, T), the model's outputs before activation.
    target_values
        (N,), the target that was explained.
    baseline
        (N,), the target at the reference; None if the method has none.
    extras
        (N, K), further numbers of each sequence, named in ``provenance.extras``; None if there are none.
    provenance
        Record of how it was made.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> explanation = explain("saliency", tiny_model(), tiny_dataset(8))
    >>> present = explanation.values * explanation.one_hot(slice(None))
    >>> explanation.kind, present.shape
    ('attribution', (8, 4, 40))
    """

    sequences: SequenceDataset
    index: Any
    values: Any
    outputs: Any
    target_values: Any
    baseline: Any
    extras: Any
    provenance: Provenance
    _file: h5py.File | None = None

    @classmethod
    def open(cls, path: str | Path) -> Explanation:
        """Open a file. Arrays stay on disk until they are sliced. Raises DemoError."""
        path = Path(path)
        file, meta = hdf5.open_checked(path, FORMAT, VERSION, FIELDS)
        try:
            provenance = Provenance.parse(meta)
            sequences = SequenceDataset.from_file(file, meta)
            _check_shapes(file, provenance, sequences)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            file.close()
            raise DemoError(f"{path} is refused: {error}") from None
        said: set[str] = set()
        numbers = {
            name: Column(file[name], said) if name in file else None
            for name in ("values", "outputs", "target_values", "baseline", "extras")
        }
        return cls(sequences=sequences, index=Column(file["index"]), **numbers, provenance=provenance, _file=file)

    def __len__(self) -> int:
        return len(self.sequences)

    def __repr__(self) -> str:
        if self._file is not None and not self._file:
            return f"<Explanation: {self.explainer} of {self.target} by '{self.model_name}', its file is closed>"
        said = f"{self.explainer} of {self.target} by '{self.model_name}', {counted(len(self), 'sequence')}"
        return f"<Explanation: {said}, values {tuple(self.values.shape)}>"

    def __eq__(self, other: object) -> bool:
        """Compare by identity; compare the arrays of two explanations instead. Raises UsageProblem."""
        if self is other:
            return True
        if not isinstance(other, Explanation):
            return NotImplemented
        raise UsageProblem(
            "explanations cannot be compared with ==; use numpy.allclose(one.values[:], other.values[:])"
        )

    __hash__ = object.__hash__

    def __enter__(self) -> Explanation:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def save(self, path: str | Path, *, replace: bool = False) -> None:
        """Write an explanation file, the same that ``demo explain`` writes. Nothing is left behind on failure.

        Raises DemoError if the file exists, unless ``replace``.
        """
        from demo_core.results.writer import columns_of, write_explanation

        record = {name: value for name, value in self.metadata.items() if name not in ("format", CHECKSUMS)}
        write_explanation(
            Path(path), (columns_of(self, rows) for rows in self.blocks()), lambda: record, replace=replace
        )

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The provenance as plain JSON, as in the file."""
        return self.provenance.record

    @property
    def kind(self) -> str:
        """Kind of the values: one of ``demo_core.plugins.KINDS``."""
        return self.provenance.kind

    @property
    def explainer(self) -> str:
        """Name of the explainer."""
        return self.provenance.explainer.name

    @property
    def model_name(self) -> str:
        """Name of the model folder."""
        return self.provenance.model.name

    @property
    def target(self) -> str:
        """Name of the target."""
        return self.provenance.target.name

    @property
    def output_column(self) -> int:
        """Column of ``outputs`` from which the target is computed; for a difference, the first."""
        return [o.name for o in self.provenance.model.outputs].index(self.provenance.target.outputs[0].name)

    @property
    def is_probability(self) -> bool:
        """Whether the values are probabilities, as those of a trace may be."""
        return self.provenance.unit == "probability"

    @property
    def predictions(self) -> NDArray[np.float64]:
        """Predictions (N, T): outputs after their activations."""
        outputs = np.asarray(self.outputs[:], np.float64)
        return np.stack([o.predict(outputs[:, i]) for i, o in enumerate(self.provenance.model.outputs)], axis=1)

    @property
    def labels_of_target(self) -> NDArray[np.float64]:
        """Labels (N,) of the output of the target, NaN where unknown."""
        return self.sequences.labels_of(self.provenance.target.outputs[0].name)

    def one_hot(self, rows: Sequence[int] | slice) -> NDArray[np.float32]:
        """Return some rows as one-hot (n, A, L)."""
        return self.sequences.alphabet.one_hot(self.sequences.codes[rows])

    def row_of(self, name: str) -> int:
        """Return the row of an id. Raises UsageProblem, naming the closest id."""
        for start in range(0, len(self), dataset_file.BLOCK):
            ids = self.sequences.ids[start : start + dataset_file.BLOCK]
            found = np.flatnonzero(ids == name)
            if len(found):
                return start + int(found[0])
        few = [printable(i, 60) for i in self.sequences.ids[:10]]
        if len(self) <= len(few):
            raise UsageProblem(unknown_name("id", name, few))
        raise UsageProblem(
            f"unknown id '{printable(name, 60)}': the {len(self)} explained sequences begin with {', '.join(few[:5])}"
        )

    def most_confident_positive(self) -> int:
        """Return the row with the highest output of the target among the positives, or among all rows if none is
        labelled positive.

        Regression labels make no sequence positive.
        """
        values = np.nan_to_num(np.asarray(self.outputs[:, self.output_column], np.float64), nan=-np.inf)
        if self.provenance.target.outputs[0].is_probability:
            positive = np.nan_to_num(self.labels_of_target) > 0.5
            if positive.any():
                values = np.where(positive, values, -np.inf)
        return int(values.argmax())

    def extra(self, name: str) -> NDArray[np.float32]:
        """Return further numbers (N,) of the explainer. Raises UsageProblem, naming the known ones."""
        names = self.provenance.extras
        if name not in names:
            raise UsageProblem(unknown_name("number", name, names))
        return np.asarray(self.extras[:, names.index(name)])

    def blocks(self, size: int = 1024) -> Iterator[slice]:
        """Return slices that cover all rows, each of at most ``size`` rows and some megabytes of values."""
        size = rows_of(int(np.prod(self.values.shape[1:])) * 4, size)
        for start in range(0, len(self), size):
            yield slice(start, min(start + size, len(self)))


def _check_shapes(file: h5py.File, provenance: Provenance, sequences: SequenceDataset) -> None:
    if not len(sequences):
        raise ValueError("it explains no sequence")
    letters, channels = len(sequences.alphabet.letters), len(provenance.channels)
    shape = expected_shape(provenance.kind, len(sequences), letters, sequences.length, channels)
    if file["values"].shape != shape:
        raise ValueError(f"values have shape {file['values'].shape}; kind {provenance.kind} here must have {shape}")
    if file["outputs"].shape[1] != len(provenance.model.outputs):
        raise ValueError("outputs and the model's targets differ in number")
    if (file["extras"].shape[1] if "extras" in file else 0) != len(provenance.extras):
        raise ValueError("extras and their names differ in number")
