"""Test attribution methods on trained networks against planted sites on both strands, and their comparison."""

import numpy as np
import pytest
from method_cases import ARCHITECTURES
from scipy.stats import spearmanr

from demo_core import Explanation, Model, SequenceDataset, explain
from demo_core.metrics import site_recovery, spearman

#: Options that make expensive methods short.
METHODS = {
    "saliency": {},
    "input-x-gradient": {},
    "smooth-grad": {"samples": 10},
    "integrated-gradients": {},
    "expected-gradients": {"references": 5},
    "deeplift": {},
    "deeplift-shap": {"references": 5},
    "captum": {"method": "GradientShap", "background": "shuffle", "parameters": "n_samples=50"},
    "ism": {},
    "occlusion": {"references": 2, "stride": 3},
}
#: Gradients of the recurrent networks of the quickstart are small at the sites of confident predictions.
WEAK = {"saliency", "input-x-gradient", "smooth-grad"}


@pytest.mark.full
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_method_finds_planted_sites(full_quickstart, architecture):
    folder, done = full_quickstart
    assert done.returncode == 0, done.stderr
    model = Model.load(folder / "q" / "models" / architecture)
    with SequenceDataset.open(folder / "q" / "planted.h5") as data:
        rows = data.rows_of_split("test")
        some = data.take(rows[np.asarray(data.labels[:, 0])[rows] == 1][:20])
    for method, options in METHODS.items():
        found = explain(method, model, some, **options)
        recovery = site_recovery(found.values, found.one_hot(slice(None)), some.sites)
        random = np.random.default_rng(0).normal(size=found.values.shape)
        chance = site_recovery(random, found.one_hot(slice(None)), some.sites)
        least = 0.6 if method in WEAK and architecture != "cnn" else 0.8
        assert recovery.mean > least, (method, recovery)
        assert recovery.mean - chance.mean > least - 0.55, (method, recovery, chance)


def test_rank_correlation_equals_scipy():
    random = np.random.default_rng(0)
    for _ in range(20):
        one, other = random.integers(0, 6, 30), random.integers(0, 6, 30)  # with ties
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_all_ends_with_a_table_of_the_methods(demo, trained, here):
    code, out, err = demo("explain", "all", trained / "one", trained / "data.h5", "-o", "e", "--except", "smooth-grad")
    assert code == 0, err
    lines = [line for line in out.splitlines() if not line.endswith("sequences") and not line.startswith("e/")]
    heads = lines.index("method                seconds  largest completeness error  agreement with other methods")
    rows = {line.split()[0]: line for line in lines[heads + 1 :]}
    assert set(rows) == {
        "class-optimization",
        "deeplift",
        "deeplift-shap",
        "input-x-gradient",
        "integrated-gradients",
        "saliency",
        "temporal",
    }
    assert "not guaranteed" in rows["saliency"]
    assert rows["temporal"].split()[2:] == ["-", "-"]
    with Explanation.open("e/one.integrated-gradients.h5") as found:
        assert f"{100 * found.extra('completeness-error').max():.3g} %" in rows["integrated-gradients"]
        importance = {"ig": np.abs(found.values[:] * found.one_hot(slice(None))).sum(1)}
    others = {"saliency": "s", "input-x-gradient": "x", "deeplift": "d", "deeplift-shap": "e"}
    for name, key in others.items():
        with Explanation.open(f"e/one.{name}.h5") as found:
            importance[key] = np.abs(found.values[:] * found.one_hot(slice(None))).sum(1)
    mean = np.mean([
        [spearmanr(a, b).statistic for a, b in zip(importance["ig"], importance[key], strict=True)]
        for key in others.values()
    ])  # fmt: skip
    assert float(rows["integrated-gradients"].split()[-1]) == pytest.approx(mean, abs=0.006)
