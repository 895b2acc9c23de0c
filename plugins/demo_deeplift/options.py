"""Options of DeepLIFT and DeepLIFT SHAP."""

from dataclasses import dataclass, field
from typing import Literal

from demo_core import DatasetFile


@dataclass(frozen=True)
class DeepLiftOptions:
    """Reference of DeepLIFT."""

    background: Literal["uniform", "zeros"] = field(
        default="uniform",
        metadata={"help": "Reference input: equal values for all letters (uniform), or zeros."},
    )


@dataclass(frozen=True)
class DeepLiftShapOptions:
    """References of DeepLIFT SHAP."""

    background: Literal["shuffle", "uniform", "zeros"] = field(
        default="shuffle",
        metadata={"help": "References: dinucleotide shuffles, equal values for all letters, or zeros."},
    )
    background_file: DatasetFile | None = field(
        default=None, metadata={"help": "Draw references from this dataset or sequence file, such as FASTA."}
    )
    references: int = field(default=20, metadata={"help": "Number of references per sequence.", "minimum": 1})
