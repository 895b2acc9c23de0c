"""Options of saliency."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SaliencyOptions:
    """Conversion of gradients to values."""

    simplex: bool = field(
        default=False,
        metadata={
            "help": (
                "Subtract the mean over letters at each position (Majdandzic et al. 2023). "
                "Use it for motif search and export: it reduces noise of the gradient."
            )
        },
    )
