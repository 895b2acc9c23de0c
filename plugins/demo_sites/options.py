"""Options of the sites reader."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SitesOptions:
    """Where the marks are, and what belongs together."""

    marks: Path | None = field(
        default=None,
        metadata={"help": "The file of marks; left out: 'label' for 'sequence' in the source's name, beside it."},
    )
    pairs: bool = field(
        default=False,
        metadata={"help": "Each two lines, such as a positive and its shuffle, stay in one split."},
    )
