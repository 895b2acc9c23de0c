"""Options of class-optimization. The defaults are the paper's, except the number of restarts."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class ClassOptimizationOptions:
    """Options of the optimisation."""

    restarts: int = field(
        default=8,
        metadata={"help": "Number of random starts, optimised in one batch.", "minimum": 1, "maximum": 100_000},
    )
    steps: int = field(default=1000, metadata={"help": "Number of RMSProp steps.", "minimum": 1})
    step_size: float = field(default=0.05, metadata={"help": "RMSProp learning rate.", "minimum": 1e-8})
    penalty: float = field(
        default=0.009,
        metadata={"help": "Weight of the L2 penalty (squared norm) subtracted from the target.", "minimum": 0},
    )
    parameters: Literal["input", "softmax"] = field(
        default="input",
        metadata={
            "help": (
                "input: optimise unconstrained values, as in the paper. softmax: optimise base "
                "probabilities at each position."
            )
        },
    )
    patience: int = field(
        default=0,
        metadata={
            "help": (
                "Stop a restart after this many steps without improvement and keep its best input. "
                "0 runs all steps, as in the paper."
            ),
            "minimum": 0,
        },
    )
