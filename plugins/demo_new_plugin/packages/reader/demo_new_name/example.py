"""Files that test the reader: a table with its records, and malformed tables."""

from demo_core import Record
from demo_core.testing import ReaderExample

EXAMPLE = ReaderExample(
    file="peaks.new-name.tsv",
    content=b"ACGTN\t1\nTTTTT\t0\n",
    records=(Record("line-1", "ACGTN", (1.0,)), Record("line-2", "TTTTT", (0.0,))),
    malformed={
        "a line without a label": b"ACGTN\t1\nTTTTT\n",
        "a label that is not a number": b"ACGTN\tyes\n",
    },
    many=lambda n: b"ACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT\t1\n" * n,
)
