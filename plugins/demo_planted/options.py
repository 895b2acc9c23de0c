"""Options of the planted reader."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from demo_core import Unsuitable


@dataclass(frozen=True)
class PlantedOptions:
    """What is planted, and into what."""

    motifs: tuple[str, ...] = field(
        default=("MAFK",), metadata={"help": "Names or ids of the motifs that make a positive."}
    )
    number: int = field(
        default=4000, metadata={"help": "Sequences, every other one a positive.", "minimum": 2, "maximum": 10_000_000}
    )
    bases: int = field(default=100, metadata={"help": "Length of each sequence.", "minimum": 1, "maximum": 100_000})
    plant: Literal["all", "one"] = field(
        default="all", metadata={"help": "all: each positive has every motif; one: any one of them."}
    )
    orientation: Literal["random", "together", "forward"] = field(
        default="random",
        metadata={
            "help": "random: each motif on either strand; together: the whole arrangement on either strand, its order "
            "turned with it; forward: as in the file."
        },
    )
    ordered: bool = field(default=False, metadata={"help": "Motifs keep the order in which they are named."})
    spacing: tuple[int, ...] = field(
        default=(),
        metadata={"help": "Fewest and most bases between one motif and the next; left out: any.", "minimum": 0},
    )
    decoys: int = field(
        default=0,
        metadata={
            "help": "In every sequence, positive or negative, so many sites of motifs whose columns were shuffled.",
            "minimum": 0,
        },
    )
    composition: tuple[float, float, float, float] = field(
        default=(0.25, 0.25, 0.25, 0.25),
        metadata={"help": "Share of A, C, G and T in the background.", "minimum": 0, "maximum": 1},
    )
    background_from: Path | None = field(
        default=None,
        metadata={"help": "A dataset file or FASTA file whose sequences the background imitates, as a Markov model."},
    )
    order: int = field(default=1, metadata={"help": "Order of that Markov model.", "minimum": 0, "maximum": 8})
    planting_seed: int = field(default=0, metadata={"help": "Another number plants anew.", "minimum": 0})

    def __post_init__(self) -> None:
        if not self.motifs:
            raise Unsuitable("--motifs names no motif")
        if self.spacing and (len(self.spacing) != 2 or self.spacing[0] > self.spacing[1]):
            raise Unsuitable("--spacing needs two numbers, the fewest before the most: --spacing 2,10")
        if (self.spacing or self.ordered) and (len(self.motifs) < 2 or self.plant == "one"):
            raise Unsuitable("--spacing and --ordered are about several motifs in one sequence")
        if self.background_from and self.composition != (0.25, 0.25, 0.25, 0.25):
            raise Unsuitable("--background-from has a composition of its own: leave --composition out")
        if self.order != 1 and not self.background_from:
            raise Unsuitable("--order is that of the model of --background-from, which is not given")
        if abs(sum(self.composition) - 1) > 1e-6:
            raise Unsuitable(f"--composition must sum to 1, not {sum(self.composition):g}")
