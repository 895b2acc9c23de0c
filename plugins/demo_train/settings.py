"""How a network is trained, as options: light, since every architecture may bring its own defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# Passes over the data, however many steps they make
_FEWEST = 20


@dataclass(frozen=True)
class TrainingSettings:
    """The recipe: AdamW under a one-cycle learning rate, run to its end."""

    epochs: int | None = field(
        default=None,
        metadata={
            "help": "Passes over the data; none for about --training-steps in at least 20, at most --most-epochs.",
            "minimum": 1,
        },
    )
    training_steps: int = field(
        default=2600, metadata={"help": "About so many steps, unless --epochs says how many passes.", "minimum": 1}
    )
    most_epochs: int = field(
        default=100, metadata={"help": "Passes over little data, unless --epochs says how many.", "minimum": 20}
    )
    batch_size: int = field(
        default=128, metadata={"help": "Sequences in a step, over all processes together.", "minimum": 1}
    )
    learning_rate: float = field(
        default=0.003, metadata={"help": "The peak of the one-cycle schedule.", "minimum": 1e-8}
    )
    weight_decay: float = field(default=0.01, metadata={"help": "AdamW's weight decay.", "minimum": 0})
    clip_norm: float = field(default=1.0, metadata={"help": "The gradient is clipped to this norm.", "minimum": 1e-8})
    reverse_complement: bool = field(
        default=True,
        metadata={"help": "Show each sequence on a random strand each time (alphabets with a complement)."},
    )
    class_weights: Literal["none", "balanced"] = field(
        default="none",
        metadata={
            "help": "Weigh positives by negatives / positives of each target; probabilities are then no longer "
            "calibrated to the data's own balance."
        },
    )
    precision: Literal["float32", "bf16"] = field(
        default="float32",
        metadata={"help": "bf16 trains in mixed precision: faster on recent GPUs, seldom on a CPU."},
    )
    seed: int = field(default=0, metadata={"minimum": 0, "maximum": 2**63 - 1})

    def epochs_for(self, n: int) -> int:
        """How many epochs a training split of n sequences gets."""
        if self.epochs is not None:
            return self.epochs
        return min(self.most_epochs, max(_FEWEST, round(self.training_steps * self.batch_size / max(n, 1))))
