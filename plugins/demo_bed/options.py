"""Options of the bed reader."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from demo_core import Unsuitable


@dataclass(frozen=True)
class BedOptions:
    """Genomic window of each interval, its label and its split."""

    genome: Path = field(metadata={"help": "FASTA file of the genome, plain or bgzip-compressed."})
    width: int | None = field(
        default=101,
        metadata={
            "help": "Window width in bases. none keeps the width of each interval.",
            "minimum": 1,
            "maximum": 10**8,
        },
    )
    center: Literal["auto", "summit", "midpoint"] = field(
        default="auto",
        metadata={"help": "Centre of each window. auto uses the summit in narrowPeak files, otherwise the midpoint."},
    )
    stranded: bool = field(default=False, metadata={"help": "Reverse-complement intervals on the - strand."})
    negatives_from: Path | None = field(
        default=None, metadata={"help": "BED file of negatives. Without it, --negatives decides."}
    )
    unlabelled: bool = field(
        default=False, metadata={"help": "Import without labels, for prediction and explanation only."}
    )
    test_chrom: tuple[str, ...] = field(
        default=(), metadata={"help": "Chromosomes for the test split. Without them, --test draws at random."}
    )
    validation_chrom: tuple[str, ...] = field(
        default=(),
        metadata={"help": "Chromosomes for the validation split. Without them, --validation draws at random."},
    )

    def __post_init__(self) -> None:
        if both := set(self.test_chrom) & set(self.validation_chrom):
            raise Unsuitable(f"{', '.join(sorted(both))} cannot be both --test-chrom and --validation-chrom")
        if self.unlabelled and self.negatives_from:
            raise Unsuitable("--negatives-from gives labels; omit --unlabelled")
        if self.width is None and self.center != "auto":
            raise Unsuitable("--center needs windows of one --width")
