"""Options of saliency."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SaliencyOptions:
    """Conversion of gradients to values."""

    simplex: bool = field(
        default=False,
        metadata={
            "help": (
                "Subtract the mean over letters at each position. It removes the gradient "
                "component off the simplex (Majdandzic et al. 2023)."
            )
        },
    )
