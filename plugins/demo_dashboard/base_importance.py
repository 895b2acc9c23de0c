"""Base importance: a non-negative value for each base, for explanations of any kind, so that they can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from demo_dashboard.alignment import Floats

#: Channels that read a sequence from its start, and from its end.
FORWARD, BACKWARD = ("forward", "prefix"), ("backward", "suffix")


def sizes_of(kind: str, values: Floats, x: Floats, channels: Sequence[str] = ()) -> Floats:
    """Return base importance (n, L), without sign; 0 where no value is known.

    For an attribution: the magnitude of the contribution of the base that is present. For a trace,
    summed over channels: the magnitude of the change when a base is read, for channels that read the sequence, and the
    magnitude of the value for others. For an interaction: the sum of magnitudes of a base's row and column.

    Parameters
    ----------
    values
        (n, A, L), (n, C, L) or (n, L, L), by the kind. A map may have fewer cells than L.
    x
        One-hot (n, A, L).
    """
    if kind == "attribution":
        return np.asarray(np.abs(_known(values * x).sum(axis=1)))
    if kind == "interaction":
        of_cells = np.abs(_known(values)).sum(axis=2) + np.abs(_known(values)).sum(axis=1)
        length = x.shape[2]
        return np.repeat(of_cells, -(-length // of_cells.shape[1]), axis=1)[:, :length]
    found = np.zeros((len(values), values.shape[2]))
    for channel, name in enumerate(channels):
        if name not in FORWARD + BACKWARD:
            found += np.abs(_known(values[:, channel]))
            continue
        step = np.abs(_known(np.diff(values[:, channel], axis=1)))
        found[:, slice(None, -1) if name in BACKWARD else slice(1, None)] += step
    return found


def _known(values: Floats) -> Floats:
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
