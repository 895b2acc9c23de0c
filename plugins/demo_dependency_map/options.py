"""Options of dependency maps."""

from dataclasses import dataclass, field
from typing import Literal

from demo_core.sequences import parse_span


@dataclass(frozen=True)
class DependencyMapOptions:
    """Options of dependency maps."""

    effect: Literal["attribution", "target"] = field(
        default="attribution",
        metadata={"help": "attribution: change of other attributions. target: pairwise epistasis."},
    )
    span: str | None = field(
        default=None,
        metadata={"help": "Substitute only positions START:END (0-based, END excluded). Other values are 0."},
    )

    def __post_init__(self) -> None:
        """Check the span."""
        if self.span is not None:
            parse_span(self.span, 2**62)
