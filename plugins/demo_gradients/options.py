"""Options of the gradient methods."""

from dataclasses import dataclass, field
from typing import Literal

from demo_core import DatasetFile


@dataclass(frozen=True)
class SmoothGradOptions:
    """Noise, and conversion of gradients to values."""

    samples: int = field(default=50, metadata={"help": "Noisy copies of each sequence.", "minimum": 1})
    noise: float = field(
        default=0.1,
        metadata={
            "help": "Standard deviation of the Gaussian noise; one-hot values are 0 and 1.",
            "minimum": 0.0,
            "maximum": 10.0,
        },
    )
    simplex: bool = field(
        default=False,
        metadata={"help": "Subtract the mean over letters at each position (Majdandzic et al. 2023)."},
    )


def _tolerance(default: float) -> float:
    about = "Approximate completeness error to reach (fraction of the output difference)."
    return field(default=default, metadata={"help": about, "minimum": 1e-6, "maximum": 1.0})


@dataclass(frozen=True)
class IntegratedGradientsOptions:
    """Reference and precision of the path integral."""

    background: Literal["uniform", "zeros"] = field(
        default="uniform",
        metadata={"help": "Reference input: equal values for all letters (uniform), or zeros."},
    )
    steps: int = field(
        default=16, metadata={"help": "Initial number of intervals per path. Intervals with large errors are divided.",
                              "minimum": 1},
    )  # fmt: skip
    max_steps: int = field(default=1024, metadata={"help": "Maximum number of gradients per path.", "minimum": 1})
    tolerance: float = _tolerance(0.005)


@dataclass(frozen=True)
class ExpectedGradientsOptions:
    """References and precision of the path integrals."""

    background: Literal["shuffle", "uniform", "zeros"] = field(
        default="shuffle",
        metadata={"help": "References: dinucleotide shuffles, equal values for all letters, or zeros."},
    )
    background_file: DatasetFile | None = field(
        default=None, metadata={"help": "Draw references from this dataset or sequence file, such as FASTA."}
    )
    references: int = field(default=20, metadata={"help": "References of each sequence.", "minimum": 1})
    steps: int = field(
        default=4, metadata={"help": "Initial number of intervals per path. Intervals with large errors are divided.",
                             "minimum": 1},
    )  # fmt: skip
    max_steps: int = field(default=256, metadata={"help": "Maximum number of gradients per path.", "minimum": 1})
    tolerance: float = _tolerance(0.006)
