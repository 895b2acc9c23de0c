"""Size limits on input, so that a damaged or hostile file cannot exhaust memory."""

from __future__ import annotations

import os
from dataclasses import dataclass

from demo_core.errors import DemoError, UsageProblem, printable


@dataclass(frozen=True)
class Limit:
    """Limit on one kind of input, and the environment variable that increases it."""

    variable: str
    default: int
    of: str

    @property
    def value(self) -> int:
        """Limit in force. Raises UsageProblem if the environment holds no integer."""
        text = os.environ.get(self.variable, "")
        if not text:
            return self.default
        if not text.isdecimal() or not 1 <= int(text) < 2**62:
            raise UsageProblem(
                f"{self.variable}: expected a whole number of at least 1, got '{printable(text, 30)}'; "
                "correct the environment variable"
            )
        return int(text)

    def exceeded(self) -> str:
        """Return the message for an input that is larger."""
        return f"exceeds the limit of {self.value:,} {self.of}; increase {self.variable} if this is intended"

    def check(self, amount: int, what: str) -> None:
        """Raise DemoError, starting with ``what``, if the size exceeds the limit."""
        if amount > self.value:
            raise DemoError(f"{what}: {self.exceeded()}")


#: A line of a text file, or a sequence over several lines.
RECORD = Limit("DEMO_MAX_RECORD_BYTES", 64 << 20, "bytes in one line or record")
#: Rows of a dataset or an explanation.
ROWS = Limit("DEMO_MAX_ROWS", 10_000_000, "rows")
#: One row of an array in a file.
ROW_BYTES = Limit("DEMO_MAX_ROW_BYTES", 1 << 30, "bytes in one row")
#: Text that is read at once: descriptions, lists of ids.
TEXT = Limit("DEMO_MAX_TEXT_BYTES", 64 << 20, "bytes of text")
#: Characters of an id.
ID_LENGTH = 10_000
#: Bytes of sequences or values that are held in memory at a time.
BLOCK_BYTES = 32 << 20


def rows_of(row_bytes: int, most: int) -> int:
    """Return the number of rows of that size to hold at a time, at most ``most``.

    Parameters
    ----------
    row_bytes
        Bytes of a row.
    most
        Upper limit.

    Returns
    -------
    int
        Number of rows to hold at a time.

    Examples
    --------
    >>> from demo_core.storage import rows_of
    >>> rows_of(400, 1024)
    1024
    """
    return max(1, min(most, BLOCK_BYTES // max(1, row_bytes)))
