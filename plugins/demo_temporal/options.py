"""Options of temporal."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TemporalOptions:
    """Unit, direction and exactness of scores."""

    score: Literal["probability", "logit"] = field(
        default="probability",
        metadata={"help": "probability: apply the sigmoid to logits, as in the paper. logit: keep the target."},
    )
    sliced: bool = field(
        default=False,
        metadata={
            "help": (
                "Convolve the whole sequence once, then truncate, as the authors do for the cnn-rnn. "
                "Each prefix then includes half a filter width of further bases."
            )
        },
    )
