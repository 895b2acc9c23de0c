"""A FASTA file for checks of the reader."""

from demo_core import Interval, Record
from demo_core.testing import ReaderExample

EXAMPLE = ReaderExample(
    file="peaks.fa",
    content=b">chr1:4-12(+) first\nACGT\nacgt\n\n>second\nNNGTACGN\n",
    records=(
        Record(id="chr1:4-12(+)", sequence="ACGTACGT", interval=Interval("chr1", 4, 12, "+")),
        Record(id="second", sequence="NNGTACGN"),
    ),
    malformed={
        "bases before the first header": b"ACGT\n>1\nACGT\n",
        "a header without a sequence": b">one\nACGT\n>two\n",
        "labels that stop": b">1\nACGT\n>two\nACGT\n",
    },
    many=lambda n: b"".join(b">sequence-%d\n%s\n" % (i, b"ACGTACGTAC" * 10) for i in range(n)),
)
