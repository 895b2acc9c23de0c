"""Completeness: whether additive values sum to the difference that they explain. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import counted
from demo_core.plugins.specs import Explainer, Extra

if TYPE_CHECKING:
    from demo_core.results.provenance import Provenance

#: Name of the extra that holds the completeness error of each sequence.
COMPLETENESS = "completeness-error"

_EXTRA = Extra(
    COMPLETENESS,
    "Distance of the sum of values from the target minus its value at the reference, as a share of that difference.",
    "share",
)
#: Share of the sum of magnitudes below which a difference counts as small.
SMALL_DIFFERENCE = 0.1


def completeness_error(present: NDArray[np.float64], difference: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the completeness error of each sequence.

    It is ``|sum(values * x) - difference| / |difference|``. A difference below 10 % of ``sum(|values * x|)``, where
    large values of both signs cancel, is replaced by these 10 %: otherwise small gaps would be divided by almost 0.

    Parameters
    ----------
    present
        (N, A, L), ``values * x``.
    difference
        (N,), target minus its value at the reference.

    Returns
    -------
    ndarray
        (N,) float32; 0 if values and difference are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.results import completeness_error
    >>> float(completeness_error(np.array([[[1.0, 2.0]]]), np.array([4.0]))[0])
    0.25
    """
    gap = np.abs(present.sum(axis=(1, 2)) - difference)
    scale = np.maximum(np.abs(difference), SMALL_DIFFERENCE * np.abs(present).sum(axis=(1, 2)))
    return np.asarray(np.divide(gap, scale, out=np.where(gap > 0, np.inf, gap), where=scale > 0), np.float32)


def summary_of(errors: NDArray[np.float32], tolerance: float) -> dict[str, float | None]:
    """Return largest and median error, the tolerance, and the number of sequences that exceed it, as JSON."""
    ends = {"largest_error": float(errors.max()), "median_error": float(np.median(errors))}
    finite = {name: value if np.isfinite(value) else None for name, value in ends.items()}
    return {**finite, "tolerance": tolerance, "failing": int((~(errors <= tolerance)).sum())}


def described_extras(spec: Explainer) -> tuple[Extra, ...]:
    """Return the extras that an explainer describes, and the completeness error if it promises a sum."""
    return (*spec.extras, _EXTRA) if spec.adds_up else spec.extras


def completeness_sentence(provenance: Provenance, n: int) -> str:
    """Say in one sentence how far the values of a run are from adding up.

    Parameters
    ----------
    provenance
        Provenance of the run.
    n
        Number of its sequences.

    Returns
    -------
    str
        "" for kinds that have no sum: traces, interactions and patterns.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.results import completeness_sentence
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> provenance = explain("saliency", tiny_model(), tiny_dataset(8)).provenance
    >>> completeness_sentence(provenance, 8)
    'saliency promises no sum: its values need not add up to a difference of outputs'
    """
    if provenance.kind != "attribution":
        return ""
    name = provenance.explainer.name
    if not provenance.adds_up:
        return f"{name} promises no sum: its values need not add up to a difference of outputs"
    about = provenance.record.get("additivity") or {}
    largest, failing = about.get("largest_error"), about.get("failing")
    if failing is None:
        return "the file does not state the completeness error"
    if not failing and largest is not None:
        return f"values sum to the output difference within {_share(largest)} (worst of {counted(n, 'sequence')})"
    middle, worst = about.get("median_error"), "without limit" if largest is None else _share(largest)
    said = f"values miss the output difference by more than {_share(about['tolerance'])}"
    typical = "" if middle is None else f", median {_share(middle)}"
    return f"{said} on {failing} of {counted(n, 'sequence')} (worst {worst}{typical}): do not use the values of these"


def _share(value: float) -> str:
    return f"{value:.1e}" if value < 0.001 else f"{100 * value:.2g} %"
