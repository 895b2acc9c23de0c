"""Options of in-silico mutagenesis."""

from dataclasses import dataclass, field
from typing import Literal

from demo_core.sequences import parse_span


@dataclass(frozen=True)
class IsmOptions:
    """Positions, and the way of computing."""

    span: str | None = field(
        default=None,
        metadata={"help": "Substitute only positions START:END (0-based, END excluded). Other values are 0."},
    )
    method: Literal["auto", "plain"] = field(
        default="auto",
        metadata={"help": "auto recomputes only affected activations, if possible; plain computes whole sequences."},
    )

    def __post_init__(self) -> None:
        """Check the span."""
        if self.span is not None:
            parse_span(self.span, 2**62)

    def positions(self, length: int) -> range:
        """Return the positions to substitute. Raises Unsuitable if they end after a sequence of this length."""
        return range(length) if self.span is None else parse_span(self.span, length)
