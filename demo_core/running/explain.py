"""Run an explainer and keep everything in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import UsageProblem
from demo_core.models.model import Model
from demo_core.plugins.discovery import installed
from demo_core.plugins.registry import Registry
from demo_core.plugins.specs import Explainer
from demo_core.results.explanation import Explanation
from demo_core.running.compute import compute_batches, compute_pattern, extra_names, joined, n_batches
from demo_core.running.job import Job, describe_job, make_job


def explain(
    explainer: str,
    model: Model,
    sequences: SequenceDataset | None = None,
    *,
    target: str | None = None,
    seed: int = 0,
    average_strands: bool = False,
    batch_size: int | None = None,
    registry: Registry | None = None,
    **options: Any,
) -> Explanation:
    """Explain sequences and keep everything in memory.

    Parameters
    ----------
    explainer
        A registered name, as in ``demo explainers``.
    sequences
        All its rows are explained; choose with ``dataset.take(dataset.rows_of_split("test"))``. Left out for an
        explainer of kind pattern, which reads none.
    target
        As after ``--target``; may be left out if the model has one output.
    options
        The explainer's own.

    Returns
    -------
    An Explanation whose ``values`` is a numpy array, for attributions (N, A, L).

    Raises
    ------
    DemoError
        MisfitError if explainer, model and data do not fit; UsageProblem on unknown names.

    When not to use it: for more sequences than fit into memory; ``demo explain`` streams to a file.
    """
    if registry is None:
        registry = installed()
    found = registry.find(Explainer, explainer)
    data = () if found.spec.kind == "pattern" else (("sequences", sequences, SequenceDataset),)
    for name, value, kind in (("model", model, Model), *data):
        if not isinstance(value, kind):
            opener = "load" if kind is Model else "open"
            raise UsageProblem(
                f"{name} must be a {kind.__name__}, as {kind.__name__}.{opener}(...) gives, not {value!r:.60}"
            )
    job = make_job(
        found,
        model,
        options=options,
        target=target,
        seed=seed,
        average_strands=average_strands,
        batch_size=batch_size,
        third_party=registry.third_party(),
    )
    if found.spec.kind == "pattern":
        if sequences is not None:
            raise UsageProblem(f"'{explainer}' reads no sequences: leave them out")
        return compute_pattern(job)
    assert sequences is not None
    return explain_rows(job, sequences, np.arange(len(sequences)))


def explain_rows(job: Job, sequences: SequenceDataset, rows: NDArray[np.int64]) -> Explanation:
    """Run a job over rows of a dataset, in the order given, and keep everything in memory."""
    job.model.check_data(sequences, "the data")
    if not len(rows):
        raise UsageProblem("there are no sequences to explain")
    whole = joined([part for _, part in compute_batches(job, sequences, rows, range(n_batches(job, len(rows))))])
    extras = extra_names(whole)
    return Explanation(
        sequences=sequences.take(rows),
        index=rows,
        values=whole["values"],
        outputs=whole["outputs"],
        target_values=whole["target_values"],
        baseline=whole.get("baseline"),
        extras=np.stack([whole[f"extra:{n}"] for n in extras], axis=1) if extras else None,
        metadata={**describe_job(job), "extras": extras},
    )
