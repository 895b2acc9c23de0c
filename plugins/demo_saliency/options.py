"""Options of saliency."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SaliencyOptions:
    """How the gradient is turned into values."""

    simplex: bool = field(
        default=False,
        metadata={
            "help": "Subtract each position's mean over letters: the part of the gradient that leaves the space of "
            "one-hot sequences says nothing about DNA (Majdandzic et al. 2023)."
        },
    )
