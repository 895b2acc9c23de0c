"""Options of shuffle-effect."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ShuffleEffectOptions:
    """What is shuffled, and how often."""

    window: int = field(default=9, metadata={"help": "Bases shuffled at a time.", "minimum": 2})
    shuffles: int = field(default=8, metadata={"help": "Shuffles of each window.", "minimum": 1})
