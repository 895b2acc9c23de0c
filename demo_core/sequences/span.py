"""Spans of positions, as users type them."""

from __future__ import annotations

from demo_core.errors import Unsuitable, UsageProblem


def parse_span(text: str, length: int) -> range:
    """Return the positions of ``START:END``, 0-based, END excluded.

    Parameters
    ----------
    text
        Such as ``400:600``.
    length
        Length of the sequences.

    Returns
    -------
    range
        The positions.

    Raises
    ------
    UsageProblem
        If the text is not a span.
    Unsuitable
        If the span ends after the sequence.

    Examples
    --------
    >>> from demo_core.sequences import parse_span
    >>> parse_span("400:600", 1000)
    range(400, 600)
    """
    start, colon, end = text.partition(":")
    if not (colon and start.isdecimal() and end.isdecimal() and int(start) < int(end)):
        raise UsageProblem(f"--span '{text}': expected START:END with START below END, such as 400:600")
    if int(end) > length:
        raise Unsuitable(f"--span {text} ends after the sequence of {length} bases; lower END")
    return range(int(start), int(end))
