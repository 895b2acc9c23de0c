"""Options of occlusion."""

from dataclasses import dataclass, field

from demo_core import DatasetFile


@dataclass(frozen=True)
class OcclusionOptions:
    """Windows, and the sequences that replace them."""

    window: int = field(default=10, metadata={"help": "Bases that are replaced at a time.", "minimum": 1})
    stride: int = field(default=1, metadata={"help": "Bases between the starts of two windows.", "minimum": 1})
    references: int = field(
        default=5, metadata={"help": "Replacements of each window, whose effects are averaged.", "minimum": 1}
    )
    background_file: DatasetFile | None = field(
        default=None,
        metadata={"help": "Draw replacements from this dataset or sequence file, instead of shuffles."},
    )

    def __post_init__(self) -> None:
        """Check that windows leave no gap."""
        if self.stride > self.window:
            raise ValueError(
                f"--stride {self.stride} exceeds --window {self.window}, and would skip bases; lower --stride"
            )
