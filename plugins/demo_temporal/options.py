"""Options of temporal."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TemporalOptions:
    """Unit, direction and exactness of scores."""

    score: Literal["probability", "logit"] = field(
        default="probability",
        metadata={
            "help": "probability applies the sigmoid to logits, as in the paper. logit leaves the target unchanged."
        },
    )
    sliced: bool = field(
        default=False,
        metadata={
            "help": (
                "Convolve the whole sequence once, as the authors do for the cnn-rnn. Half a "
                "filter width of bases beyond each end leaks in."
            )
        },
    )
