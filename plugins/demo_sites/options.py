"""Options of the sites reader."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SitesOptions:
    """File of known sites, and grouping."""

    marks: Path | None = field(
        default=None,
        metadata={"help": "File of site labels. none replaces 'sequence' in the name of SOURCE by 'label'."},
    )
    pairs: bool = field(
        default=False,
        metadata={"help": "Keep each pair of lines, such as a positive and its shuffle, in one split."},
    )
