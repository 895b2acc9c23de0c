"""Options of new-name. Each field becomes an option of ``demo train new-name``."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class NewNameOptions:
    """Number and width of the filters."""

    filters: int = field(default=64, metadata={"help": "Number of convolution filters.", "minimum": 1})
    width: int = field(default=15, metadata={"help": "Width of each filter, in bases.", "minimum": 1})
