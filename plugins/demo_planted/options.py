"""Options of the planted reader."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from demo_core import Unsuitable


@dataclass(frozen=True)
class PlantedOptions:
    """Planted motifs, and background sequences."""

    motifs: tuple[str, ...] = field(
        default=("MAFK",), metadata={"help": "Names or ids of motifs planted in positives."}
    )
    number: int = field(
        default=4000,
        metadata={"help": "Number of sequences. Half of them are positives.", "minimum": 2, "maximum": 10_000_000},
    )
    bases: int = field(
        default=100, metadata={"help": "Length of each simulated sequence in bases.", "minimum": 1, "maximum": 100_000}
    )
    plant: Literal["all", "one"] = field(
        default="all", metadata={"help": "all plants every motif in each positive. one plants a single random motif."}
    )
    orientation: Literal["random", "together", "forward"] = field(
        default="random",
        metadata={
            "help": (
                "Strand of planted motifs. random draws one per motif. together draws one per "
                "sequence and reverses the order too."
            )
        },
    )
    ordered: bool = field(default=False, metadata={"help": "Keep the order of --motifs."})
    spacing: tuple[int, ...] = field(
        default=(),
        metadata={
            "help": "Minimum and maximum gap between neighbouring motifs, in bases. none allows any.",
            "minimum": 0,
        },
    )
    decoys: int = field(
        default=0,
        metadata={
            "help": "Decoy sites per sequence, from motifs with shuffled columns. Positives and negatives get them.",
            "minimum": 0,
        },
    )
    composition: tuple[float, float, float, float] = field(
        default=(0.25, 0.25, 0.25, 0.25),
        metadata={"help": "Background frequencies of A, C, G and T.", "minimum": 0, "maximum": 1},
    )
    background_from: Path | None = field(
        default=None,
        metadata={"help": "Dataset or FASTA file to fit a Markov background to."},
    )
    order: int = field(default=1, metadata={"help": "Order of the Markov background.", "minimum": 0, "maximum": 8})
    planting_seed: int = field(
        default=0, metadata={"help": "Random seed of background and planted sites.", "minimum": 0}
    )

    def __post_init__(self) -> None:
        if not self.motifs:
            raise Unsuitable("--motifs is empty; name at least one motif")
        if self.spacing and (len(self.spacing) != 2 or self.spacing[0] > self.spacing[1]):
            raise Unsuitable("--spacing needs a minimum and a maximum, such as --spacing 2,10")
        if (self.spacing or self.ordered) and (len(self.motifs) < 2 or self.plant == "one"):
            raise Unsuitable("--spacing and --ordered need several motifs per sequence")
        if self.background_from and self.composition != (0.25, 0.25, 0.25, 0.25):
            raise Unsuitable("--background-from sets the composition; omit --composition")
        if self.order != 1 and not self.background_from:
            raise Unsuitable("--order needs --background-from")
        if abs(sum(self.composition) - 1) > 1e-6:
            raise Unsuitable(f"--composition must sum to 1, not {sum(self.composition):g}")
