import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from demo_core.errors import MisfitError, UsageProblem
from demo_core.models.targets import Output, parse_target
from demo_core.running.batch import BatchRandom

OUTPUTS = (Output("a"), Output("b:c"), Output("height", "identity", "log counts"))
X = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])


def test_targets_are_functions_of_outputs():
    assert parse_target("a", OUTPUTS)(X).tolist() == [1, 0.5]
    assert parse_target("probability:b:c", OUTPUTS)(X) == pytest.approx(torch.sigmoid(X[:, 1]))
    assert parse_target("difference:a:b:c", OUTPUTS)(X).tolist() == [3, -3.5]
    assert parse_target(None, OUTPUTS[:1])(X).tolist() == [1, 0.5]
    labels = torch.tensor([[1.0, 0, 2], [0, 1, 2]])
    cross = parse_target("loss:a", OUTPUTS).bind(labels)(X)
    expected = -torch.log(torch.tensor([torch.sigmoid(X[0, 0]), 1 - torch.sigmoid(X[1, 0])]))
    assert cross == pytest.approx(expected)
    assert parse_target("loss:height", OUTPUTS).bind(labels)(X).tolist() == [1, 9]


def test_names_are_what_was_typed_and_json_says_it_all():
    for name in ("a", "b:c", "probability:b:c", "loss:height", "difference:a:b:c"):
        assert parse_target(name, OUTPUTS).name == name
    assert parse_target("a", OUTPUTS).as_json()["outputs"] == [
        {"name": "a", "activation": "sigmoid", "unit": "probability"}
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "3 targets; choose one with --target: a, b:c, height"),
        ("x", "unknown target 'x'"),
        ("heigth", "did you mean 'height'"),
        ("probability:height", "has no probability: its unit is log counts; use --target height"),
        ("difference:a:x", "unknown target"),
    ],
)
def test_targets_that_are_not_there(name, message):
    with pytest.raises(UsageProblem, match=message):
        parse_target(name, OUTPUTS)


def test_a_loss_needs_labels_of_the_very_batch():
    loss = parse_target("loss:a", OUTPUTS)
    with pytest.raises(MisfitError, match="needs labels"):
        loss.bind(torch.tensor([[float("nan"), 0, 0], [1, 0, 0]]))
    with pytest.raises(ValueError, match="the loss target got . output rows for . labels"):
        loss.bind(torch.zeros(2, 3))(torch.cat([X, X]))
    with pytest.raises(ValueError, match="the loss target got . output rows for . labels"):
        loss(X)


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(1, 9))
def test_draws_depend_on_seed_place_and_call_alone(seed, index, k):
    cpu = torch.device("cpu")
    together = BatchRandom(seed, np.array(index), cpu)
    first, second = together.uniform(k), together.uniform(k)
    assert first.shape == (len(index), k)
    assert first.dtype == torch.float32
    assert bool(((first >= 0) & (first < 1)).all())
    assert not torch.equal(first, second)
    for row, place in enumerate(index):
        alone = BatchRandom(seed, np.array([place]), cpu)
        assert torch.equal(alone.uniform(k)[0], first[row])
        assert torch.equal(alone.uniform(k)[0], second[row])


def test_draws_are_uniform_and_independent():
    cpu = torch.device("cpu")
    random = BatchRandom(5, np.arange(2000), cpu)
    draws = random.uniform(50).double().numpy()
    counts = np.histogram(draws, bins=20, range=(0, 1))[0]
    assert abs(((counts - 5000) ** 2 / 5000).sum() - 19) < 5 * np.sqrt(38)
    others = (
        random.uniform(50),
        BatchRandom(6, np.arange(2000), cpu).uniform(50),
        BatchRandom(5, np.arange(2000), cpu, 1).uniform(50),
    )
    neighbours = [draws[:-1], draws[:, :-1]], [draws[1:], draws[:, 1:]]
    for a, b in [*zip(*neighbours, strict=True), *((draws, o.double().numpy()) for o in others)]:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)


def test_permutations_are_permutations():
    rows = BatchRandom(0, np.arange(100), torch.device("cpu")).permutations(7)
    assert (rows.sort(dim=1).values == torch.arange(7)).all()
    assert len({tuple(r.tolist()) for r in rows}) > 90


def test_a_loss_can_be_asked_of_a_batch_that_is_stacked():
    target = parse_target("loss:bound", [Output("bound")]).bind(torch.tensor([[1.0], [0.0]]))
    outputs = torch.tensor([[2.0], [-1.0]])
    once = target(outputs)
    assert torch.equal(target.repeat(3)(outputs.repeat(3, 1)), once.repeat(3))
    plain = parse_target("bound", [Output("bound")])
    assert plain.repeat(3) is plain


def test_a_difference_of_many_targets_is_found_at_once():
    names = [f"factor-{i}" for i in range(3000)]
    outputs = tuple(Output(name) for name in names)
    assert parse_target("difference:factor-2999:factor-7", outputs).columns == (2999, 7)
    with pytest.raises(UsageProblem):
        parse_target("difference:factor-7:factor-7", outputs)
