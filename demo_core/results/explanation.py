"""Explanations: the kinds there are, and the file that holds one run.

A file stands alone: it has the sequences, what is known of them, the model's outputs and the values, and says how all
of it came about. Reading it needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from demo_core.data import dataset as dataset_file
from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError, UsageProblem, printable, unknown_name
from demo_core.plugins.specs import KINDS
from demo_core.sequences.alphabets import ALPHABETS
from demo_core.storage import hdf5
from demo_core.storage.hdf5 import Column, Field
from demo_core.storage.limits import rows_of

FORMAT = "demo-explanation"
VERSION = 1

#: What a file holds besides its sequences. ``index`` is each sequence's place in the dataset, ``extras`` the
#: numbers (N, K) that the explainer gives beside its values, named in the metadata.
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
    """The shape that values of a kind have for n sequences."""
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
    values
        Of the kind's shape; float32. For attributions (N, A, L), what each letter would be worth at each place.
    outputs
        (N, T), the model's outputs before activation.
    target_values
        (N,), the target that was explained.
    metadata
        All provenance, as in the file.
    """

    sequences: SequenceDataset
    index: Any
    values: Any
    outputs: Any
    target_values: Any
    baseline: Any
    extras: Any
    metadata: dict[str, Any]
    _file: h5py.File | None = None

    @classmethod
    def open(cls, path: str | Path) -> Explanation:
        """Open a file; arrays stay on disk until they are sliced. Raises DemoError."""
        path = Path(path)
        file, meta = hdf5.open_checked(path, FORMAT, VERSION, FIELDS)
        try:
            _check(file, meta)
            sequences = SequenceDataset._from_file(file, meta)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            file.close()
            raise DemoError(f"{printable(path)} is refused: {printable(error)}") from None
        said: set[str] = set()
        numbers = {
            name: Column(file[name], said) if name in file else None
            for name in ("values", "outputs", "target_values", "baseline", "extras")
        }
        return cls(sequences=sequences, index=Column(file["index"]), **numbers, metadata=meta, _file=file)

    def __len__(self) -> int:
        return len(self.sequences)

    def __repr__(self) -> str:
        if self._file is not None and not self._file:
            return f"<Explanation: {self.explainer} of {self.target} by '{self.model_name}', its file is closed>"
        said = f"{self.explainer} of {self.target} by '{self.model_name}', {len(self)} sequences"
        return f"<Explanation: {said}, values {tuple(self.values.shape)}>"

    def __eq__(self, other: object) -> bool:
        """An explanation is itself alone; to compare two, compare their arrays. Raises UsageProblem."""
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    @property
    def kind(self) -> str:
        """One of ``demo_core.plugins.specs.KINDS``."""
        return str(self.metadata["kind"])

    @property
    def explainer(self) -> str:
        """The explainer's name."""
        return str(self.metadata["explainer"]["name"])

    @property
    def model_name(self) -> str:
        """The name of the model's folder."""
        return str(self.metadata["model"]["name"])

    @property
    def target(self) -> str:
        """The target's name."""
        return str(self.metadata["target"]["name"])

    def one_hot(self, rows: Sequence[int] | slice) -> NDArray[np.float32]:
        """One-hot (n, A, L) of some rows."""
        return self.sequences.alphabet.one_hot(self.sequences.codes[rows])

    def row_of(self, name: str) -> int:
        """The row of an id. Raises UsageProblem naming the closest id."""
        for start in range(0, len(self), dataset_file.BLOCK):
            ids = self.sequences.ids[start : start + dataset_file.BLOCK]
            found = np.flatnonzero(ids == name)
            if len(found):
                return start + int(found[0])
        few = [printable(i, 60) for i in self.sequences.ids[:10]]
        if len(self) <= len(few):
            raise UsageProblem(unknown_name("id", name, few))
        raise UsageProblem(
            f"unknown id '{printable(name, 60)}': it is none of the {len(self)} sequences explained here, the first "
            f"of which are {', '.join(few[:5])}"
        )

    def most_confident_positive(self) -> int:
        """The row of the target's highest output among the positives, or among all where none is labelled positive.

        Labels of a regression make no sequence positive.
        """
        output = self.metadata["target"]["outputs"][0]
        name = output["name"]
        column = [o["name"] for o in self.metadata["model"]["targets"]].index(name)
        values = np.nan_to_num(np.asarray(self.outputs[:, column], np.float64), nan=-np.inf)
        if name in self.sequences.targets and output["activation"] == "sigmoid":
            labels = self.sequences.labels[:, self.sequences.targets.index(name)]
            positive = np.nan_to_num(labels) > 0.5
            if positive.any():
                values = np.where(positive, values, -np.inf)
        return int(values.argmax())

    def probabilities(self) -> NDArray[np.float64]:
        """Predictions (N, T): outputs through their activations."""
        outputs = np.asarray(self.outputs[:], np.float64)
        logistic = np.array([o["activation"] == "sigmoid" for o in self.metadata["model"]["targets"]])
        return np.where(logistic, 1 / (1 + np.exp(-np.clip(outputs, -700, 700))), outputs)

    def extra(self, name: str) -> NDArray[np.float32]:
        """The numbers (N,) that the explainer gave beside its values. Raises UsageProblem naming those there are."""
        names = list(self.metadata["extras"])
        if name not in names:
            raise UsageProblem(unknown_name("number", name, names))
        return np.asarray(self.extras[:, names.index(name)])

    def blocks(self, size: int = 1024) -> Iterator[slice]:
        """Slices that cover all rows, of at most ``size`` and of some megabytes of values."""
        size = rows_of(int(np.prod(self.values.shape[1:])) * 4, size)
        for start in range(0, len(self), size):
            yield slice(start, min(start + size, len(self)))


def _check(file: h5py.File, meta: dict[str, Any]) -> None:
    kind = meta["kind"]
    if kind not in KINDS:
        raise ValueError(unknown_name("kind", str(kind), KINDS))
    for owner, field in (("explainer", "name"), ("model", "name"), ("target", "name")):
        if not isinstance(meta[owner][field], str):
            raise ValueError(f"{owner} has no name")
    if meta["alphabet"] not in ALPHABETS:
        raise ValueError(unknown_name("alphabet", str(meta["alphabet"]), ALPHABETS))
    n, length = file["codes"].shape
    if not n:
        raise ValueError("it explains no sequence")
    shape = expected_shape(kind, n, len(ALPHABETS[meta["alphabet"]].letters), length, len(meta["channels"]))
    if file["values"].shape != shape:
        raise ValueError(f"values have shape {file['values'].shape}; kind {kind} here must have {shape}")
    if file["outputs"].shape[1] != len(meta["model"]["targets"]):
        raise ValueError("outputs and the model's targets differ in number")
    if (file["extras"].shape[1] if "extras" in file else 0) != len(meta["extras"]):
        raise ValueError("extras and their names differ in number")
    _check_described(meta)


def _check_described(meta: dict[str, Any]) -> None:
    if not isinstance(meta["options"], dict) or not isinstance(meta.get("options_changed", {}), dict):
        raise ValueError("the options are not described")
    if {o["name"] for o in meta["target"]["outputs"]} - {o["name"] for o in meta["model"]["targets"]}:
        raise ValueError("the target is no output of the model")
    described = [*meta["model"]["targets"], *meta["target"]["outputs"]]
    if not meta["target"]["outputs"]:
        raise ValueError("the target names no output")
    for target in described:
        if not isinstance(target["name"], str) or target["activation"] not in ("sigmoid", "identity"):
            raise ValueError("a target of the model is not described")
