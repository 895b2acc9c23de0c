"""Options of new-name. Each field becomes an option of ``demo explain new-name``."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewNameOptions:
    """Size of the window."""

    window: int = field(default=5, metadata={"help": "Width of the masked window, in bases.", "minimum": 1})
