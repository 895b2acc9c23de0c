"""Options of class-optimization; the defaults are the paper's, but for the number of restarts."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class ClassOptimizationOptions:
    """What is optimised, and how."""

    restarts: int = field(
        default=8, metadata={"help": "Random starts; all are optimised at once.", "minimum": 1, "maximum": 100_000}
    )
    steps: int = field(default=1000, metadata={"help": "Steps of RMSProp.", "minimum": 1})
    step_size: float = field(default=0.05, metadata={"help": "RMSProp's learning rate.", "minimum": 1e-8})
    penalty: float = field(
        default=0.009, metadata={"help": "Weight of the squared norm, which is taken off the target.", "minimum": 0}
    )
    parameters: Literal["input", "softmax"] = field(
        default="input",
        metadata={
            "help": "input: each value of the matrix is free, as in the paper; softmax: every position stays a "
            "distribution over letters."
        },
    )
    patience: int = field(
        default=0,
        metadata={
            "help": "A restart ends once its objective has not grown for so many steps, with the best it had; 0 takes "
            "all steps, as in the paper.",
            "minimum": 0,
        },
    )
