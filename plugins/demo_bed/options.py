"""Options of the bed reader."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from demo_core import Unsuitable


@dataclass(frozen=True)
class BedOptions:
    """Which window of the genome stands for an interval, and what is known of it."""

    genome: Path = field(metadata={"help": "The genome's FASTA file, plain or compressed with bgzip."})
    width: int | None = field(
        default=101,
        metadata={
            "help": "Window width in bases. none: keep the width of each interval.",
            "minimum": 1,
            "maximum": 10**8,
        },
    )
    center: Literal["auto", "summit", "midpoint"] = field(
        default="auto",
        metadata={"help": "The middle of each window; auto: the summit in narrowPeak files, else the midpoint."},
    )
    stranded: bool = field(
        default=False, metadata={"help": "Intervals on the - strand are read along it, as reverse complements."}
    )
    negatives_from: Path | None = field(
        default=None, metadata={"help": "A second BED file, of negatives; without it shuffles become negatives."}
    )
    unlabelled: bool = field(default=False, metadata={"help": "The intervals are to be explained: no labels."})
    test_chrom: tuple[str, ...] = field(default=(), metadata={"help": "Chromosomes that become the test split."})
    validation_chrom: tuple[str, ...] = field(
        default=(), metadata={"help": "Chromosomes that become the validation split."}
    )

    def __post_init__(self) -> None:
        if both := set(self.test_chrom) & set(self.validation_chrom):
            raise Unsuitable(f"{', '.join(sorted(both))} cannot be both --test-chrom and --validation-chrom")
        if self.unlabelled and self.negatives_from:
            raise Unsuitable("--negatives-from gives labels: leave --unlabelled out")
        if self.width is None and self.center != "auto":
            raise Unsuitable("--center is about windows of one --width")
