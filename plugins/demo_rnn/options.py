"""Options of the rnn. The defaults are the paper's."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RnnOptions:
    """Sizes of layers, and reading directions."""

    units: int = field(default=32, metadata={"help": "LSTM units per direction.", "minimum": 1})
    layers: int = field(default=1, metadata={"help": "Number of stacked LSTM layers.", "minimum": 1, "maximum": 8})
    dropout: float = field(
        default=0.5, metadata={"help": "Dropout probability during training.", "minimum": 0, "maximum": 0.95}
    )
    unidirectional: bool = field(
        default=False,
        metadata={"help": "Use a forward LSTM only. Forward temporal scores then take one pass."},
    )
    warm_start: bool = field(
        default=True,
        metadata={
            "help": (
                "Train with maximum pooling at first, with mean pooling after 40 % of training. "
                "Maximum-pooling epochs are kept only if no later epoch exists."
            )
        },
    )
