"""Files of ``demo motifs find``: tables, a MEME file, and ``motifs.h5``, which holds everything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demo_core.data import take_rows
from demo_core.errors import DemoError, printable
from demo_core.results import Explanation
from demo_core.sequences import Motif, format_meme
from demo_core.storage import Column, Field, TextColumn, hdf5
from demo_motifs.finding import Outcome
from demo_motifs.found_motif import Sites
from demo_motifs.genome_coordinates import SIGN, Places, genomic
from demo_motifs.naming import NamedMotif

FORMAT = "demo-motifs"
VERSION = 1

#: One row for each seqlet; the motifs are in the metadata.
FIELDS = {
    "explanation": Field("int64", 1),
    "motif": Field("int64", 1),
    "row": Field("int64", 1),
    "ids": Field("str", 1),
    "start": Field("int64", 1),
    "end": Field("int64", 1),
    "strand": Field("int64", 1),
    "score": Field("float32", 1),
    "p": Field("float32", 1),
    "run_start": Field("int64", 1),
    "run_end": Field("int64", 1),
    "intervals": Field("int64", 2, required=False),
}

SEQLET_HEADS = (
    "motif", "explanation", "id", "start", "end", "strand", "score", "p", "run_start", "run_end", "channel",
    "chrom", "chrom_start", "chrom_end", "chrom_strand",
)  # fmt: skip
MOTIF_HEADS = (
    "motif", "explanation", "seqlets", "sequences", "consensus", "width", "bits", "mean_contribution",
    "sites_in_seqlets", "sites", "expected_in_seqlets", "p_enrichment",
    "rank", "match_id", "match_name", "database", "p", "E", "q", "offset", "overlap", "strand",
)  # fmt: skip

#: Names in tables and JSON for keys of ``motifs.h5``, which keeps those of its first version.
_SHOWN = {
    "sites_pointed_at": "sites_in_seqlets",
    "expected_by_chance": "expected_in_seqlets",
    "p_pointed_at": "p_enrichment",
}


@dataclass(frozen=True)
class Part:
    """One explanation with its motifs."""

    name: str
    explanation: Explanation
    outcome: Outcome
    motifs: list[NamedMotif]


def write_meme(path: Path, motifs: Sequence[NamedMotif]) -> None:
    """Write the probabilities of every motif for the MEME suite, with the name of its best match if significant."""
    rows = [Motif(m.id, m.name.replace(" ", "_"), m.motif.ppm, len(m.motif.sites)) for m in motifs]
    path.write_text(format_meme(rows) + "\n", encoding="utf-8")


def motif_rows(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return the table of motifs as plain JSON: a row for each motif, with its matches in a list."""
    rows = []
    for part in parts:
        for named in part.motifs:
            motif = named.motif
            rows.append(
                {
                    "motif": named.id,
                    "explanation": part.name,
                    "seqlets": len(motif.sites),
                    "sequences": len(np.unique(motif.sites.row)),
                    "name": named.name,
                    "consensus": named.consensus,
                    "width": int(motif.counts.shape[1]),
                    "bits": round(named.bits, 3),
                    "mean_contribution": float(motif.contributions.sum()),
                    "sites_pointed_at": motif.pointed,
                    "sites": motif.occurring,
                    "expected_by_chance": round(motif.expected, 2) if math.isfinite(motif.expected) else None,
                    "p_pointed_at": motif.p if math.isfinite(motif.p) else None,
                    "matches": [
                        {
                            "rank": rank,
                            "match_id": match.known.motif.id,
                            "match_name": match.known.motif.name,
                            "database": match.known.source,
                            "p": match.p,
                            "E": match.e,
                            "q": match.q,
                            "offset": match.offset,
                            "overlap": match.overlap,
                            "strand": SIGN[match.strand],
                        }
                        for rank, match in enumerate(named.matches, start=1)
                    ],
                }
            )
    return rows


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the table of motifs with the names of tables and JSON."""
    return {_SHOWN.get(key, key): value for key, value in row.items()}


def write_motif_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write ``motifs.tsv``: a row for each motif and match."""
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(MOTIF_HEADS) + "\n")
        for row in rows:
            for match in row["matches"] or [{}]:
                file.write("\t".join(_cell({**shown(row), **match}.get(head)) for head in MOTIF_HEADS) + "\n")


def write_seqlets(path: Path, parts: Sequence[Part]) -> int:
    """Write ``seqlets.tsv``: a row for each seqlet, those of motifs first; return their number."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(SEQLET_HEADS) + "\n")
        for part in parts:
            for motif, sites in _groups(part):
                name = part.motifs[motif].id if motif >= 0 else ""
                places, ids = _placed(part.explanation, sites)
                count += len(sites)
                for i in range(len(sites)):
                    cells = [
                        name, part.name, ids[i], sites.start[i], sites.end[i], SIGN[int(sites.strand[i])],
                        float(sites.score[i]), float(sites.p[i]), sites.run_start[i], sites.run_end[i],
                        sites.channel[i], *place_cells(places, i),
                    ]  # fmt: skip
                    file.write("\t".join(map(_cell, cells)) + "\n")
    return count


def write_h5(path: Path, parts: Sequence[Part], metadata: dict[str, Any]) -> None:
    """Write ``motifs.h5``: seqlets as columns; motifs, matches, settings and messages in the metadata."""
    chroms: dict[str, int] = {}
    with hdf5.create(path) as file:
        for name, field in FIELDS.items():
            hdf5.add_column(file, name, field, np.zeros((0, 4) if name == "intervals" else 0, np.uint8))
        first = 0
        for which, part in enumerate(parts):
            for motif, sites in _groups(part):
                places, ids = _placed(part.explanation, sites)
                codes = [chroms.setdefault(c, len(chroms)) if c else -1 for c in places.chrom]
                n = len(sites)
                values = {
                    "explanation": np.full(n, which), "motif": np.full(n, motif + first if motif >= 0 else -1),
                    "row": sites.row, "ids": ids, "start": sites.start, "end": sites.end, "strand": sites.strand,
                    "score": sites.score, "p": sites.p, "run_start": sites.run_start, "run_end": sites.run_end,
                    "intervals": np.stack([np.array(codes, np.int64), places.start, places.end, places.strand], axis=1),
                }  # fmt: skip
                if n:
                    hdf5.append_columns(file, FIELDS, values)
            first += len(part.motifs)
        hdf5.describe(
            file,
            {
                "format": FORMAT,
                "version": VERSION,
                **metadata,
                "chroms": list(chroms),
                "motifs": [{**row, **_matrices(named)} for row, named in zip(
                    motif_rows(parts), [m for part in parts for m in part.motifs], strict=True)],
            },
        )  # fmt: skip


class MotifsFile:
    """An opened ``motifs.h5``: its motifs and seqlets.

    ``metadata`` is that of the file. ``motifs`` is its table, with ``counts``, ``contributions``, ``hypothetical`` and
    ``background`` as lists. Raises DemoError on opening another file.
    """

    def __init__(self, path: Path) -> None:
        self._file, self.metadata = hdf5.open_checked(path, FORMAT, VERSION, FIELDS)
        try:
            self.motifs: list[dict[str, Any]] = list(self.metadata["motifs"])
            for motif in self.motifs:
                shape = np.asarray(motif["counts"], np.float64).shape
                if len(shape) != 2 or shape[0] != 4 or not isinstance(motif["motif"], str):
                    raise ValueError("a motif has no counts")
        except (KeyError, TypeError, ValueError) as error:
            self._file.close()
            raise DemoError(f"{path} is refused: {error}") from None

    def __enter__(self) -> MotifsFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return int(self._file["row"].shape[0])

    def column(self, name: str) -> Any:
        """Return a column of the seqlets."""
        return (TextColumn if name == "ids" else Column)(self._file[name])[:]

    def motif(self, name: str) -> Motif:
        """Return a motif by its id, as probabilities."""
        (row,) = [m for m in self.motifs if m["motif"] == name]
        counts = np.asarray(row["counts"], np.float64)
        return Motif(name, str(row.get("name", "")), counts / counts.sum(axis=0), float(row["seqlets"]))


def place_cells(places: Places, i: int) -> list[object]:
    """Return chromosome, start, end and strand for a table; empty if unknown."""
    if not places.chrom[i]:
        return ["", "", "", ""]
    return [places.chrom[i], places.start[i], places.end[i], SIGN[int(places.strand[i])]]


def _groups(part: Part) -> list[tuple[int, Sites]]:
    """Return the sites of each motif, then the seqlets without a motif (-1)."""
    groups = [(place, named.motif.sites) for place, named in enumerate(part.motifs)]
    return [*groups, (-1, part.outcome.unassigned)]


def _placed(explanation: Explanation, sites: Sites) -> tuple[Places, list[str]]:
    places = genomic(explanation.sequences, sites.row, sites.start, sites.end, sites.strand)
    unique, which = np.unique(sites.row, return_inverse=True)
    names = take_rows(explanation.sequences.ids, unique) if len(unique) else np.array([], dtype=object)
    return places, [str(names[i]) for i in which]


def _matrices(named: NamedMotif) -> dict[str, Any]:
    motif = named.motif
    return {
        "counts": motif.counts.tolist(),
        "contributions": motif.contributions.tolist(),
        "hypothetical": None if motif.hypothetical is None else motif.hypothetical.tolist(),
        "background": motif.background.tolist(),
    }


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else printable(value, 10_000).replace("\t", " ")
