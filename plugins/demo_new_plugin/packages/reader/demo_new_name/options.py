"""Options of new-name. Each field becomes an option of ``demo data import``."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewNameOptions:
    """Lines to skip."""

    skip: int = field(default=0, metadata={"help": "Number of header lines to skip.", "minimum": 0})
