"""Sequences and their known sites, for checks of the reader."""

from demo_core import Record
from demo_core.testing import ReaderExample

EXAMPLE = ReaderExample(
    file="sequence.txt",
    content=b"ACGTAC\nTTTTTT\n",
    others={"label.txt": b"001110\n000000\n"},
    records=(
        Record("line-1", "ACGTAC", (1.0,), sites="001110"),
        Record("line-2", "TTTTTT", (0.0,), sites="000000"),
    ),
    malformed={
        "one sequence too many": b"ACGTAC\nTTTTTT\nGGGGGG\n",
        "a sequence that is longer than its marks": b"ACGTAC\nTTTTTTT\n",
    },
)
