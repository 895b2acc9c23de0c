"""Intervals and a genome for checks of the reader.

There is no larger source to check streaming: overlapping windows share a group, so all lines must be read first. The
bases are read one window at a time.
"""

from pathlib import Path

from demo_core import Interval, Record
from demo_core.testing import ReaderExample

EXAMPLE = ReaderExample(
    file="peaks.bed",
    content=b"# of three peaks two overlap\nchr1\t2\t6\tfirst\t0\t+\nchr1\t4\t8\t.\t0\t-\nchr2\t0\t4\tlast\t0\t.\n",
    others={"genome.fa": b">chr1\nAACCGGTTAACC\n>chr2\nACGTNNNN\n"},
    options={"genome": Path("genome.fa"), "width": 4, "stranded": True},
    records=(
        Record("first", "CCGG", (1.0,), Interval("chr1", 2, 6, "+"), group=1),
        Record("chr1:4-8(-)", "AACC", (1.0,), Interval("chr1", 4, 8, "-"), group=1),
        Record("last", "ACGT", (1.0,), Interval("chr2", 0, 4, "."), group=2),
    ),
    malformed={
        "a line of two columns": b"chr1\t2\n",
        "a start that is not a number": b"chr1\ttwo\t6\n",
        "an end before its start": b"chr1\t6\t2\n",
        "a chromosome that is not in the genome": b"chr1\t2\t6\nchr7\t2\t6\n",
        "an invalid strand": b"chr1\t2\t6\tfirst\t0\tforward\n",
    },
)
