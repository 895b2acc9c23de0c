"""Options of shuffle-effect. Each field becomes an option of ``demo explain shuffle-effect``."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ShuffleEffectOptions:
    """Width of the window and number of shuffles."""

    window: int = field(default=9, metadata={"help": "Width of the shuffled window, in bases.", "minimum": 2})
    shuffles: int = field(default=8, metadata={"help": "Number of shuffles of each window.", "minimum": 1})
