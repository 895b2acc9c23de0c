"""Options of new-name. Each field becomes a flag of ``demo explain new-name``."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewNameOptions:
    """Size of the window."""

    window: int = field(default=5, metadata={"help": "Bases blanked out at a time.", "minimum": 1})
