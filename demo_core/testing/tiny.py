"""Small data with a planted motif, and small untrained models, made in memory in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from demo_core.data.dataset import SequenceDataset
from demo_core.data.record import SPLITS, Record
from demo_core.sequences.alphabets import DNA

if TYPE_CHECKING:
    from demo_core.models.model import Model
    from demo_core.plugins.registry import Registry

#: Default planted word: the core of the MAF motif, palindromic except for one base.
WORD = "TGCTGACTCAGCA"


def planted_records(
    n: int, length: int = 100, word: str = WORD, *, mutation: float = 0.05, seed: int = 0
) -> Iterator[Record]:
    """Yield records of random DNA, alternately positives with ``word`` planted on either strand, and negatives.

    Parameters
    ----------
    n
        Number of records.
    length
        Length of the sequences in bases.
    word
        Planted word.
    seed
        Random seed.
    mutation
        Each base of the word is replaced by a random one with this probability.

    Yields
    ------
    Records with labels 1 and 0, simulated intervals on chromosome ``planted``, and the planted sites.

    Examples
    --------
    >>> from demo_core.testing import planted_records
    >>> [record.labels[0] for record in planted_records(4, 40)]
    [1.0, 0.0, 1.0, 0.0]
    """
    if len(word) > length:
        raise ValueError(f"a word of {len(word)} bases does not fit into {length}")
    random = np.random.default_rng(seed)
    from demo_core.sequences.intervals import Interval

    pattern = DNA.encode(word)
    for number in range(n):
        codes = random.integers(0, 4, length).astype(np.uint8)
        sites = np.zeros(length, np.uint8)
        if number % 2 == 0:
            place = int(random.integers(0, length - len(word) + 1))
            planted = pattern if random.random() < 0.5 else DNA.reverse_complement(pattern)
            random_base = random.integers(0, 4, len(word)).astype(np.uint8)
            planted = np.where(random.random(len(word)) < mutation, random_base, planted)
            codes[place : place + len(word)] = planted
            sites[place : place + len(word)] = 1
        yield Record(
            id=f"{'positive' if number % 2 == 0 else 'negative'}-{number // 2 + 1}",
            sequence=DNA.decode(codes),
            labels=(1.0 - number % 2,),
            interval=Interval("planted", number * length, (number + 1) * length, "+"),
            sites="".join(map(str, sites)),
        )


def tiny_dataset(
    n: int = 24, length: int = 40, *, word: str = "TGACTCA", targets: Sequence[str] = ("bound",), unknown: bool = True,
    seed: int = 0,
) -> SequenceDataset:  # fmt: skip
    """Make a dataset in memory with known sites, intervals, all three splits and, on request, unknown bases.

    The first target is the planted label; further ones are its opposite and itself in turn.

    Parameters
    ----------
    n
        Number of sequences.
    length
        Their length in bases.
    word
        Planted word.
    targets
        Names of the targets.
    unknown
        Whether some bases are unknown.
    seed
        Random seed.

    Returns
    -------
    SequenceDataset
        The data, in memory.

    Examples
    --------
    >>> from demo_core.testing import tiny_dataset
    >>> tiny_dataset(24).codes.shape
    (24, 40)
    """
    records = list(planted_records(n, length, word, seed=seed))
    codes = np.stack([DNA.encode(r.sequence) for r in records])
    if unknown and n:
        codes[-1, : length // 4] = DNA.unknown
    planted = np.array([r.labels[0] for r in records], np.float32)
    labels = np.stack([planted if i % 2 == 0 else 1 - planted for i in range(len(targets))], axis=1)
    place = np.arange(n) // 2 % 4
    start = np.arange(n) * length
    return SequenceDataset(
        codes=codes,
        labels=labels,
        targets=tuple(targets),
        ids=np.array([r.id for r in records], dtype=object),
        group=np.arange(n) // 2,
        split=np.array([SPLITS.index(("train", "train", "validation", "test")[p]) for p in place], np.uint8),
        intervals=np.stack([np.zeros(n), start, start + length, np.ones(n)], axis=1).astype(np.int64),
        chroms=("planted",),
        sites=np.stack([np.frombuffer((r.sites or "").encode(), np.uint8) - ord("0") for r in records]),
    )


def tiny_model(
    architecture: str = "cnn", *, length: int = 40, targets: Sequence[str] = ("bound",), seed: int = 0,
    registry: Registry | None = None, **options: Any,
) -> Model:  # fmt: skip
    """Make a small untrained model of a registered architecture, on the CPU. The same seed gives the same model.

    ``options`` are options of the architecture; the built-in ones are made small by default.

    Parameters
    ----------
    architecture
        Name of a registered architecture.
    length
        Input length in bases.
    targets
        Names of the outputs.
    seed
        Random seed.
    registry
        Registry. Default: installed plugins.
    options
        Options of the architecture.

    Returns
    -------
    Model
        The model, untrained.

    Examples
    --------
    >>> from demo_core.testing import tiny_model
    >>> tiny_model("rnn", length=50).length
    50
    """
    import torch

    from demo_core.models.model import build_model
    from demo_core.models.outputs import Output
    from demo_core.plugins.discovery import installed
    from demo_core.plugins.specs import Architecture

    small: dict[str, dict[str, Any]] = {
        "cnn": {"filters": (8, 8), "widths": (5, 3)},
        "rnn": {"units": 6},
        "cnn-rnn": {"filters": 8, "width": 5, "units": 6},
    }
    found = (registry or installed()).find(Architecture, architecture)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_model(
            found,
            {**small.get(architecture, {}), **options},
            alphabet=DNA,
            length=length,
            outputs=[Output(t) for t in targets],
        )
