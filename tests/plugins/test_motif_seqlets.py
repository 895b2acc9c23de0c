import itertools

import numpy as np
import pytest
from demo_motifs import per_base_scores
from demo_motifs.best_runs import best_run, runs_of_long_rows, runs_of_rows
from demo_motifs.seqlets import (
    Null,
    _in_blocks,
    best_windows,
    null_from_rows,
    null_from_values,
    significant_runs,
)
from demo_motifs.tomtom import false_discovery_rates
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from motif_cases import dataset, explained, planted
from told import retell

from demo_core.errors import UsageProblem


@settings(max_examples=80, deadline=None)
@given(arrays(np.float64, (2, 9), elements=st.integers(-3, 3).map(float)))
def test_the_best_run_is_that_of_all_runs(values):
    score, start, end = best_run(values)
    for row, line in enumerate(values):
        every = [line[i:j].sum() for i in range(9) for j in range(i + 1, 10)]
        assert score[row] == max(0, *every)
        if score[row] > 0:
            assert line[start[row] : end[row]].sum() == score[row]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 80), st.integers(1, 5), st.sampled_from([0.0, 0.05, 0.4]))
def test_runs_of_long_rows_are_those_of_rows(seed, length, most, unknown):
    """With gaps: values that are high in stretches, with weak bases between."""
    random = np.random.default_rng(seed)
    values = random.normal(-0.3, 1, (4, length)) + 2 * (random.random((4, length)) < 0.3)
    values[random.random(values.shape) < unknown] = -np.inf
    runs = [
        sorted(zip(*(column.tolist() for column in method(values.copy(), most)), strict=True))
        for method in (runs_of_rows, runs_of_long_rows)
    ]
    assert [run[:3] for run in runs[0]] == [run[:3] for run in runs[1]]
    assert [run[3] for run in runs[0]] == pytest.approx([run[3] for run in runs[1]], rel=1e-9)
    for row, start, end, score in runs[1]:
        assert score == pytest.approx(values[row, start:end].sum())


def test_best_windows_are_those_of_a_loop():
    explanation, _ = planted(n=30)
    (channel,) = per_base_scores.channels(explanation)
    rows, _, how = per_base_scores.split_rows(explanation)
    assert how == "labelled"
    found = best_windows(explanation, channel, rows, 9).seqlets
    actual = (explanation.values * explanation.one_hot(slice(None))).sum(1)
    assert found.row.tolist() == rows.tolist()
    for row, start, score in zip(found.row, found.start, found.score, strict=True):
        sums = [actual[row, i : i + 9].sum() for i in range(72)]
        assert start == int(np.argmax(sums))
        assert score == pytest.approx(max(sums), rel=1e-5)
    three = best_windows(explanation, channel, rows, 9, number=3).seqlets
    for row in rows:
        starts = sorted(three.start[three.row == row])
        assert all(b - a >= 9 for a, b in itertools.pairwise(starts))
    with pytest.raises(UsageProblem, match="window of 99"):
        best_windows(explanation, channel, rows, 99)


def trace(steps, where):
    """Return scores that rise at one position in forward and at another in backward direction."""
    n, length = len(steps), 40
    values = np.full((n, 2, length), 0.1)
    for row in range(n):
        values[row, 0, where[row] :] = steps[row]
        values[row, 1, : where[row] + 1] = steps[row]
    codes = np.random.default_rng(0).integers(0, 4, (n, length))
    return explained(dataset(codes, np.ones(n)), values, "trace")


def test_windows_of_traces_end_where_the_score_rises_as_bases_are_read():
    explanation = trace([0.9, 0.8], [20, 3])
    forward, backward = per_base_scores.channels(explanation)
    rows = np.arange(2)
    ahead = best_windows(explanation, forward, rows, 9).seqlets
    assert list(zip(ahead.start, ahead.end, strict=True)) == [(12, 21), (0, 9)]  # shifted to fit into the sequence
    behind = best_windows(explanation, backward, rows, 9).seqlets
    assert list(zip(behind.start, behind.end, strict=True)) == [(20, 29), (3, 12)]
    assert ahead.score == pytest.approx([0.8, 0.7], rel=1e-5)


def test_scores_that_are_missing_are_no_change():
    explanation = trace([0.9], [20])
    explanation.values[0, 0, :5] = np.nan
    forward, _ = per_base_scores.channels(explanation)
    block = per_base_scores.read(explanation, forward, np.arange(1))
    assert np.isfinite(block.values).all()
    assert block.values[0].nonzero()[0].tolist() == [20]


def test_significant_runs_are_the_planted_ones():
    explanation, truth = planted()
    (channel,) = per_base_scores.channels(explanation)
    rows, negatives, _ = per_base_scores.split_rows(explanation)
    null = null_from_rows(explanation, channel, negatives, "negatives")
    found = significant_runs(explanation, channel, rows, null)
    assert found.searched == 200
    on_site = 0
    for row, start, end in zip(found.seqlets.row, found.seqlets.start, found.seqlets.end, strict=True):
        which, first, _ = truth[row]
        on_site += start < first + (21, 8)[which] and end > first
    assert len(np.unique(found.seqlets.row)) >= 190
    assert on_site >= 0.95 * len(found.seqlets)
    assert found.above <= 0.05 * len(null.scores)


def test_several_runs_in_a_sequence():
    values = np.zeros((300, 4, 50))
    codes = np.random.default_rng(0).integers(0, 4, (300, 50))
    random = np.random.default_rng(1)
    values += random.normal(0, 0.05, values.shape)
    for start in (5, 30):
        for place in range(start, start + 8):
            values[np.arange(150), codes[:150, place], place] += 1
    explanation = explained(dataset(codes, np.arange(300) < 150), values)
    (channel,) = per_base_scores.channels(explanation)
    rows, negatives, _ = per_base_scores.split_rows(explanation)
    null = null_from_rows(explanation, channel, negatives, "negatives")
    found = significant_runs(explanation, channel, rows, null).seqlets
    assert np.bincount(found.row, minlength=150)[:150].min() == 2
    assert np.abs(found.start - np.where(found.start < 20, 5, 30)).max() <= 7
    assert (found.end - found.start).max() <= 20


@pytest.mark.parametrize("seed", range(5))
def test_noise_yields_no_seqlets(seed):
    explanation, _ = planted(n=600, noise=1.0, words=("A",), seed=seed)
    explanation.values[:] = np.random.default_rng(seed).normal(size=explanation.values.shape)
    (channel,) = per_base_scores.channels(explanation)
    rows, negatives, _ = per_base_scores.split_rows(explanation)
    for null in (
        null_from_rows(explanation, channel, negatives, "negatives"),
        null_from_values(explanation, channel, rows),
    ):
        found = significant_runs(explanation, channel, rows, null).seqlets
        assert len(np.unique(found.row)) <= 0.05 * len(rows)


def test_padded_noise_yields_no_seqlets():
    random = np.random.default_rng(3)
    codes = random.integers(0, 4, (600, 160))
    codes[:, :100] = 4
    explanation = explained(dataset(codes, np.ones(600)), random.normal(size=(600, 4, 160)))
    (channel,) = per_base_scores.channels(explanation)
    rows = np.arange(600)
    null = null_from_values(explanation, channel, rows)
    runs = significant_runs(explanation, channel, rows, null, fdr=0.999).seqlets
    best = {row: min(runs.p[runs.row == row]) for row in set(runs.row.tolist())}
    assert np.mean([best.get(row, 1) < 0.05 for row in range(600)]) < 0.08
    assert len(significant_runs(explanation, channel, rows, null).seqlets) == 0


def test_values_are_mixed_in_blocks_and_none_is_lost():
    known = np.ones((50, 20), bool)
    known[:, :7] = False
    order = _in_blocks(known, np.random.default_rng(0))
    assert (np.sort(order, axis=1) == np.arange(20)).all()
    assert (order[:, 13:] < 7).all()  # unknown bases are at the end
    steps = np.diff(order[:, :13], axis=1)
    assert 0.6 < (steps == 1).mean() < 0.9  # in blocks of three
    assert len({tuple(row) for row in order}) > 20


def test_measured_quantities_are_neither_positive_nor_negative():
    explanation, _ = planted(n=40)
    measured = [{"name": "bound", "activation": "identity", "unit": "value"}]
    retell(explanation, model__targets=measured, target__outputs=measured)
    rows, negatives, how = per_base_scores.split_rows(explanation)
    assert (len(rows), len(negatives), how) == (40, 0, "unlabelled")


def test_p_values_count_the_null():
    null = Null(np.array([1.0, 2, 3, 4]), 0, "")
    assert null.p_values(np.array([0.0, 2, 9])) == pytest.approx([5 / 5, 4 / 5, 1 / 5])


@settings(deadline=None)
@given(arrays(np.float64, (3, 12), elements=st.floats(0, 1)))
def test_false_discovery_rates_are_scipys(p):
    stats = pytest.importorskip("scipy.stats")
    assert false_discovery_rates(p) == pytest.approx(stats.false_discovery_control(p, axis=1), abs=1e-12)


def test_without_labels_the_model_says_which_are_positive():
    explanation, _ = planted(n=40)
    explanation.sequences.labels[:] = np.nan
    rows, negatives, how = per_base_scores.split_rows(explanation)
    assert how == "called"
    assert rows.tolist() == list(range(0, 40, 2))
    assert negatives.tolist() == []  # selected by the model, so not a null distribution
    assert len(per_base_scores.split_rows(explanation, every=True)[0]) == 40


@pytest.mark.parametrize("scale", [1e-20, 1e-13, 1.0, 1e6])
def test_runs_of_long_rows_do_not_depend_on_the_scale(scale):
    random = np.random.default_rng(0)
    values = random.normal(-0.2, 1, (4, 3000))
    values[:, random.choice(3000, 1000, replace=False)] = -np.inf
    found, wanted = (
        np.array(sorted(zip(*method(values * scale, 20), strict=True))) for method in (runs_of_long_rows, runs_of_rows)
    )
    assert np.allclose(found, wanted, rtol=1e-9, atol=0)
