"""Earlier names of functions; use ``demo_core.running.pipeline``."""

import numpy as np
from numpy.typing import NDArray

from demo_core.data.dataset import SequenceDataset
from demo_core.results.explanation import Explanation
from demo_core.running.explain import *  # noqa: F403
from demo_core.running.job import Job
from demo_core.running.pipeline import run
from demo_core.running.sinks import Memory
from demo_core.running.sources import Rows


def explain_rows(job: Job, sequences: SequenceDataset, rows: NDArray[np.int64]) -> Explanation:
    """Run a job over rows of a dataset, in the given order, and keep everything in memory."""
    return run(job, Rows(sequences, rows), Memory())
