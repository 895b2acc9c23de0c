"""Options of new-name. Each field becomes a flag of ``demo train new-name``."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewNameOptions:
    """Size of the convolution."""

    filters: int = field(default=64, metadata={"help": "Filters of the convolution.", "minimum": 1})
    width: int = field(default=15, metadata={"help": "Width of the convolution, in bases.", "minimum": 1})
