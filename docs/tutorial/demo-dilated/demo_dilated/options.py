"""Options of dilated. Each field becomes an option of ``demo train dilated``."""

from dataclasses import dataclass, field

from demo_core import Unsuitable


@dataclass(frozen=True)
class DilatedOptions:
    """Number and width of the layers."""

    filters: int = field(default=64, metadata={"help": "Number of filters of each convolution.", "minimum": 1})
    width: int = field(default=15, metadata={"help": "Width of the first convolution, in bases; odd.", "minimum": 1})
    layers: int = field(
        default=4, metadata={"help": "Dilated convolutions; each doubles the dilation.", "minimum": 0, "maximum": 12}
    )

    def __post_init__(self) -> None:
        if self.width % 2 == 0:
            raise Unsuitable(f"--width must be odd to keep the length; it is {self.width}")
