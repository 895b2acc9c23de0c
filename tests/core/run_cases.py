"""Runs of a tiny model on tiny data, for tests of the pipeline and of its files."""

import numpy as np
import pytest

from demo_core.plugins.specs import Explainer
from demo_core.running.job import make_job
from demo_core.running.pipeline import run
from demo_core.running.sinks import File
from demo_core.running.sources import Rows
from demo_core.testing import tiny_model

N = 2500
BOUND = {"name": "bound", "activation": "sigmoid", "unit": "probability"}


def job(registry, explainer="saliency", **changes):
    options = {"batch_size": 100, **changes}
    model = options.pop("model", None) or tiny_model(length=20, registry=registry)
    return make_job(registry.find(Explainer, explainer), model, **options)


def explain_to_file(job, data, rows, path, *, force=False, **more):
    return run(job, Rows(data, rows), File(path, force=force), **more)


def interrupted(registry, data, path, after=15, **more):
    """Start a run of 25 batches and interrupt it after some of them."""
    batches = []

    def stop(n):
        batches.append(n)
        if len(batches) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain_to_file(job(registry), data, np.arange(N), path, on_batch=stop, **more)
