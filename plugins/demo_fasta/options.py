"""Options of the fasta reader."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FastaOptions:
    """Sources of labels and of the test split."""

    negatives_from: Path | None = field(
        default=None,
        metadata={"help": "FASTA file of negatives. SOURCE then holds positives only."},
    )
    all_positive: bool = field(
        default=False, metadata={"help": "Label all sequences positive, for headers other than >1 and >0."}
    )
    test_from: Path | None = field(
        default=None,
        metadata={"help": "FASTA file for the test split, with >1 and >0 headers."},
    )

    def __post_init__(self) -> None:
        if self.negatives_from and self.all_positive:
            raise ValueError("--negatives-from already makes the source positive; omit --all-positive")
