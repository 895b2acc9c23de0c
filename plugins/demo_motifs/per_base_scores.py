"""Per-base scores of an explanation, the input to motif discovery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_core.data import take_rows
from demo_core.errors import UsageProblem
from demo_core.results import Explanation
from demo_core.sequences import DNA, Codes
from demo_core.storage import rows_of
from demo_core.views import pattern_probabilities

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Number of rows read at a time.
BLOCK = 4096


@dataclass(frozen=True)
class Channel:
    """One channel of an explanation: a trace has one for each direction, other kinds have one, called ''.

    ``reads`` states on which side of a change its cause lies: 1 if bases are read from the left, so that a site ends
    where a score rises; -1 if from the right; 0 if the value belongs to the base itself.
    """

    name: str
    reads: int


@dataclass(frozen=True)
class Block:
    """Scores of some sequences.

    Parameters
    ----------
    rows
        (n,), their rows in the explanation.
    codes
        (n, L); for patterns the best letter of each position.
    letters
        (n, 4, L), one-hot, or a pattern's probabilities.
    values
        (n, L), score of each base: its attribution; for traces, the change of the score when it is read; for patterns,
        the information content of the position in bits. Non-finite values become 0.
    hypothetical
        (n, 4, L), hypothetical values, for attributions; otherwise None.
    """

    rows: Rows
    codes: Codes
    letters: Floats
    values: Floats
    hypothetical: Floats | None


def channels(explanation: Explanation) -> list[Channel]:
    """Return the channels. Raises UsageProblem for kinds without values of single bases."""
    if explanation.sequences.alphabet != DNA:
        raise UsageProblem("motifs need DNA, but the explanation has another alphabet")
    if explanation.kind == "trace":
        ways = {"forward": 1, "backward": -1}
        return [Channel(str(name), ways.get(str(name), 0)) for name in explanation.provenance.channels]
    if explanation.kind in ("attribution", "pattern"):
        return [Channel("", 0)]
    raise UsageProblem(f"kind {explanation.kind} has no values per base, so motifs cannot be found in it")


def read(explanation: Explanation, channel: Channel, rows: Rows, *, sign: int = 1) -> Block:
    """Return the scores of some rows; ``sign`` -1 inverts attributions and changes, to search for motifs that lower the
    target.
    """
    codes = take_rows(explanation.sequences.codes, rows)
    raw = np.nan_to_num(take_rows(explanation.values, rows).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    one_hot = DNA.one_hot(codes).astype(np.float64)
    if explanation.kind == "pattern":
        letters = np.stack([pattern_probabilities(pattern) for pattern in raw]) if len(raw) else one_hot
        return Block(rows, codes, letters, information_content(letters), None)
    if explanation.kind == "attribution":
        return Block(rows, codes, one_hot, sign * (raw * one_hot).sum(axis=1), sign * raw)
    names = [str(name) for name in explanation.provenance.channels]
    given = take_rows(explanation.values, rows)[:, names.index(channel.name)].astype(np.float64)
    steps = np.zeros_like(given)
    if not channel.reads:
        steps = given
    elif channel.reads < 0:
        steps[:, :-1] = given[:, :-1] - given[:, 1:]
    else:
        steps[:, 1:] = given[:, 1:] - given[:, :-1]
    # a prefix shorter than the minimum length has no score, and so no change
    return Block(rows, codes, one_hot, sign * np.where(np.isfinite(steps), steps, 0.0), None)


def blocks(explanation: Explanation, channel: Channel, rows: Rows, *, sign: int = 1) -> Iterator[Block]:
    """Yield the scores of many rows, block by block."""
    size = rows_at_once(explanation.sequences.length)
    for start in range(0, len(rows), size):
        yield read(explanation, channel, rows[start : start + size], sign=sign)


def rows_at_once(length: int) -> int:
    """Return how many rows are read at a time, so that their values need some tens of megabytes."""
    return rows_of(48 * length, BLOCK)


def information_content(probabilities: Floats) -> Floats:
    """Return bits of (..., 4, L) columns: 2 minus their entropy over letters."""
    p = np.asarray(probabilities, np.float64)
    logs = np.log2(p, out=np.zeros_like(p), where=p > 0)
    return np.asarray(2.0 + (p * logs).sum(axis=-2))


def split_rows(explanation: Explanation, *, every: bool = False) -> tuple[Rows, Rows, str]:
    """Return the rows to search, the negatives, and how they were separated.

    Positives and negatives are separated by label. If no sequence is labelled, those that the model predicts as
    positive (its output above 0, if that is a logit) are searched. The others are not used as negatives, since the
    model chose them. All patterns are searched, and all sequences if ``every``.
    """
    rows = np.arange(len(explanation), dtype=np.int64)
    none = rows[:0]
    if explanation.kind == "pattern":
        return rows, none, "patterns"
    if not explanation.provenance.target.outputs[0].is_probability:  # a regression has no positives
        return rows, none, "unlabelled"
    labels = explanation.labels_of_target
    if not np.isnan(labels).all():
        known = np.nan_to_num(labels, nan=-1.0)
        positive, negative = rows[known > 0.5], rows[(known >= 0) & (known <= 0.5)]
        return (rows if every else positive), negative, "labelled"
    called = np.nan_to_num(np.asarray(explanation.outputs[:, explanation.output_column]), nan=-1.0) > 0
    return (rows if every else rows[called]), none, "called"
