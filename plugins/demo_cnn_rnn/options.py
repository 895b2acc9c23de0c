"""Options of the cnn-rnn; the defaults are the paper's."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CnnRnnOptions:
    """How large, and in which directions it reads."""

    filters: int = field(default=128, metadata={"help": "Filters of the convolution.", "minimum": 1})
    width: int = field(default=9, metadata={"help": "Width of the convolution, in positions.", "minimum": 1})
    units: int = field(default=32, metadata={"help": "LSTM units in each direction.", "minimum": 1})
    layers: int = field(default=1, metadata={"help": "LSTM layers, one upon the other.", "minimum": 1, "maximum": 8})
    dropout: float = field(
        default=0.5, metadata={"help": "Share of values dropped in training.", "minimum": 0, "maximum": 0.95}
    )
    unidirectional: bool = field(default=False, metadata={"help": "Read from left to right only."})
    warm_start: bool = field(
        default=True,
        metadata={
            "help": "Begin the training on the maximum over positions, which finds a motif sooner than the mean."
        },
    )
