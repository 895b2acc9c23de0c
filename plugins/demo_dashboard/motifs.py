"""Output folders of ``demo motifs find`` and ``demo motifs scan``: motifs, known matrices, and their sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from demo_core.errors import DemoError, UsageProblem, printable, unknown_name
from demo_core.sequences import Motif, read_meme
from demo_core.storage import Field, hdf5
from demo_dashboard.alignment import Aligned, Ints
from demo_dashboard.runs import Run, digest_of

#: Files as in docs/motifs.md.
_FORMAT, _VERSION = "demo-motifs", 1
_FIELDS = {
    **{name: Field("int64", 1) for name in ("explanation", "motif", "row", "start", "end", "strand")},
    **{name: Field("int64", 1) for name in ("run_start", "run_end")},
    **{name: Field("float32", 1) for name in ("score", "p")},
    "ids": Field("str", 1),
    "intervals": Field("int64", 2, required=False),
}
#: Tables of sites, and the kind of motifs in each.
_TABLES = {"hits.tsv": False, "known.tsv": True, "sites.tsv": True}
_COLUMNS = ("motif", "name", "explanation", "id", "start", "end", "strand", "score", "p", "bases")


@dataclass(frozen=True)
class Site:
    """A motif site in a sequence: ``[start, end)``, strand 1 or -1.

    ``known`` is whether the motif is from a database. ``explanation`` names the run of a motif that was found.
    """

    start: int
    end: int
    strand: int
    motif: str
    name: str
    explanation: str
    score: float
    p: float
    known: bool


@dataclass
class Motifs:
    """Content of motif folders.

    Parameters
    ----------
    found
        Motifs of ``motifs.h5``.
    known
        Database matrices by id: matches of found motifs, and motifs that were scanned.
    sites
        Sites of each chosen sequence, by its index among them.
    owners
        Label of the run for each explanation of ``motifs.h5``, if it is one of the runs.
    """

    found: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, Motif] = field(default_factory=dict)
    sites: dict[int, list[Site]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def known_sites(self, place: int, motif: str | None = None) -> list[Site]:
        """Return sites of known motifs, or of one of them, in a sequence; the best first."""
        mine = [s for s in self.sites.get(place, []) if s.known and motif in (None, s.motif)]
        return sorted(mine, key=lambda s: (s.p, -s.score, s.start))

    def best_known(self, name: str | None = None) -> Motif | None:
        """Return the known motif of that name or id; by default, the match of the found motif with the most seqlets.

        If none was found, return the first that was scanned. Raises UsageProblem on an unknown name.
        """
        if name is not None:
            for motif in self.known.values():
                if name.lower() in (motif.id.lower(), motif.name.lower()):
                    return motif
            there = [f"{m.name} ({m.id})" if m.name else m.id for m in self.known.values()]
            raise UsageProblem(unknown_name("known motif", name, there))
        named = sorted((m for m in self.found if m["name"] and m["matches"]), key=lambda m: -m["seqlets"])
        ids = [m["matches"][0]["match_id"].replace(" ", "_") for m in named]
        return next((self.known[i] for i in ids if i in self.known), next(iter(self.known.values()), None))


def read_motifs(folders: Sequence[Path], runs: Sequence[Run], aligned: Aligned, chosen: Ints) -> Motifs:
    """Read folders. Sites are matched to sequences by id, their bases are checked, and those of chosen sequences are
    kept.

    Raises DemoError, naming the file, if it has another format or was made from other sequences.
    """
    content = Motifs()
    seen: set[tuple[object, ...]] = set()
    places = _places(aligned, chosen)
    for folder in folders:
        _check_folder(folder)
        if (folder / "motifs.h5").is_file():
            found, owners = _found(folder / "motifs.h5", runs)
            content.found += found
            content.owners |= owners
        if (folder / "known.meme").is_file():
            content.known |= {m.id: m for m in read_meme(folder / "known.meme")}
        for name, known in _TABLES.items():
            if (folder / name).is_file() and len(aligned):
                _read_sites(folder / name, known, places, aligned.take(chosen), content.sites, seen)
    return content


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file; --motifs names a folder" if folder.exists() else "no such folder"
        raise DemoError(f"{folder}: {what}; demo motifs find or demo motifs scan makes one")
    if not any((folder / name).is_file() for name in ("motifs.h5", *_TABLES)):
        raise DemoError(f"{folder} is not a folder of demo motifs; it has neither motifs.h5 nor sites.tsv")


def _found(path: Path, runs: Sequence[Run]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Read the motifs of a file, and the label of the run for each of its explanations."""
    file, metadata = hdf5.open_checked(path, _FORMAT, _VERSION, _FIELDS)
    file.close()
    try:
        described = [
            (str(e["name"]), (str(e["model_digest"]), str(e["explainer"]), str(e["target"])))
            for e in metadata["explanations"]
        ]
        motifs = [_motif(row, [name for name, _ in described]) for row in metadata["motifs"]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DemoError(f"{path} is refused: {error}") from None
    if not {key[0] for _, key in described} & {digest_of(run.explanation) for run in runs}:
        raise DemoError(
            f"{path} comes from other models; give the folder that demo motifs find made from these explanations"
        )
    owners = {name: owner for name, key in described if (owner := _owner(name, key, runs)) is not None}
    return motifs, owners


def _owner(name: str, key: tuple[str, str, str], runs: Sequence[Run]) -> str | None:
    """Return the run with that model, explainer and target; among several, the one with the file name of the
    explanation.
    """
    alike = [r for r in runs if (digest_of(r.explanation), r.explanation.explainer, r.explanation.target) == key]
    if len(alike) > 1:
        alike = [r for r in alike if f".{name}".endswith(f".{r.path.name.removesuffix('.h5')}")]
    return alike[0].label if len(alike) == 1 else None


def _motif(row: Mapping[str, Any], explanations: list[str]) -> dict[str, Any]:
    counts = np.asarray(row["counts"], np.float64)
    if counts.ndim != 2 or len(counts) != 4 or not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("a motif has no counts")
    total = counts.sum(axis=0)
    if not counts.shape[1] or (total <= 0).any():
        raise ValueError("a motif has a column without counts")
    if row["explanation"] not in explanations:
        raise ValueError("a motif belongs to no explanation")
    number = {k: _number(row[k]) for k in ("sites", "sites_pointed_at", "expected_by_chance", "p_pointed_at", "bits")}
    matches = [
        {
            **{k: str(m[k]) for k in ("match_id", "match_name", "database", "strand")},
            **{k: _number(m[k]) for k in ("p", "E", "q", "offset")},
        }
        for m in row["matches"]
    ]
    return {
        **{k: str(row[k]) for k in ("motif", "explanation", "name", "consensus")},
        **{k: int(row[k]) for k in ("seqlets", "sequences")},
        **number,
        "ppm": counts / total,
        "matches": matches,
    }


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number was expected")
    return float(value)


def _read_sites(
    path: Path,
    known: bool,
    places: dict[str, set[int]],
    aligned: Aligned,
    sites: dict[int, list[Site]],
    seen: set[tuple[object, ...]],
) -> None:
    strange = total = 0
    for number, cells in _rows(path):
        total += 1
        named = places.get(cells["id"])
        if named is None:
            strange += 1
            continue
        shown = sorted(place for place in named if place >= 0)
        if not shown:
            continue
        try:
            site = Site(
                int(cells["start"]), int(cells["end"]), {"+": 1, "-": -1}[cells["strand"]], cells["motif"],
                cells["name"], "" if known else cells["explanation"], float(cells["score"]), float(cells["p"]), known,
            )  # fmt: skip
        except (ValueError, KeyError):
            raise DemoError(f"{path}: line {number} is not a site; recreate the folder") from None
        here = [place for place in shown if _has_bases(site, cells["bases"], aligned, place)]
        if not here and len(shown) == len(named):
            raise DemoError(
                f"{path}: line {number} has another sequence than the explanation of the same id; "
                "recreate the folder from these explanations"
            )
        for place in here:
            key = (place, site.start, site.strand, site.motif, site.known, site.explanation)
            if key not in seen:
                seen.add(key)
                sites.setdefault(place, []).append(site)
    if total and strange == total:
        raise DemoError(f"{path} has no id in common with these explanations; give the folder made from them")


def _has_bases(site: Site, bases: str, aligned: Aligned, place: int) -> bool:
    codes = aligned.codes[place]
    alphabet = aligned.runs[0].explanation.sequences.alphabet
    if not 0 <= site.start < site.end <= len(codes):
        return False
    part = codes[site.start : site.end]
    return alphabet.decode(part if site.strand > 0 else alphabet.reverse_complement(part)) == bases


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            heads = file.readline().rstrip("\n").split("\t")
            if missing := [c for c in _COLUMNS if c not in heads]:
                raise DemoError(f"{path} has no column '{missing[0]}'; recreate the folder")
            for number, line in enumerate(file, start=2):
                cells = line.rstrip("\n").split("\t")
                if len(cells) != len(heads):
                    raise DemoError(f"{path}: line {number} has {len(cells)} cells, not {len(heads)}")
                yield number, dict(zip(heads, cells, strict=True))
    except UnicodeDecodeError:
        raise DemoError(f"{path} is not UTF-8 text; recreate the folder") from None


def _places(aligned: Aligned, chosen: Ints) -> dict[str, set[int]]:
    """Return the index among the chosen sequences for each id of a run, -1 for sequences that were not chosen.

    Ids are as in the tables, without tabs or control characters. Two runs may use one id for two sequences.
    """
    among = np.full(len(aligned) + 1, -1, np.int64)
    among[chosen] = np.arange(len(chosen))
    places: dict[str, set[int]] = {}
    for run, rows in zip(aligned.runs, aligned.rows, strict=True):
        back = np.full(len(run.explanation), -1, np.int64)
        back[rows[rows >= 0]] = among[np.flatnonzero(rows >= 0)]
        for name, place in zip(run.explanation.sequences.ids[:], back.tolist(), strict=True):
            places.setdefault(printable(name, 10_000).replace("\t", " "), set()).add(place)
    return places
