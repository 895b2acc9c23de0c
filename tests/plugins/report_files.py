"""Helpers for tests of reports."""

import numpy as np

from demo_core import SequenceDataset


def word(trained):
    """Return the eight bases of the first known site of the tiny data."""
    with SequenceDataset.open(trained / "data.h5") as data:
        start = int(np.flatnonzero(data.sites[0])[0])
        return data.alphabet.decode(data.codes[0, start : start + 8])


def of_kind(files, *explainers):
    return [f for f in files if f.name.split(".")[1].startswith(explainers)]
