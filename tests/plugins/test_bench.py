"""Test demo bench: which computations it measures, and what it reports."""

import json

import pytest
from demo_bench.measuring import Rates, measure, sizes_for

from demo_core.errors import UsageProblem
from demo_core.testing import tiny_model

CHEAP = [
    "deeplift", "deeplift-shap", "input-x-gradient", "integrated-gradients", "saliency", "smooth-grad", "temporal"
]  # fmt: skip


def test_rates_of_all_explainers_as_json(trained, demo):
    code, out, err = demo("bench", trained / "one", "--seconds", "0.2", "--json")
    assert code == 0, err
    found = json.loads(out)
    results = {r["name"]: r for r in found["results"]}
    assert list(results) == ["predict", "class-optimization", *CHEAP]
    assert found["length"] == 40 and found["device"] == "cpu" and found["threads"] >= 1
    for name, r in results.items():
        assert r["best"] > 0
        if name == "class-optimization":
            assert r["unit"] == "patterns/s" and r["batch_size"] is None
        else:
            rates = {int(size): rate for size, rate in r["rates"].items()}
            assert r["best"] == rates[r["batch_size"]] >= 0.98 * max(rates.values())


def test_the_table_names_the_best_batch_size(trained, demo):
    code, out, err = demo("bench", trained / "one", "--explainer", "saliency", "--batch-size", "7", "--seconds", "0.1")
    assert code == 0 and "measured saliency" in err
    heading, columns, *rows = out.splitlines()
    assert heading.startswith("sequences of 40 letters, cpu, ") and "best batch size" in columns
    assert [row.split()[0] for row in rows] == ["predict", "saliency"]
    assert all(row.split()[3] == "7" for row in rows)


def test_a_rate_is_sequences_by_seconds(registry, monkeypatch):
    """Use a fake clock: each sequence takes 2 ms, and each batch 1 ms."""
    import demo_bench.measuring as module

    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    model = tiny_model("cnn", registry=registry)

    def compute(codes, size):
        now[0] += 0.002 * len(codes) + 0.001 * -(-len(codes) // size)

    monkeypatch.setattr(model, "predict", compute)
    rates = next(measure(model, registry, [], [1, 10], 1.0))
    assert rates.rates == pytest.approx({1: 1 / 0.003, 10: 10 / 0.021})
    assert rates.best == 10


def test_the_smallest_of_the_fastest_sizes_is_best():
    assert Rates("x", {16: 50.0, 64: 99.0, 256: 100.0, 1024: 99.5}).best == 64


def test_sizes_are_limited_by_the_length(registry):
    model = tiny_model("cnn", registry=registry)
    assert {16, 64, 256, 1024, 4096} <= set(sizes_for(model, []))
    assert sizes_for(model, [64, 8, 64]) == [8, 64]
    model.length = 100_000
    assert max(sizes_for(model, [])) <= 4


BROKEN = """
from demo_core import hookimpl, Explainer
DEMO_API = 1
@hookimpl
def register_explainers(register):
    register(Explainer(name="broken", target=f"{__name__}:Broken", summary="Fail.", kind="attribution"))
class Broken:
    def __init__(self, options): pass
    def explain(self, model, batch, target): raise KeyError("oops")
"""


def test_a_model_without_gradients_is_measured_where_it_can_be(registry):
    model = tiny_model("cnn", registry=registry)
    model.capabilities = frozenset({"variable-length", "prefix-logits"})
    found = {r.name: r for r in measure(model, registry, [], [4], 0.1)}
    assert found["predict"].rates and found["temporal"].rates
    assert "gradients" in found["saliency"].skipped and not found["saliency"].failed


def test_failures_are_reported_and_the_others_measured(trained, demo, tmp_path):
    (tmp_path / "bad.py").write_text(BROKEN)
    code, out, err = demo("--plugin", tmp_path / "bad.py", "bench", trained / "one", "--seconds", "0.1")
    assert code == 4
    assert "demo: broken: explainer 'broken' of plugin 'bad'" in err and "oops" in err
    assert "saliency" in out and "broken" not in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none"], 1, "no such model folder"),
        (["{one}", "--explainer", "salience"], 2, "unknown explainer 'salience': did you mean 'saliency'"),
        (["{one}", "--batch-size", "0"], 2, "--batch-size"),
        (["{one}", "--seconds", "0"], 2, "--seconds"),
    ],
)
def test_wrong_input(trained, demo, words, code, said):
    got, _, err = demo("bench", *(word.format(one=trained / "one") for word in words))
    assert got == code and said in err and "measured" not in err, err


def test_a_named_explainer_that_cannot_run_is_an_error(registry, monkeypatch):
    from demo_core.plugins import Explainer, Registered

    model = tiny_model("cnn", registry=registry)
    monkeypatch.setattr(Registered, "why_unavailable", lambda self: "needs a package")
    with pytest.raises(UsageProblem, match="needs a package"):
        list(measure(model, registry, ["saliency"], [4], 0.1))
    skipped = [r for r in measure(model, registry, [], [4], 0.1) if r.skipped]
    assert [r.name for r in skipped] == [r.spec.name for r in registry.all(Explainer) if not r.spec.expensive]


def test_a_size_near_the_automatic_one_is_not_measured_beside_it(registry):
    model = tiny_model("cnn", registry=registry)
    automatic = model.automatic_batch_size()
    sizes = sizes_for(model, [])
    assert automatic in sizes
    assert all(size == automatic or abs(size - automatic) > automatic / 10 for size in sizes)


def test_a_batch_of_too_many_letters_is_refused(trained, demo):
    code, _, err = demo("bench", trained / "one", "--batch-size", "300000")
    assert code == 2
    assert "a batch would hold 12,000,000 letters, and the limit is 10,000,000; use at most 250000" in err


def test_a_wrong_option_in_the_environment_is_reported_before_anything_is_measured(trained, demo, monkeypatch):
    monkeypatch.setenv("DEMO_CLASS_OPTIMIZATION_STEPS", "many")
    code, _, err = demo("bench", trained / "one", "--explainer", "class-optimization")
    assert code == 2 and "DEMO_CLASS_OPTIMIZATION_STEPS" in err and "measured" not in err


def test_an_explainer_is_measured_once(trained, demo):
    code, out, _ = demo(
        "bench", trained / "one", "--explainer", "saliency", "--explainer", "saliency", "--seconds", "0.1", "--json"
    )
    assert code == 0 and [r["name"] for r in json.loads(out)["results"]] == ["predict", "saliency"]


def test_results_of_many_batches_are_not_held_at_once(registry, monkeypatch):
    import demo_bench.measuring as module

    monkeypatch.setattr(module, "MOST_LETTERS", 1000)
    now, sizes = [0.0], []
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    model = tiny_model("cnn", registry=registry)

    def compute(data, size):
        sizes.append(len(data))
        now[0] += 0.001 * len(data)

    assert module._rate(compute, model, 10, 50) == pytest.approx(1000)
    assert sum(sizes) >= 500 and max(sizes) * model.length <= 4000


def test_all_given_sizes_are_measured(registry, monkeypatch):
    import demo_bench.measuring as module

    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    model = tiny_model("cnn", registry=registry)

    def compute(codes, size):
        now[0] += 0.01 * len(codes)

    monkeypatch.setattr(model, "predict", compute)
    assert list(next(measure(model, registry, [], [64, 256, 1024], 0.1)).rates) == [64, 256, 1024]
    assert list(next(measure(model, registry, [], [], 0.5)).rates) == [16]
