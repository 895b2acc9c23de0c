"""Test class optimisation against a plain loop over restarts."""

import numpy as np
import pytest
import torch
from demo_class_optimization.explainer import ClassOptimization
from demo_class_optimization.options import ClassOptimizationOptions

from demo_core import RunRandom, explain
from demo_core.results.explanation import Explanation
from demo_core.testing import tiny_dataset, tiny_model

MODELS = ["cnn", "rnn", "cnn-rnn"]


def by_hand(model, start, steps, *, rate=0.05, penalty=0.009, softmax=False, column=0, on_step=lambda k, x: None):
    """RMSProp written out for one restart x (A, L), without optimiser class and batch."""
    free, mean_square = start.clone(), torch.zeros_like(start)
    for step in range(steps):
        free.requires_grad_(True)
        x = free.softmax(0) if softmax else free
        loss = -model.module(x[None])[0, column] + penalty * (x**2).sum()
        (gradient,) = torch.autograd.grad(loss, free)
        mean_square = 0.99 * mean_square + 0.01 * gradient**2
        free = free.detach() - rate * gradient / (mean_square.sqrt() + 1e-8)
        on_step(step, free)
    return free.softmax(0) if softmax else free


def starts(n, softmax=False):
    uniform = RunRandom(0, torch.device("cpu")).rows(n).uniform(4 * 40).view(n, 4, 40)
    return uniform.double() * 6 - 3 if softmax else uniform.double()


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_follows_the_plain_reference_step_by_step(registry, name, softmax):
    """Compare in float64: RMSProp divides by the gradient's size, which amplifies rounding of small gradients."""
    model = tiny_model(name, registry=registry, targets=("bound", "open"))
    model.module.double()
    how = {"parameters": "softmax" if softmax else "input"}
    path = [{} for _ in range(3)]
    for restart in range(3):
        start, seen = starts(3, softmax)[restart], path[restart]
        by_hand(model, start, 40, softmax=softmax, column=1, on_step=lambda k, x, seen=seen: seen.update({k + 1: x}))
    for steps in (1, 2, 5, 17, 40):
        found = ClassOptimization(ClassOptimizationOptions(restarts=3, steps=steps, **how))
        values = found.explain(model, model.target("open"), RunRandom(0, model.device)).values
        for restart in range(3):
            expected = path[restart][steps]
            expected = expected.softmax(0) if softmax else expected
            assert torch.allclose(values[restart], expected, atol=1e-5), (steps, restart)


def test_the_penalty_keeps_it_small_and_the_target_grows(registry):
    model = tiny_model(registry=registry)
    plain = explain("class-optimization", model, registry=registry, steps=100, restarts=4)
    held = explain("class-optimization", model, registry=registry, steps=100, restarts=4, penalty=0.5)
    assert (held.values**2).sum() < 0.5 * (plain.values**2).sum()
    before = model.module(starts(4).float()).detach().numpy()[:, 0]
    free = explain("class-optimization", model, registry=registry, steps=100, restarts=4, penalty=0.0)
    assert (free.target_values > before + 0.05).all()
    objective = plain.target_values - 0.009 * (plain.values**2).sum((1, 2))
    assert np.allclose(plain.extra("objective"), objective, atol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_reports_what_each_input_and_its_best_one_hot_reach(registry, name):
    model = tiny_model(name, registry=registry, targets=("bound", "open"))
    found = explain("class-optimization", model, target="open", registry=registry, steps=30, restarts=3)
    assert found.values.shape == (3, 4, 40)
    with torch.no_grad():
        outputs = model.module(torch.from_numpy(found.values)).numpy()
    assert np.allclose(found.outputs, outputs, atol=1e-5)
    assert np.allclose(found.target_values, outputs[:, 1], atol=1e-5)
    best = found.values.argmax(1)
    assert np.array_equal(found.sequences.codes, best)
    assert np.allclose(found.extra("one-hot"), model.predict(best.astype(np.uint8))[:, 1], atol=1e-5)
    assert np.allclose(found.predictions[:, 1], 1 / (1 + np.exp(-outputs[:, 1])), atol=1e-5)
    assert list(found.sequences.ids) == ["restart-1", "restart-2", "restart-3"]


def test_softmax_keeps_every_position_a_distribution(registry):
    model = tiny_model(registry=registry)
    found = explain("class-optimization", model, registry=registry, steps=50, restarts=2, parameters="softmax").values
    assert found.min() >= 0
    assert np.allclose(found.sum(1), 1, atol=1e-5)


def test_seeds_and_restarts(registry):
    model = tiny_model(registry=registry)

    def values(**options):
        return explain("class-optimization", model, registry=registry, steps=20, **options).values

    assert np.array_equal(values(restarts=3), values(restarts=3))
    assert not np.allclose(values(restarts=3), values(restarts=3, seed=1))
    assert np.allclose(values(restarts=3)[:1], values(restarts=1), atol=1e-3)  # each restart has its own start
    assert not np.allclose(values(restarts=2)[0], values(restarts=2)[1])


def test_a_restart_that_no_longer_grows_ends(registry):
    model = tiny_model(registry=registry)
    # with this penalty the optimum is near zero, and steps are large enough to oscillate around it
    options = {"steps": 400, "restarts": 4, "penalty": 5.0, "step_size": 0.05}
    found = explain("class-optimization", model, registry=registry, patience=10, **options)
    steps = found.extra("steps")
    assert (steps < 400).all() and (steps >= 10).all()
    alone = explain("class-optimization", model, registry=registry, patience=10, **{**options, "restarts": 1})
    assert alone.extra("steps")[0] == steps[0]
    assert np.allclose(alone.values[0], found.values[0], atol=1e-5)  # finished restarts do not move while others run
    full = explain("class-optimization", model, registry=registry, **options)
    assert (full.extra("steps") == 400).all()
    early = explain("class-optimization", model, registry=registry, **{**options, "steps": int(steps[0])})
    assert found.extra("objective")[0] > early.extra("objective")[0]  # the best step, not the last one


def test_one_that_diverges_says_so_and_leaves_nothing(trained, tmp_path, demo):
    line = ["explain", "class-optimization", trained / "one", "--steps", "5", "--step-size", "1e30", "-o", tmp_path]
    code, _, err = demo(*line)
    assert code == 1
    assert "use a --step-size below 1e+30" in err
    assert not list(tmp_path.iterdir())


def test_the_model_is_left_as_it_was(registry):
    model = tiny_model("rnn", registry=registry)
    before = model.digest()
    explain("class-optimization", model, registry=registry, steps=3)
    assert model.digest() == before
    assert not model.module.training
    assert all(p.grad is None and p.requires_grad for p in model.module.parameters())


def test_from_the_command_line(trained, tmp_path, demo):
    few = ["--steps", "5", "--restarts", "2", "-o", tmp_path]
    code, out, err = demo("explain", "class-optimization", trained / "one", trained / "two", *few)
    assert code == 0, err
    assert out.count("2 patterns") == 2
    files = sorted(tmp_path.glob("*.h5"))
    assert len(files) == 2
    assert "best letters (logit)" in out
    with Explanation.open(files[0]) as found:
        best = int(found.extra("one-hot").argmax())
        line = next(line.split() for line in out.splitlines() if line.startswith(f"restart-{best + 1} "))
        logits = [float(found.target_values[best]), float(found.extra("one-hot")[best])]
        shown = [v for logit in logits for v in (logit, 1 / (1 + np.exp(-logit)))]
        assert line[1:] == [f"{v:.4g}" for v in shown]
    code, _, err = demo("export", files[0], "--tsv", "-o", tmp_path / "p.tsv")
    assert code == 0, err
    rows = [text.split("\t") for text in (tmp_path / "p.tsv").read_text().splitlines()]
    assert len(rows) == 1 + 2 * 40
    assert rows[0][4:] == ["base", "value", "value:A", "value:C", "value:G", "value:T"]
    assert rows[1][5] == max(rows[1][6:], key=float)
    with Explanation.open(files[0]) as found:
        assert found.kind == "pattern"
        assert found.values.shape == (2, 4, 40)
        assert found.metadata["extras"] == ["objective", "steps", "one-hot"]
        assert found.metadata["data_digest"] is None
    assert "skipped: already finished" in demo("explain", "class-optimization", trained / "one", *few)[1]
    code, _, err = demo("explain", "class-optimization", trained / "one", *few, "--seed", "1")
    assert code == 1
    assert "differs in seed (0 there, 1 here)" in err


def test_all_targets_are_a_run_each(trained, tmp_path, demo):
    few = ["--steps", "2", "--restarts", "1", "-o", tmp_path]
    code, out, err = demo("explain", "class-optimization", trained / "several", "--target", "all", *few)
    assert code == 0, err
    assert [x.split(":")[0].split(".")[-2] for x in out.splitlines() if "1 pattern" in x] == ["bound", "open"]
    code, out, _ = demo(
        "explain", "saliency", trained / "several", trained / "data.h5", "--target", "all", "-o", tmp_path
    )
    assert code == 0
    assert {p.name for p in tmp_path.glob("*saliency*")} == {"several.saliency.bound.h5", "several.saliency.open.h5"}
    code, _, err = demo("explain", "class-optimization", trained / "several", "--target", "all", "--name", "x", *few)
    assert code == 2
    assert "--target all" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["one", "data.h5"], 2, "class-optimization reads no data, but"),
        (["data.h5"], 1, "is not a model folder"),
        (["one", "--target", "loss:bound"], 3, "needs labels, but class-optimization reads no data"),
        (["one", "--limit", "3"], 2, "No such option '--limit'"),
        (["one", "--steps", "0"], 2, "must be at least 1"),
        ([], 2, "Missing argument 'MODEL...'"),
    ],
)
def test_wrong_input(trained, tmp_path, demo, arguments, code, message):
    paths = [trained / a if a in ("one", "data.h5") else a for a in arguments]
    found, _, err = demo("explain", "class-optimization", *paths, "-o", tmp_path / "e")
    assert (found, err.count("demo: ")) == (code, 1)
    assert message in err
    assert not list(tmp_path.glob("e/*"))


def test_a_bad_variable_is_named(trained, tmp_path, demo, monkeypatch):
    monkeypatch.setenv("DEMO_CLASS_OPTIMIZATION_STEPS", "many")
    code, _, err = demo("explain", "class-optimization", trained / "one", "-o", tmp_path)
    assert code == 2
    assert err == "demo: DEMO_CLASS_OPTIMIZATION_STEPS in the environment: expected integer, got 'many'\n"


def test_one_config_file_serves_explainers_of_both_sorts(trained, tmp_path, demo):
    config = tmp_path / "run.toml"
    config.write_text("limit = 3\n[class-optimization]\nsteps = 2\nrestarts = 1\n")
    for explainer, data in (
        ("class-optimization", []),
        ("saliency", [trained / "data.h5"]),
        ("all", [trained / "data.h5"]),
    ):
        code, _, err = demo(
            "explain", explainer, trained / "one", *data, "--config", config, "-o", tmp_path / explainer
        )
        assert code == 0, err
    assert {path.name for path in tmp_path.glob("all/*.h5")} >= {
        "one.class-optimization-restarts-1-steps-2.h5", "one.saliency.h5", "one.temporal.h5"
    }  # fmt: skip


def test_patterns_are_not_explained_from_data(registry):
    from demo_core.errors import UsageProblem

    with pytest.raises(UsageProblem, match="reads no sequences"):
        explain("class-optimization", tiny_model(registry=registry), tiny_dataset(3), registry=registry)
    with pytest.raises(UsageProblem, match="sequences must be a SequenceDataset"):
        explain("saliency", tiny_model(registry=registry), registry=registry)
