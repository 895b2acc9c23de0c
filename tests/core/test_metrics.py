"""Test metrics against scikit-learn and plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from demo_core.metrics import accuracy, auprc, auroc, calibration_error, pearson, site_recovery

rows = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=60)


@given(rows)
@settings(max_examples=200)
def test_ranking_scores_equal_sklearns_with_ties(pairs):
    label = np.array([float(a) for a, _ in pairs])
    score = np.array([b / 3 for _, b in pairs])
    if 0 < label.sum() < len(label):
        assert auroc(label, score) == pytest.approx(roc_auc_score(label, score))
    else:
        assert np.isnan(auroc(label, score))
    if label.any():
        assert auprc(label, score) == pytest.approx(average_precision_score(label, score))
    else:
        assert np.isnan(auprc(label, score))
    chance = 1 / (1 + np.exp(-score))
    assert accuracy(label, chance) == pytest.approx(accuracy_score(label, chance >= 0.5))


def test_unknown_labels_are_left_out():
    label, score = np.array([1, 0, np.nan, 1]), np.array([0.9, 0.1, 0.99, 0.4])
    assert auroc(label, score) == 1
    assert accuracy(label, score) == pytest.approx(2 / 3)


def test_calibration_error_by_a_plain_loop():
    random = np.random.default_rng(0)
    chance = random.random(500)
    label = (random.random(500) < chance**2).astype(float)
    total = 0.0
    for low in range(15):
        mine = (chance >= low / 15) & (chance < (low + 1) / 15)
        total += abs(label[mine].mean() - chance[mine].mean()) * mine.sum() if mine.any() else 0
    assert calibration_error(label, chance) == pytest.approx(total / 500)
    assert calibration_error([1, 1], [1.0, 1.0]) == 0


def test_pearson():
    assert pearson([1, 2, np.nan, 3], [2, 4, 0, 6]) == pytest.approx(1)
    assert np.isnan(pearson([1, 1], [1, 2]))


def test_wrong_shapes_and_nan_scores_are_errors():
    with pytest.raises(ValueError, match="equally long"):
        auroc([1, 0], [1])
    with pytest.raises(ValueError, match="NaN"):
        auroc([1, 0], [1, np.nan])


def test_site_recovery_is_the_mean_auroc_over_positions():
    random = np.random.default_rng(0)
    n, length = 30, 25
    x = np.eye(4)[random.integers(0, 4, (n, length))].transpose(0, 2, 1)
    values = random.normal(size=(n, 4, length))
    sites = np.zeros((n, length), int)
    for row in sites[:-1]:
        start = random.integers(0, 20)
        row[start : start + 5] = 1
    expected = [roc_auc_score(sites[i], np.abs((values[i] * x[i]).sum(0))) for i in range(n - 1)]
    found = site_recovery(values, x, sites)
    assert found.mean == pytest.approx(np.mean(expected))
    assert found.n == n - 1
    assert np.isnan(found.per_sequence[-1])
    spread = np.std(expected) / np.sqrt(n - 1)
    assert found.low == pytest.approx(found.mean - 1.96 * spread, abs=0.5 * spread)
    assert found.high == pytest.approx(found.mean + 1.96 * spread, abs=0.5 * spread)
    perfect = site_recovery(np.where(sites[:, None, :] > 0, -5, 1) * np.ones((n, 4, length)), x, sites)
    assert (perfect.mean, perfect.low) == (1, 1)


def test_no_sites_at_all():
    assert np.isnan(site_recovery(np.zeros((2, 4, 3)), np.zeros((2, 4, 3)), np.zeros((2, 3))).mean)
