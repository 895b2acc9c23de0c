"""Options of the deepbind reader."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DeepBindOptions:
    """Which files to read besides the source."""

    sibling: bool = field(default=True, metadata={"help": "Read X_B.seq[.gz] beside X_AC.seq[.gz] as the test split."})
