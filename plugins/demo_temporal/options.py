"""Options of temporal."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TemporalOptions:
    """What a score is, and how exactly it is computed."""

    score: Literal["probability", "logit"] = field(
        default="probability",
        metadata={"help": "probability: a logit through its sigmoid, as in the paper; logit: the target as it is."},
    )
    sliced: bool = field(
        default=False,
        metadata={
            "help": "The authors' shortcut for the cnn-rnn: convolve the whole sequence once and slice the result. "
            "Bases beyond the end then leak in, half the convolution's width of them."
        },
    )
