"""Options of the Captum explainer."""

from dataclasses import dataclass, field
from typing import Literal

from demo_core import DatasetFile


@dataclass(frozen=True)
class CaptumOptions:
    """A class of Captum, its parameters, and its references."""

    method: str = field(default="IntegratedGradients", metadata={"help": "Class of captum.attr, such as KernelShap."})
    parameters: str = field(
        default="",
        metadata={"help": 'Parameters of the class and its attribute(), such as "n_steps=20, method=riemann_right".'},
    )
    background: Literal["uniform", "zeros", "shuffle"] = field(
        default="uniform",
        metadata={"help": "Baselines: uniform (equal values for all letters), zeros, or dinucleotide shuffles."},
    )
    background_file: DatasetFile | None = field(
        default=None, metadata={"help": "Draw baselines from this dataset or sequence file, such as FASTA."}
    )
    references: int = field(
        default=20, metadata={"help": "Baselines per sequence, for shuffle or --background-file.", "minimum": 1}
    )
