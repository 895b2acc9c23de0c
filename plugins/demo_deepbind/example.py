"""A DeepBind table and its test table, for checks of the reader."""

from demo_core import Record
from demo_core.testing import ReaderExample

_HEAD = b"FoldID\tEventID\tseq\tBound\n"

EXAMPLE = ReaderExample(
    file="CTCF_AC.seq",
    content=_HEAD + b"A\tseq_00001_peak\tACGTN\t1\nA\tseq_00003_peak\tTTTTT\t1\n",
    others={"CTCF_B.seq": _HEAD + b"B\tseq_00002_peak\tGGGGG\t1\nB\tseq_00002_shuf\tCCCCC\t0\n"},
    records=(
        Record("seq_00001_peak", "ACGTN", (1.0,), split="train", group="1"),
        Record("seq_00003_peak", "TTTTT", (1.0,), split="train", group="3"),
        Record("seq_00002_peak", "GGGGG", (1.0,), split="test", group="2"),
        Record("seq_00002_shuf", "CCCCC", (0.0,), split="test", group="2"),
    ),
    malformed={
        "a header without sequences": b"FoldID\tBound\nA\t1\n",
        "a line without a column": _HEAD + b"A\tseq_1_peak\tACGT\n",
        "a label that is not a number": _HEAD + b"A\tseq_1_peak\tACGT\tyes\n",
    },
    many=lambda n: _HEAD + b"".join(b"A\tseq_%d_peak\t%s\t1\n" % (i, b"ACGTACGTAC" * 10) for i in range(n)),
)
