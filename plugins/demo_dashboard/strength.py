"""How much each base of a sequence counts, for explanations of any kind: what can be compared between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from demo_dashboard.alignment import Floats

#: Channels that read a sequence from its end.
_BACKWARD = ("backward", "suffix")


def signed(kind: str, values: Floats, x: Floats, channels: Sequence[str] = ()) -> Floats:
    """What each base counts (n, L), with its sign; where no value is known, 0.

    Attributions count what the letter that is there is worth. A trace counts how it changes on reading a base, in the
    order its channel reads, summed over channels. An interaction counts the sum of the sizes of a base's row.

    Parameters
    ----------
    values
        (n, A, L), (n, C, L) or (n, L, L), by the kind.
    x
        One-hot (n, A, L).
    """
    if kind == "attribution":
        return np.asarray(np.nan_to_num(values * x, nan=0.0, posinf=0.0, neginf=0.0).sum(axis=1))
    if kind == "interaction":
        return np.asarray(np.abs(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)).sum(axis=2))
    change = np.zeros((len(values), values.shape[2]))
    for channel, name in enumerate(channels):
        step = np.nan_to_num(np.diff(values[:, channel], axis=1), nan=0.0, posinf=0.0, neginf=0.0)
        if name in _BACKWARD:
            change[:, :-1] -= step
        else:
            change[:, 1:] += step
    return change


def best_window(strength: Floats, width: int) -> tuple[int, int]:
    """Where the window ``[start, end)`` of the highest sum lies in (L,); the leftmost of equals."""
    width = min(width, len(strength))
    sums = np.convolve(strength, np.ones(width), mode="valid")
    start = int(sums.argmax())
    return start, start + width
