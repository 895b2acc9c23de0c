"""Training settings as options. Imports nothing heavy, since every architecture may set its own defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# Passes over the data, for any number of steps per pass
_FEWEST = 20


@dataclass(frozen=True)
class TrainingSettings:
    """Training settings: AdamW with a one-cycle learning rate."""

    epochs: int | None = field(
        default=None,
        metadata={
            "help": "Number of epochs. none: as many as --training-steps needs, from 20 to --most-epochs.",
            "minimum": 1,
        },
    )
    training_steps: int = field(
        default=2600, metadata={"help": "Approximate number of optimiser steps, unless --epochs is set.", "minimum": 1}
    )
    most_epochs: int = field(
        default=100,
        metadata={"help": "Upper limit of the epochs derived from --training-steps.", "minimum": 20},
    )
    batch_size: int = field(
        default=128,
        metadata={"help": "Sequences per optimiser step. Under torchrun, the processes share them.", "minimum": 1},
    )
    learning_rate: float = field(
        default=0.003, metadata={"help": "Peak learning rate of the one-cycle schedule.", "minimum": 1e-8}
    )
    weight_decay: float = field(default=0.01, metadata={"help": "AdamW weight decay.", "minimum": 0})
    clip_norm: float = field(default=1.0, metadata={"help": "Maximum gradient norm.", "minimum": 1e-8})
    reverse_complement: bool = field(
        default=True,
        metadata={"help": "Reverse-complement sequences at random during training."},
    )
    class_weights: Literal["none", "balanced"] = field(
        default="none",
        metadata={
            "help": (
                "balanced: multiply the loss of positives by the ratio of negatives to positives. "
                "Probabilities are then not calibrated."
            )
        },
    )
    precision: Literal["float32", "bf16"] = field(
        default="float32",
        metadata={"help": "bf16 uses mixed precision. It is faster on recent GPUs, rarely on CPUs."},
    )
    seed: int = field(default=0, metadata={"minimum": 0, "maximum": 2**63 - 1})

    def epochs_for(self, n: int) -> int:
        """Return the number of epochs for a training split of n sequences."""
        if self.epochs is not None:
            return self.epochs
        return min(self.most_epochs, max(_FEWEST, round(self.training_steps * self.batch_size / max(n, 1))))
