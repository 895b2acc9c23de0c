"""Options of in-silico mutagenesis."""

from dataclasses import dataclass, field
from typing import Literal


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
            self.positions(2**62)

    def positions(self, length: int) -> range:
        """Return the positions to substitute. Raises ValueError unless they are inside a sequence of this length."""
        if self.span is None:
            return range(length)
        start, colon, end = self.span.partition(":")
        if not (colon and start.isdecimal() and end.isdecimal() and int(start) < int(end)):
            raise ValueError(f"--span '{self.span}': expected START:END with START below END, such as 400:600")
        if int(end) > length:
            raise ValueError(f"--span {self.span} ends after the sequence of {length} bases; lower END")
        return range(int(start), int(end))
