"""How much each base of a sequence counts, for explanations of any kind: what can be compared between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from demo_dashboard.alignment import Floats

#: Channels that read a sequence from its end.
_BACKWARD = ("backward", "suffix")


def sizes_of(kind: str, values: Floats, x: Floats, channels: Sequence[str] = ()) -> Floats:
    """How much each base counts (n, L), without its sign; where no value is known, 0.

    Of an attribution the size of what the letter that is there is worth. Of a trace the size of the change on reading a
    base, in the order its channel reads, summed over channels. Of an interaction the summed sizes of a base's row.

    Parameters
    ----------
    values
        (n, A, L), (n, C, L) or (n, L, L), by the kind.
    x
        One-hot (n, A, L).
    """
    if kind == "attribution":
        return np.asarray(np.abs(_known(values * x).sum(axis=1)))
    if kind == "interaction":
        return np.asarray(np.abs(_known(values)).sum(axis=2))
    change = np.zeros((len(values), values.shape[2]))
    for channel, name in enumerate(channels):
        step = np.abs(_known(np.diff(values[:, channel], axis=1)))
        if name in _BACKWARD:
            change[:, :-1] += step
        else:
            change[:, 1:] += step
    return change


def _known(values: Floats) -> Floats:
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
