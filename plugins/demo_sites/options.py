"""Options of the sites reader."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SitesOptions:
    """File of known sites, and grouping."""

    marks: Path | None = field(
        default=None,
        metadata={"help": "File with 0 or 1 per base. Without it, SOURCE's name with 'label' for 'sequence'."},
    )
    pairs: bool = field(
        default=False,
        metadata={"help": "Keep each pair of lines, such as a positive and its shuffle, in one split."},
    )
