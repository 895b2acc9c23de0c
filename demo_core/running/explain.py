"""Run an explainer and keep everything in memory."""

from __future__ import annotations

import logging
from typing import Any

from demo_core.data.dataset import RowChoice, SequenceDataset
from demo_core.errors import UsageProblem
from demo_core.models.model import Model
from demo_core.plugins.discovery import installed
from demo_core.plugins.options import options_of
from demo_core.plugins.registry import Registry
from demo_core.plugins.specs import Explainer
from demo_core.results.completeness import completeness_errors, completeness_sentence, tolerance_of
from demo_core.results.explanation import Explanation
from demo_core.running.job import make_job
from demo_core.running.pipeline import run
from demo_core.running.sinks import Memory
from demo_core.running.sources import Patterns, Rows

_log = logging.getLogger(__name__)


def explain(
    explainer: str,
    model: Model,
    sequences: SequenceDataset | None = None,
    *,
    rows: RowChoice | None = None,
    target: str | None = None,
    seed: int = 0,
    average_strands: bool = False,
    batch_size: int | None = None,
    registry: Registry | None = None,
    **options: Any,
) -> Explanation:
    """Explain sequences and keep everything in memory.

    When not to use it: for more sequences than fit into memory; ``demo explain`` streams to a file.

    Parameters
    ----------
    explainer
        Name of an explainer, as in ``demo explainers``.
    model
        The model.
    sequences
        The dataset. Omit it for an explainer of kind pattern.
    rows
        Rows to explain, in this order, such as ``dataset.rows_of_split("test")``. Default: all. Random draws
        depend on the row number, so they differ from those of ``explain(..., dataset.take(rows))``.
    target
        Target as after ``--target``. Default: the output, if the model has one.
    seed
        Random seed of the explainer.
    average_strands
        Whether to average the attributions of both strands.
    batch_size
        Sequences per batch. Default: measured for large data, otherwise derived from the length.
    registry
        Registry of plugins. Default: the installed ones.
    options
        Options of the explainer. Use the long form ``EXPLAINER_OPTION`` if a parameter of this function has the same
        name.

    Returns
    -------
    An Explanation whose ``values`` is a numpy array, for attributions (N, A, L).

    Raises
    ------
    DemoError
        MisfitError if explainer, model and data do not fit; UsageProblem on unknown names.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> explanation = explain("saliency", tiny_model(), tiny_dataset(8), simplex=True)
    >>> explanation.values.shape
    (8, 4, 40)
    """
    if registry is None:
        registry = installed()
    found = registry.find(Explainer, explainer)
    data = () if found.spec.kind == "pattern" and sequences is None else (("sequences", sequences, SequenceDataset),)
    for name, value, kind in (("model", model, Model), *data):
        if not isinstance(value, kind):
            opener = "load" if kind is Model else "open"
            raise UsageProblem(
                f"{name} must be a {kind.__name__}, as {kind.__name__}.{opener}(...) gives, not {value!r:.60}"
            )
    own, known = f"{found.spec.name.replace('-', '_')}_", {o.name for o in options_of(found.spec.options)}
    named = {name if name in known else name.removeprefix(own): value for name, value in options.items()}
    if len(named) < len(options):
        raise UsageProblem(f"an option of '{found.spec.name}' is given twice, with and without '{own}'; give it once")
    job = make_job(
        found,
        model,
        options=named,
        target=target,
        seed=seed,
        average_strands=average_strands,
        batch_size=batch_size,
        third_party=registry.third_party(),
        registry=registry,
    )
    explanation = run(job, Patterns() if sequences is None else Rows(sequences, rows), Memory())
    errors = completeness_errors(explanation)
    if errors is not None and errors.size and not (errors <= tolerance_of(explanation)).all():
        _log.warning("%s: %s", found.spec.name, completeness_sentence(explanation))
    return explanation
