"""Completeness: whether additive values sum to the difference that they explain. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import counted
from demo_core.plugins.specs import Explainer, Extra

if TYPE_CHECKING:
    from demo_core.results.explanation import Explanation

#: Name of the extra that holds the completeness error of each sequence.
COMPLETENESS = "completeness-error"

_EXTRA = Extra(
    COMPLETENESS,
    "Difference between the sum of values and the output difference, as a fraction of the latter.",
    "fraction",
)
#: An output difference below this fraction of the sum of magnitudes counts as small.
SMALL_DIFFERENCE = 0.1
#: An output difference below this fraction of the outputs may be rounding.
SMALL_OUTPUT = 1e-4


def completeness_error(
    present: NDArray[np.float64], target: NDArray[np.float64], baseline: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the completeness error of each sequence.

    It is ``|sum(values * x) - difference| / |difference|``, where the difference is the target minus the baseline. A
    difference below 10 % of ``sum(|values * x|)``, where large values of both signs cancel, is replaced by these 10 %.
    A difference below 0.01 % of the target or of the baseline is replaced by that: it may be rounding.

    Parameters
    ----------
    present
        (N, A, L), ``values * x``.
    target, baseline
        (N,), the target of the sequences, and at their reference.

    Returns
    -------
    ndarray
        (N,) float32; 0 if values and difference are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.results import completeness_error
    >>> float(completeness_error(np.array([[[1.0, 2.0]]]), np.array([5.0]), np.array([1.0]))[0])
    0.25
    """
    target, baseline = np.asarray(target, np.float64), np.asarray(baseline, np.float64)
    gap = np.abs(present.sum(axis=(1, 2)) - (target - baseline))
    small = SMALL_OUTPUT * np.maximum(np.abs(target), np.abs(baseline))
    scale = np.maximum(
        np.maximum(np.abs(target - baseline), small), SMALL_DIFFERENCE * np.abs(present).sum(axis=(1, 2))
    )
    return np.asarray(np.divide(gap, scale, out=np.where(gap > 0, np.inf, gap), where=scale > 0), np.float32)


def summary_of(errors: NDArray[np.float32], tolerance: float) -> dict[str, float | None]:
    """Return largest and median error, the tolerance, and the number of sequences that exceed it, as JSON."""
    ends = {"largest_error": float(errors.max()), "median_error": float(np.median(errors))}
    finite = {name: value if np.isfinite(value) else None for name, value in ends.items()}
    return {**finite, "tolerance": tolerance, "failing": int((~(errors <= tolerance)).sum())}


def extras_of(spec: Explainer) -> tuple[Extra, ...]:
    """Return the extras that an explainer describes, and the completeness error if it promises a sum."""
    return (*spec.extras, _EXTRA) if spec.adds_up else spec.extras


def completeness_errors(explanation: Explanation) -> NDArray[np.float32] | None:
    """Return the completeness error of each sequence, as stored or computed from the values.

    Parameters
    ----------
    explanation
        An explanation.

    Returns
    -------
    ndarray or None
        (N,) float32; None if the method promises no sum.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.results import completeness_errors
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> explanation = explain("integrated-gradients", tiny_model(), tiny_dataset(8))
    >>> bool((completeness_errors(explanation) < 0.01).all())
    True
    """
    if not explanation.provenance.adds_up or explanation.baseline is None or explanation.kind != "attribution":
        return None
    if COMPLETENESS in explanation.provenance.extras:
        return explanation.extra(COMPLETENESS)
    found = []
    for rows in explanation.blocks():
        present = np.asarray(explanation.values[rows], np.float64) * explanation.one_hot(rows)
        found.append(completeness_error(present, explanation.target_values[rows], explanation.baseline[rows]))
    return np.concatenate(found)


def tolerance_of(explanation: Explanation) -> float:
    """Return the largest completeness error that a run allows, as a fraction of the output difference.

    Parameters
    ----------
    explanation
        An explanation.

    Returns
    -------
    float
        The tolerance of the explainer's spec; 0.01 if the file does not state it.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.results import tolerance_of
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> tolerance_of(explain("integrated-gradients", tiny_model(), tiny_dataset(8)))
    0.01
    """
    about = explanation.metadata.get("additivity")
    value = about.get("tolerance") if isinstance(about, dict) else None
    return float(value) if isinstance(value, int | float) else 0.01


def completeness_sentence(explanation: Explanation) -> str:
    """Say in one sentence how far the values of a run are from adding up.

    Parameters
    ----------
    explanation
        An explanation.

    Returns
    -------
    str
        "" for kinds that have no sum: traces, interactions and patterns.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.results import completeness_sentence
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> completeness_sentence(explain("saliency", tiny_model(), tiny_dataset(8)))
    'saliency does not guarantee completeness: values need not sum to the output difference'
    """
    if explanation.kind != "attribution":
        return ""
    errors, tolerance = completeness_errors(explanation), tolerance_of(explanation)
    if errors is None:
        return f"{explanation.explainer} does not guarantee completeness: values need not sum to the output difference"
    failing = int((~(errors <= tolerance)).sum())
    largest, middle = _percent(float(errors.max())), _percent(float(np.median(errors)))
    of = counted(len(errors), "sequence")
    if not failing:
        return f"values sum to the output difference within {largest} ({of}, median {middle})"
    return (
        f"values miss the output difference by more than {_percent(tolerance)} for {failing} of {of} "
        f"(largest {largest}, median {middle}): do not use the values of these"
    )


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %" if np.isfinite(value) else "infinite"
