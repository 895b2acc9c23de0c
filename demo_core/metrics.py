"""Metrics: classification, regression, calibration, and recovery of known sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half.

    Labels (N,) count as positive above 0.5; NaN labels are excluded. NaN if a class is absent.

    Parameters
    ----------
    labels
        (N,), positive above 0.5; NaN is ignored.
    scores
        (N,).

    Returns
    -------
    float
        Area under the ROC curve; NaN if a class is absent.

    Examples
    --------
    >>> from demo_core.metrics import auroc
    >>> auroc([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1])
    0.75
    """
    positive, score = _known(labels, scores)
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if not n_pos or not n_neg:
        return float("nan")
    ranks = _mid_ranks(score)
    return float((ranks[positive].sum() - n_pos * (n_pos + 1) / 2) / (n_pos * n_neg))


def auprc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Average precision: the mean, over positives, of the precision at their score (no interpolation).

    Equal scores are one threshold. NaN if there is no positive. Depends on the share of positives: never compare
    it between datasets of different balance.

    Parameters
    ----------
    labels
        (N,), positive above 0.5; NaN is ignored.
    scores
        (N,).

    Returns
    -------
    float
        Average precision; NaN without positives.

    Examples
    --------
    >>> from demo_core.metrics import auprc
    >>> round(auprc([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]), 4)
    0.8333
    """
    positive, score = _known(labels, scores)
    if not positive.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    precision = hits[ends] / (ends + 1)
    gained = np.diff(hits[ends], prepend=0)
    return float((precision * gained).sum() / positive.sum())


def accuracy(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Fraction of labels on the same side of 0.5 as the probability. NaN without labels.

    Parameters
    ----------
    labels
        (N,), positive above 0.5; NaN is ignored.
    probabilities
        (N,).

    Returns
    -------
    float
        Fraction from 0 to 1; NaN without labels.

    Examples
    --------
    >>> from demo_core.metrics import accuracy
    >>> accuracy([1, 0, 0], [0.9, 0.2, 0.7])
    0.6666666666666666
    """
    positive, probability = _known(labels, probabilities)
    return float(((probability >= 0.5) == positive).mean()) if len(positive) else float("nan")


def calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: ``|mean label - mean probability|`` over bins of equal width, weighted by size.

    Source: Guo et al., ICML 2017 (arXiv 1706.04599), for a binary label. NaN without labels.

    Parameters
    ----------
    labels
        (N,), positive above 0.5; NaN is ignored.
    probabilities
        (N,).
    bins
        Number of bins of equal width.

    Returns
    -------
    float
        Expected calibration error; NaN without labels.

    Examples
    --------
    >>> from demo_core.metrics import calibration_error
    >>> round(calibration_error([1, 0], [0.9, 0.1]), 4)
    0.1
    """
    positive, probability = _known(labels, probabilities)
    if not len(positive):
        return float("nan")
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    gap = np.bincount(bin_of, weights=positive - probability, minlength=bins)
    return float(np.abs(gap).sum() / len(positive))


def pearson(labels: ArrayLike, values: ArrayLike) -> float:
    """Pearson correlation of labels and predictions, for regression outputs. NaN if either is constant.

    Parameters
    ----------
    labels
        (N,); NaN is ignored.
    values
        (N,), predictions.

    Returns
    -------
    float
        Correlation from -1 to 1; NaN if either is constant.

    Examples
    --------
    >>> from demo_core.metrics import pearson
    >>> round(pearson([1.0, 2.0, 4.0], [2.0, 4.0, 8.0]), 4)
    1.0
    """
    label, value = np.asarray(labels, float), np.asarray(values, float)
    known = ~np.isnan(label)
    label, value = label[known], value[known]
    if len(label) < 2 or label.std() == 0 or value.std() == 0:
        return float("nan")
    return float(np.corrcoef(label, value)[0, 1])


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation; equal values get their mean rank. NaN if either is constant.

    Parameters
    ----------
    first, second
        (N,), without NaN.

    Returns
    -------
    float
        Correlation from -1 to 1.

    Examples
    --------
    >>> from demo_core.metrics import spearman
    >>> round(spearman([1.0, 2.0, 4.0], [1.0, 8.0, 9.0]), 4)
    1.0
    """
    return pearson(_mid_ranks(np.asarray(first, float)), _mid_ranks(np.asarray(second, float)))


@dataclass(frozen=True)
class SiteRecovery:
    """Recovery of known sites by explanations: mean AUROC, its interval, and the AUROC of each sequence.

    ``per_sequence`` (N,) is NaN where a sequence has no site, or consists of site only.
    """

    per_sequence: Floats
    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} (95 % {self.low:.3f} to {self.high:.3f}, {self.n} sequences)"


def site_recovery(
    values: ArrayLike, x: ArrayLike, sites: ArrayLike, *, resamples: int = 2000, seed: int = 0
) -> SiteRecovery:
    """Measure how well attributions separate bases of known sites from other bases.

    The score of a sequence is the AUROC over positions of ``|sum over letters of values * x|`` against its sites; their
    mean with a 95 % bootstrap interval over sequences.

    Parameters
    ----------
    values
        Attributions (N, A, L).
    x
        One-hot (N, A, L).
    sites
        (N, L), 1 on a site. Give positives only; negatives have no site to recover.
    resamples
        Number of bootstrap samples.
    seed
        Random seed of the bootstrap.

    Notes
    -----
    When not to use it: to compare methods on data whose sites were themselves found by a motif scan with another
    motif than the one the network learned.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.metrics import site_recovery
    >>> values = np.zeros((1, 4, 5))
    >>> values[0, :, 2] = 1.0
    >>> site_recovery(values, np.full((1, 4, 5), 0.25), [[0, 0, 1, 0, 0]]).mean
    1.0
    """
    strength = np.abs((np.asarray(values, np.float64) * np.asarray(x, np.float64)).sum(axis=1))
    return mean_with_interval(
        np.array([auroc(s, v) for s, v in zip(np.asarray(sites), strength, strict=True)]),
        resamples=resamples,
        seed=seed,
    )


def mean_with_interval(per_sequence: Floats, *, resamples: int, seed: int) -> SiteRecovery:
    """Return the mean of values that are not NaN, with a 95 % percentile bootstrap interval.

    Parameters
    ----------
    per_sequence
        (N,), one score per sequence; NaN is ignored.
    resamples
        Number of bootstrap samples.
    seed
        Random seed.

    Returns
    -------
    SiteRecovery
        Mean, its interval, and the scores.

    Examples
    --------
    >>> import numpy as np
    >>> from demo_core.metrics import mean_with_interval
    >>> mean_with_interval(np.array([0.8, 0.9, 1.0]), resamples=100, seed=0).mean
    0.9
    """
    known = per_sequence[~np.isnan(per_sequence)]
    if not len(known):
        return SiteRecovery(per_sequence, float("nan"), float("nan"), float("nan"), 0)
    random = np.random.default_rng(seed)
    # one resample at a time: (resamples, N) indices of a large set would need too much memory
    means = [known[random.integers(0, len(known), len(known))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return SiteRecovery(per_sequence, float(known.mean()), float(low), float(high), len(known))


def _known(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    label, score = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if label.shape != score.shape or label.ndim != 1:
        raise ValueError(f"labels {label.shape} and scores {score.shape} must be one-dimensional and equally long")
    known = ~np.isnan(label)
    if np.isnan(score[known]).any():
        raise ValueError("scores must not be NaN")
    return label[known] > 0.5, score[known]


def _mid_ranks(score: Floats) -> Floats:
    """Ranks from 1; equal scores get their mean rank."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Floats = last - (counts - 1) / 2
    return middle[inverse]
