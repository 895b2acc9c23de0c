"""Database matches of found motifs: their matrices, and their sites in the sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from demo_core.sequences import Motif, format_meme
from demo_motifs.hits import HitWriter, scan_sequences
from demo_motifs.result import Part
from demo_motifs.scanning import Scanner, composition_of

#: Maximum number of sequences from which a background is computed.
_COUNTED = 20_000


def write_known(folder: Path, parts: Sequence[Part], threshold: float | None) -> None:
    """Write ``known.meme``, and with a threshold ``known.tsv``: the best matches of named motifs, and their sites.

    Each explanation's sequences are scanned for the matches of its own motifs, with their own composition as
    background. Nothing is written if no motif has a name.
    """
    every = {m.id: m for part in parts for m in _known(part)}
    if not every:
        return
    (folder / "known.meme").write_text(format_meme(every.values()) + "\n", encoding="utf-8")
    if threshold is None:
        return
    with HitWriter(folder, "known") as writer:
        for part in parts:
            if part.explanation.kind == "pattern":
                continue
            some = np.linspace(0, len(part.explanation) - 1, min(len(part.explanation), _COUNTED)).astype(np.int64)
            base = composition_of(part.explanation.sequences.take(np.unique(some)).codes)
            scanners = [(m.id, m.name, Scanner(m.pwm(base), base, threshold)) for m in _known(part)]
            scan_sequences(writer, part.explanation, part.name, scanners)


def _known(part: Part) -> list[Motif]:
    best = [named.matches[0].known.motif for named in part.motifs if named.name]
    # a MEME file has a motif's name up to the end of its line, and its id up to a space
    tidy = [replace(m, id=m.id.replace(" ", "_")) for m in best]
    return list({m.id: m for m in tidy}.values())
