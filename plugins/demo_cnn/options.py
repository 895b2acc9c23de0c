"""Options of the cnn; the defaults are the paper's."""

from dataclasses import dataclass, field

from demo_core import Unsuitable


@dataclass(frozen=True)
class CnnOptions:
    """How many layers, and how large."""

    filters: tuple[int, ...] = field(
        default=(128, 128, 128), metadata={"help": "Filters of each convolution.", "minimum": 1}
    )
    widths: tuple[int, ...] = field(
        default=(9, 5, 3), metadata={"help": "Width of each convolution, in positions.", "minimum": 1}
    )
    pool: int = field(
        default=2,
        metadata={"help": "Max-pooling after every convolution but the last; 1 for none.", "minimum": 1},
    )
    dropout: float = field(
        default=0.5, metadata={"help": "Share of values dropped in training.", "minimum": 0, "maximum": 0.95}
    )

    def __post_init__(self) -> None:
        if len(self.filters) != len(self.widths):
            raise Unsuitable(f"--filters names {len(self.filters)} layers and --widths {len(self.widths)}")
        if not self.filters:
            raise Unsuitable("--filters needs at least one layer")
