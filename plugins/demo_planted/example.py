"""A motif for checks of the reader, as long as its sequences, so that its position is fixed."""

from demo_core import Interval, Record
from demo_core.testing import ReaderExample

_MEME = b"""MEME version 4

ALPHABET= ACGT

MOTIF sure
letter-probability matrix: alength= 4 w= 4 nsites= 10
 0 0 1 0
 1 0 0 0
 0 1 0 0
 1 0 0 0
"""

EXAMPLE = ReaderExample(
    file="sure.meme",
    content=_MEME,
    options={
        "motifs": ("sure",),
        "number": 2,
        "bases": 4,
        "orientation": "forward",
        "composition": (0.0, 0.0, 0.0, 1.0),
    },
    records=(
        Record("positive-1", "GACA", (1.0,), Interval("planted", 0, 4, "+"), sites="1111"),
        Record("negative-1", "TTTT", (0.0,), Interval("planted", 4, 8, "+"), sites="0000"),
    ),
    malformed={
        "a matrix that lacks a column": _MEME.replace(b" 0 0 1 0", b" 0 0 1"),
        "a value that is not a number": _MEME.replace(b" 0 0 1 0", b" 0 0 x 0"),
    },
    packed=False,
)
