"""Options of dilated."""

from dataclasses import dataclass, field

from demo_core import Unsuitable


@dataclass(frozen=True)
class DilatedOptions:
    """How many layers, and how wide."""

    filters: int = field(default=64, metadata={"help": "Filters of every convolution.", "minimum": 1})
    width: int = field(default=15, metadata={"help": "Width of the first convolution, an odd number.", "minimum": 1})
    layers: int = field(
        default=4, metadata={"help": "Dilated convolutions; each sees twice as far.", "minimum": 0, "maximum": 12}
    )

    def __post_init__(self) -> None:
        if self.width % 2 == 0:
            raise Unsuitable(f"--width must be odd, to keep the length, not {self.width}")
