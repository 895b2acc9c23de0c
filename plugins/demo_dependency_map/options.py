"""Options of dependency maps."""

from dataclasses import dataclass, field
from typing import Literal

from demo_core.sequences import parse_span


@dataclass(frozen=True)
class DependencyMapOptions:
    """What is measured, and where."""

    effect: Literal["attribution", "target"] = field(
        default="attribution",
        metadata={"help": "Effect on attributions of other positions, or non-additive effect of pairs on the target."},
    )
    span: str | None = field(
        default=None,
        metadata={"help": "Substitute only positions START:END (0-based, END excluded). Other values are 0."},
    )

    def __post_init__(self) -> None:
        """Check the span."""
        if self.span is not None:
            parse_span(self.span, 2**62)
