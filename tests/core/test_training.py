import json

import numpy as np
import pytest
import torch
from demo_train import cores
from demo_train.settings import TrainingSettings
from demo_train.training import _Fit, _positive_weights, train

from demo_core.errors import DemoError, UsageProblem
from demo_core.metrics import auroc
from demo_core.models.model import build_model
from demo_core.models.targets import Output
from demo_core.plugins.specs import Architecture
from demo_core.testing import tiny_dataset, tiny_model

FAST = TrainingSettings(epochs=6, batch_size=32, learning_rate=0.02)


def test_it_learns_a_planted_word_and_keeps_the_best_epoch(registry):
    data = tiny_dataset(800)
    model = tiny_model(registry=registry, dropout=0.0)
    seen = []
    history = train(model, data, FAST, lambda epoch, h: seen.append(epoch.epoch))
    test = data.take(data.rows_of_split("test"))
    assert seen == [1, 2, 3, 4, 5, 6]
    assert auroc(test.labels[:, 0], model.predict(test.codes)[:, 0]) > 0.95
    best = max(e.validation_score for e in history.epochs)
    assert history.epochs[history.best_epoch - 1].validation_score == best
    held_out = data.take(data.rows_of_split("validation"))
    assert auroc(held_out.labels[:, 0], model.predict(held_out.codes)[:, 0]) == pytest.approx(best)
    assert not model.module.training


def test_a_seed_repeats_a_training_and_the_outside_is_left_alone(registry):
    def fit(seed):
        model = tiny_model(registry=registry)
        train(model, tiny_dataset(100), TrainingSettings(epochs=2, seed=seed))
        return model.digest()

    before = torch.get_rng_state()
    assert fit(0) == fit(0) != fit(1)
    assert torch.equal(before, torch.get_rng_state())


def test_the_learning_rate_runs_one_cycle_to_its_end(registry):
    history = train(tiny_model(registry=registry), tiny_dataset(200), TrainingSettings(epochs=8, batch_size=20))
    rates = [e.learning_rate for e in history.epochs]
    peak = int(np.argmax(rates))
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.01 * max(rates)


def test_unknown_labels_are_masked(registry):
    data = tiny_dataset(100, targets=("a", "b"))
    data.labels[:, 1] = np.nan
    data.labels[0, 1] = 1
    model = tiny_model(registry=registry, targets=("a", "b"))
    fit = _Fit(model, data, data, FAST)
    outputs = torch.randn(100, 2)
    labels = torch.from_numpy(data.labels)
    known = ~torch.isnan(labels)
    each = torch.nn.functional.binary_cross_entropy_with_logits(outputs[known], labels[known])
    assert float(fit._loss(outputs, labels)) == pytest.approx(float(each))
    outputs[5, 1] = float("inf")  # unknown labels must not affect training
    assert float(fit._loss(outputs, labels)) == pytest.approx(float(each))


def test_balanced_weights_make_both_classes_count_the_same(registry):
    data = tiny_dataset(40)
    data.labels[:, 0] = (np.arange(40) % 4 == 0).astype(np.float32)
    settings = TrainingSettings(class_weights="balanced")
    fit = _Fit(tiny_model(registry=registry), data, data, settings)
    labels = torch.from_numpy(data.labels)
    outputs = torch.randn(40, 1)
    each = torch.nn.functional.binary_cross_entropy_with_logits(outputs, labels, reduction="none")
    expected = (each[labels > 0.5].mean() + each[labels < 0.5].mean()) / 2
    assert float(fit._loss(outputs, labels)) == pytest.approx(float(expected))


def test_either_strand_shows_the_sequence_or_its_reverse_complement(registry):
    data = tiny_dataset(60)
    fit = _Fit(tiny_model(registry=registry), data, data, FAST)
    shown = fit._either_strand(torch.from_numpy(data.codes)).numpy()
    straight = (shown == data.codes).all(1)
    flipped = (shown == data.alphabet.reverse_complement(data.codes)).all(1)
    assert (straight | flipped).all()
    assert 10 < straight.sum() < 50


def test_a_loss_that_is_no_number_stops_with_advice(registry):
    model = tiny_model(registry=registry)
    with torch.no_grad():
        model.module.linear.bias.fill_(float("nan"))
    with pytest.raises(DemoError, match="--learning-rate below 0.02"):
        train(model, tiny_dataset(60), FAST)


def test_ctrl_c_keeps_the_best_so_far(registry):
    model = tiny_model(registry=registry)

    def stop(epoch, history):
        if epoch.epoch == 3:
            raise KeyboardInterrupt

    history = train(model, tiny_dataset(100), FAST, stop)
    assert history.interrupted
    assert len(history.epochs) == 3


def test_ctrl_c_before_the_first_epoch_is_over_keeps_nothing(registry, monkeypatch):
    def stop(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(_Fit, "_loss", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_model(registry=registry), tiny_dataset(100), FAST)


def test_no_validation_split_keeps_the_last_epoch(registry):
    data = tiny_dataset(60)
    data.split[:] = 0
    assert train(tiny_model(registry=registry), data, FAST).best_epoch == 6


def test_a_validation_split_without_labels_keeps_the_last_epoch(registry):
    data = tiny_dataset(60)
    data.labels[data.rows_of_split("validation")] = np.nan
    history = train(tiny_model(registry=registry), data, FAST)
    assert history.best_epoch == 6
    assert np.isnan(history.epochs[0].validation_loss)


def test_no_labels_to_train_on(registry):
    data = tiny_dataset(20)
    data.labels[:] = np.nan
    with pytest.raises(UsageProblem, match="no labelled sequence"):
        train(tiny_model(registry=registry), data, FAST)


def test_regression_heads_are_fitted_by_squared_error(registry):
    data = tiny_dataset(400)
    data.labels[:, 0] = data.labels[:, 0] * 3 + 5
    found = registry.find(Architecture, "cnn")
    torch.manual_seed(0)
    model = build_model(
        found, {"filters": [8], "widths": [7], "dropout": 0.0}, alphabet=data.alphabet, length=40,
        outputs=[Output("bound", "identity", "log counts")],
    )  # fmt: skip
    history = train(model, data, TrainingSettings(epochs=25, batch_size=32, learning_rate=0.03))
    assert history.score_name == "Pearson r"
    assert history.epochs[history.best_epoch - 1].validation_score > 0.8


@pytest.mark.parametrize(("n", "epochs"), [(100, 100), (10_920, 30), (19_860, 20), (10**6, 20)])
def test_epochs_follow_from_the_number_of_steps(n, epochs):
    assert TrainingSettings().epochs_for(n) == epochs
    assert TrainingSettings(most_epochs=200).epochs_for(n) == (200 if n == 100 else epochs)
    assert TrainingSettings(training_steps=1300).epochs_for(n) == (100 if n == 100 else 20)
    assert TrainingSettings(epochs=7).epochs_for(n) == 7


def test_predictions_that_do_not_vary_are_the_worst_epoch():
    from demo_train.training import Epoch

    constant, poor = (Epoch(1, 1.0, 0.5, score, 0.01, 1.0) for score in (float("nan"), -0.2))
    assert poor.rank > constant.rank


def test_a_target_that_is_predicted_as_constant_makes_the_score_of_its_epoch_unknown(registry):
    import math

    data = tiny_dataset(60)
    data.labels, data.targets = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32), ("a", "b")
    model = tiny_model(registry=registry, targets=("a", "b"))
    model.outputs = tuple(Output(n, "identity", "units") for n in ("a", "b"))
    held_out = data.take(np.arange(30))
    fit = _Fit(model, data.take(np.arange(30, 60)), held_out, TrainingSettings(epochs=1))
    assert math.isfinite(fit._validate()[1])
    with torch.no_grad():
        model.module.linear.weight[1].zero_()
    assert math.isnan(fit._validate()[1])


def test_balanced_weights_are_of_classes_alone(registry):
    model = tiny_model(registry=registry, targets=("class", "amount"))
    model.outputs = (Output("class"), Output("amount", "identity", "units"))
    labels = torch.tensor([[1.0, 7.0], [0.0, 0.2], [0.0, 9.0], [0.0, 8.0]])
    weights = _positive_weights(labels, model.outputs, TrainingSettings(class_weights="balanced"))
    assert weights.tolist() == [3.0, 1.0]
    with pytest.raises(UsageProblem, match="regressions"):
        _positive_weights(labels[:, 1:], model.outputs[1:], TrainingSettings(class_weights="balanced"))


def test_a_loss_is_the_mean_over_targets_of_both_kinds(registry):
    """Beside a plain loop over labels in float64."""
    outputs = [Output("a"), Output("height", "identity", "label units"), Output("b")]
    model = build_model(
        registry.find(Architecture, "cnn"), {"filters": (4,), "widths": (3,)}, alphabet=tiny_dataset(4).alphabet,
        length=40, outputs=outputs,
    )  # fmt: skip
    data = tiny_dataset(6, targets=("a", "height", "b"))
    data.labels[:, 1] = np.linspace(-2, 2, 6)
    data.labels[2, 0] = np.nan
    raw = torch.randn(6, 3)
    found = float(_Fit(model, data, data, FAST)._loss(raw, torch.from_numpy(data.labels)))
    terms = []
    for row, column in zip(*np.nonzero(~np.isnan(data.labels)), strict=True):
        value, label = float(raw[row, column]), float(data.labels[row, column])
        logistic = np.log1p(np.exp(value)) - label * value
        terms.append((value - label) ** 2 if column == 1 else logistic)
    assert found == pytest.approx(np.mean(terms), rel=1e-5)


def test_cores_are_measured_for_recurrent_networks_and_recorded(registry, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        model, x = tiny_model("rnn", registry=registry), torch.zeros(8, 4, 40)
        weights = model.digest()
        clock = iter(range(1000))

        def slow_with(many):
            monkeypatch.setattr(cores.time, "perf_counter", lambda: next(clock) * (torch.get_num_threads() == many))
            return cores.cores_for(model, x)

        assert slow_with(2) == 1
        assert slow_with(1) == 2
        assert model.digest() == weights and torch.get_num_threads() == 2
        monkeypatch.setattr(cores.time, "perf_counter", lambda: pytest.fail("measured"))
        assert cores.cores_for(tiny_model("cnn", registry=registry), x) == 0
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        assert cores.cores_for(model, x) == 0
        monkeypatch.undo()
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        torch.nn.utils.weight_norm(model.module.readout.linear)  # makes it impossible to copy
        assert cores.cores_for(model, x) == 0 and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_number_of_cores_is_that_of_the_whole_training(registry, monkeypatch):
    before, used, said = torch.get_num_threads(), [], []
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("demo_train.training.cores_for", lambda model, x: 1)
    try:
        torch.set_num_threads(2)
        history = train(
            tiny_model("rnn", registry=registry), tiny_dataset(60), TrainingSettings(epochs=1),
            on_step=lambda done, total: used.append(torch.get_num_threads()),
            on_cores=lambda *found: said.append(found),
        )  # fmt: skip
        assert set(used) == {1} and said == [(1, 2, False)] and torch.get_num_threads() == 2
        assert history.as_json()["cores"] == 1
    finally:
        torch.set_num_threads(before)


def test_a_resumed_training_keeps_its_number_of_cores(registry):
    kept = []

    class Kept:
        def save(self, tensors, record):
            kept.append((tensors, json.loads(json.dumps(record))))

    model, data = tiny_model("rnn", registry=registry), tiny_dataset(60)
    fit = _Fit(model, data, data, FAST)
    fit.history.cores = 1
    fit.run(lambda epoch, history: None, Kept())
    again = _Fit(tiny_model("rnn", registry=registry), data, data, FAST)
    assert again.history.cores == 0
    again.restore(*kept[0])
    assert again.history.cores == 1
