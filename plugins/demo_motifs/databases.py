"""Motif databases: JASPAR releases through pyjaspar, and MEME files, as counts and probabilities."""

from __future__ import annotations

import functools
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from demo_core.errors import DemoError, UsageProblem, printable, unknown_name
from demo_core.sequences import Motif, read_meme

#: Release that ``jaspar`` means.
DEFAULT_RELEASE = "2024"
#: Any taxonomic group.
ALL = "all"

_RELEASE = re.compile(r"jaspar[-:]?(\d*)", re.IGNORECASE)


@dataclass(frozen=True)
class KnownMotif:
    """A motif of a database.

    Parameters
    ----------
    motif
        Its id, factor's name and probabilities; ``motif.pfm()`` gives the counts.
    source
        Source: ``JASPAR2024`` or a file name.
    taxon, family
        JASPAR's taxonomic group and the factor's family; '' where unknown.
    """

    motif: Motif
    source: str
    taxon: str = ""
    family: str = ""


def load(databases: Sequence[str], taxon: str = "vertebrates") -> list[KnownMotif]:
    """Return the motifs of one or several databases, in order; of equal ids, the first.

    Parameters
    ----------
    databases
        ``jaspar`` (the default release), ``jaspar2022``, or the path of a MEME file.
    taxon
        JASPAR's taxonomic group, or ``all``. MEME files have none.

    Raises
    ------
    UsageProblem
        For an unknown release, taxonomic group, or no such file.
    DemoError
        For a file that is not in MEME's format, or if there is no motif at all.
    """
    found: dict[str, KnownMotif] = {}
    for name in databases:
        release = _RELEASE.fullmatch(name)
        if release:  # a file of that name is ignored; a file called jaspar is ./jaspar
            known = jaspar(release[1] or DEFAULT_RELEASE, taxon)
        elif Path(name).exists():
            known = meme(Path(name))
        else:
            raise UsageProblem(
                f"{name} is neither a file nor a JASPAR release; give jaspar, "
                f"{', '.join('jaspar' + r for r in releases())}, or a MEME file"
            )
        for one in known:
            found.setdefault(one.motif.id, one)
    if not found:
        raise DemoError("no motif in " + ", ".join(printable(name) for name in databases))
    return list(found.values())


def releases() -> list[str]:
    """Return the JASPAR releases of pyjaspar, newest first."""
    from pyjaspar import jaspar_releases

    return sorted((name.removeprefix("JASPAR") for name in jaspar_releases), reverse=True)


def jaspar(release: str = DEFAULT_RELEASE, taxon: str = "vertebrates") -> list[KnownMotif]:
    """Return the CORE motifs of a release, each in its newest version. No network is used.

    Source: Rauluseviciute et al., Nucleic Acids Research 2024, 52:D174. Raises UsageProblem on an unknown release or
    taxonomic group.
    """
    from pyjaspar import jaspardb

    if release not in releases():
        raise UsageProblem(unknown_name("release of JASPAR", release, releases()))
    database: Any = jaspardb(release=f"JASPAR{release}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty result is reported below
        every = database.fetch_motifs(collection="CORE", tax_group=None if taxon == ALL else taxon.split(","))
    if not every:
        groups = {str(m.tax_group) for m in database.fetch_motifs(collection="CORE")}
        raise UsageProblem(unknown_name("taxonomic group", taxon, {*groups, ALL}))
    return [_known(one, f"JASPAR{release}") for one in every]


def meme(path: Path) -> list[KnownMotif]:
    """Return the motifs of a MEME file. Raises BadSource, naming the line, DemoError on a repeated id."""
    motifs = read_meme(path)
    twice = [name for name, n in Counter(m.id for m in motifs).items() if n > 1]
    if twice:
        raise DemoError(f"{path}: motif {printable(twice[0], 60)} occurs more than once; ids must be unique")
    return [KnownMotif(motif, path.name) for motif in motifs]


def named(known: Sequence[KnownMotif], name: str) -> list[KnownMotif]:
    """Return a factor's motifs: those of that id, otherwise of that name, otherwise of complexes that contain it.

    Case is ignored. JASPAR writes complexes as ``MAX::MYC``, and an id may omit its version. If nothing has the name,
    aliases such as NRSF for REST are looked up in ``aliases.tsv``. Raises UsageProblem with the closest names.
    """
    found = _named(known, name)
    if not found and (symbol := aliases().get(name.casefold())):
        found = _named(known, symbol)
    if found:
        return found
    names = {one.motif.name or one.motif.id for one in known}
    raise UsageProblem(unknown_name("motif", name, names))


@functools.cache
def aliases() -> dict[str, str]:
    """Symbols of factors by alias, in lower case. The file states its source."""
    text = (resources.files("demo_motifs") / "aliases.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {alias.casefold(): symbol for symbol, names in rows for alias in names.split(",")}


def _named(known: Sequence[KnownMotif], name: str) -> list[KnownMotif]:
    word = name.casefold()
    ways = (
        lambda m: word in (m.id.casefold(), m.id.casefold().partition(".")[0]),
        lambda m: m.name.casefold() == word,
        lambda m: word in m.name.casefold().split("::"),
    )
    for fits in ways:
        found = [one for one in known if fits(one.motif)]
        if found:
            return found
    return []


def _known(record: Any, source: str) -> KnownMotif:
    counts = np.array([record.counts[letter] for letter in "ACGT"], np.float64)
    sites = counts.sum(axis=0)
    # columns of one matrix may differ in their sum, by rounding or by gaps in the alignment
    ppm = np.divide(counts, sites, out=np.full_like(counts, 0.25), where=sites > 0)
    family = record.tf_family
    return KnownMotif(
        Motif(str(record.matrix_id), str(record.name), ppm, float(np.median(sites))),
        source,
        str(record.tax_group or ""),
        ", ".join(map(str, family)) if isinstance(family, list) else str(family or ""),
    )
