"""Explanations of random sequences with planted motifs and attributions at the planted sites."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from demo_core.data.dataset import SequenceDataset
from demo_core.results.explanation import Explanation
from demo_core.results.provenance import Provenance
from demo_core.results.writer import columns_of, write_explanation
from demo_core.sequences.alphabets import DNA

REST = "TTCAGCACCATGGACAGCGCC"
GATA = "AGATAAGG"


def explained(
    sequences: SequenceDataset, values: np.ndarray, kind: str = "attribution", outputs: np.ndarray | None = None
) -> Explanation:
    """Return an explanation in memory of a model called 'net' with one target, 'bound'."""
    n = len(sequences)
    output = {"name": "bound", "activation": "sigmoid", "unit": "probability"}
    logits = np.zeros(n) if outputs is None else outputs
    return Explanation(
        sequences=sequences,
        index=np.arange(n),
        values=values.astype(np.float32),
        outputs=logits.astype(np.float32)[:, None],
        target_values=logits.astype(np.float32),
        baseline=None,
        extras=None,
        provenance=Provenance.parse(
            {
                "kind": kind,
                "channels": ["forward", "backward"] if kind == "trace" else [],
                "hypothetical": True,
                "explainer": {"name": {"attribution": "saliency", "trace": "temporal"}.get(kind, "class-optimization")},
                "model": {"name": "net", "digest": "0", "targets": [output]},
                "target": {"name": "bound", "form": "output", "outputs": [output]},
                "options": {},
                "extras": [],
            }
        ),
    )


def dataset(codes: np.ndarray, labels: np.ndarray, intervals: np.ndarray | None = None) -> SequenceDataset:
    n = len(codes)
    return SequenceDataset(
        codes=codes.astype(np.uint8),
        labels=labels.astype(np.float32)[:, None],
        targets=("bound",),
        ids=np.array([f"s{i}" for i in range(n)], dtype=object),
        group=np.arange(n),
        split=np.full(n, 2, np.uint8),
        intervals=intervals,
        chroms=("chr1",) if intervals is not None else (),
    )


def planted(
    words: tuple[str, ...] = (REST, GATA), n: int = 400, length: int = 80, *, noise: float = 0.1, seed: int = 0
) -> tuple[Explanation, list[tuple[int, int, str] | None]]:
    """Plant one word on a random strand of each positive (half of the sequences), with attributions on its bases.

    Returns the explanation and, for each sequence, the number of its word, its start and its strand.
    """
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, (n, length)).astype(np.uint8)
    values = random.normal(0, noise, (n, 4, length))
    truth: list[tuple[int, int, str] | None] = [None] * n
    for row in range(0, n, 2):
        which = row // 2 % len(words)
        site = DNA.encode(words[which])
        strand = "+-"[random.integers(2)]
        site = site if strand == "+" else DNA.reverse_complement(site)
        start = int(random.integers(0, length - len(site) + 1))
        codes[row, start : start + len(site)] = site
        values[row, :, start : start + len(site)] -= 0.3
        values[row, site, np.arange(start, start + len(site))] += 1.3
        truth[row] = (which, start, strand)
    labels = np.arange(n) % 2 == 0
    return explained(dataset(codes, labels), values, outputs=np.where(labels, 3.0, -3.0)), truth


def save(explanation: Explanation, path: Path) -> Path:
    """Write the explanation to a file."""
    sequences = explanation.sequences
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "alphabet": "dna",
        "targets": list(sequences.targets),
        "chroms": list(sequences.chroms),
        "info": sequences.info,
        **explanation.metadata,
    }
    write_explanation(path, [columns_of(explanation, slice(None))], lambda: about, replace=True)
    return path
