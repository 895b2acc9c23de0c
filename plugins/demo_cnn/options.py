"""Options of the cnn. The defaults are the paper's."""

from dataclasses import dataclass, field

from demo_core import Unsuitable


@dataclass(frozen=True)
class CnnOptions:
    """Numbers and sizes of layers."""

    filters: tuple[int, ...] = field(
        default=(128, 128, 128), metadata={"help": "Number of filters in each convolution.", "minimum": 1}
    )
    widths: tuple[int, ...] = field(
        default=(9, 5, 3),
        metadata={"help": "Filter width of each convolution, in positions of its input.", "minimum": 1},
    )
    pool: int = field(
        default=2,
        metadata={
            "help": "Max-pooling width after every convolution except the last. 1 disables pooling.",
            "minimum": 1,
        },
    )
    dropout: float = field(
        default=0.5, metadata={"help": "Dropout probability during training.", "minimum": 0, "maximum": 0.95}
    )

    def __post_init__(self) -> None:
        if len(self.filters) != len(self.widths):
            raise Unsuitable(f"--filters names {len(self.filters)} layers and --widths {len(self.widths)}")
        if not self.filters:
            raise Unsuitable("--filters needs at least one layer")
