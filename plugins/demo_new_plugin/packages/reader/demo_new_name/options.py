"""Options of new-name. Each field becomes a flag of ``demo data import``."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewNameOptions:
    """How lines are read."""

    skip: int = field(default=0, metadata={"help": "Lines to leave out at the top.", "minimum": 0})
