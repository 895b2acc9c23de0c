"""Test dependency maps on a network with known pairwise terms, and against tangermeme and float64 loops."""

import itertools

import numpy as np
import pytest
import torch
from deeplift_cases import model_of
from method_cases import close, small
from tangermeme.dependency_map import dependency_map
from tangermeme.saliency import saliency
from torch import nn

from demo_core import Unsuitable, UsageProblem, explain
from demo_core.testing import tiny_dataset


class Pairwise(nn.Module):
    """Sum of linear terms (4, L) and of terms (4, L, 4, L) of pairs of letters."""

    def __init__(self, length, pairs):
        super().__init__()
        random = np.random.default_rng(0)
        self.alone = nn.Parameter(torch.tensor(random.normal(size=(4, length))))
        terms = np.zeros((4, length, 4, length))
        for i, j in pairs:
            terms[:, i, :, j] = random.normal(size=(4, 4))
        self.terms = nn.Parameter(torch.tensor(terms))

    def forward(self, x):
        found = torch.einsum("bai,aicj,bcj->b", x, self.terms, x) + (self.alone * x).sum((1, 2))
        return found[:, None]


PAIRS = [(2, 9), (3, 4), (0, 11)]


@pytest.fixture(scope="module")
def known():
    """Return a model of 12 bases whose pairs are known, and data."""
    return model_of(Pairwise(12, PAIRS), 12), tiny_dataset(5, length=12, word="TGAC", unknown=False)


def test_effects_on_the_target_are_the_known_pairwise_terms(known):
    model, data = known
    found = explain("dependency-map", model, data, effect="target")
    terms = model.module.terms.detach().numpy()
    expected = np.zeros((5, 12, 12))
    for row, (i, j) in itertools.product(range(5), PAIRS):
        a, c = data.codes[row, [i, j]]
        pair = terms[:, i, :, j]
        effects = pair - pair[a][None, :] - pair[:, [c]] + pair[a, c]  # 0 where a letter is its own
        expected[row, i, j] = expected[row, j, i] = effects.flat[np.abs(effects).argmax()]
    assert np.allclose(found.values, expected, atol=1e-5)


def test_effects_on_attributions_are_the_known_changes_of_the_gradient(known):
    model, data = known
    found = explain("dependency-map", model, data)
    terms = model.module.terms.detach().numpy()
    expected = np.zeros((5, 12, 12))
    for row, (i, j) in itertools.product(range(5), PAIRS):
        a, c = data.codes[row, [i, j]]
        centred_i = terms[a, i, :, j] - terms[:, i, :, j].mean(0)  # gradient at i, for each letter at j
        centred_j = terms[:, i, c, j] - terms[:, i, :, j].mean(1)
        expected[row, i, j] = np.mean([abs(centred_i[b] - centred_i[c]) for b in range(4) if b != c])
        expected[row, j, i] = np.mean([abs(centred_j[b] - centred_j[a]) for b in range(4) if b != a])
    assert np.allclose(found.values, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn", "rnn", "cnn-rnn", "transformer"])
def test_effects_on_attributions_equal_tangermeme(name):
    model, data = small(name, 3)
    found = explain("dependency-map", model, data)
    theirs = dependency_map(model.module, model.one_hot(data.codes), func=saliency, device="cpu")
    theirs.diagonal(dim1=1, dim2=2).zero_()
    assert close(found.values, theirs.numpy())


def test_effects_on_the_target_equal_a_float64_loop():
    model, data = small("cnn-rnn", 2)
    found = explain("dependency-map", model, data, effect="target", span="5:13")
    network = model.module.double()
    pairs = list(itertools.combinations(range(5, 13), 2))
    letters = list(itertools.product(range(4), range(4)))
    for row in range(2):
        own, edited = data.codes[row], []
        for (i, j), (a, b) in itertools.product(pairs, letters):
            one, other, both = own.copy(), own.copy(), own.copy()
            one[i], other[j], both[[i, j]] = a, b, (a, b)
            edited += [both, one, other, own]
        x = torch.from_numpy(model.alphabet.one_hot(np.stack(edited))).double()
        with torch.no_grad():
            both, one, other, whole = network(x)[:, 0].reshape(len(pairs), len(letters), 4).numpy().T
        for (i, j), effects in zip(pairs, (both - one - other + whole).T, strict=True):
            assert abs(abs(found.values[row, i, j]) - np.abs(effects).max()) < 1e-5
        assert np.array_equal(found.values[row], found.values[row].T)
    outside = np.ones(40, bool)
    outside[5:13] = False
    assert not found.values[:, outside].any() and not found.values[:, :, outside].any()


@pytest.mark.parametrize("effect", ["attribution", "target"])
def test_unknown_bases_and_both_strands(effect):
    model, data = small("cnn", 2)
    data.codes[0, 6] = 4
    span = "3:10"
    found = explain("dependency-map", model, data, effect=effect, span=span)
    assert np.isfinite(found.values).all() and (effect == "target" or not found.values[0, 6].any())
    both = explain("dependency-map", model, data, effect=effect, span=span, average_strands=True)
    other = data.take([0, 1])
    other.codes[:] = data.alphabet.reverse_complement(data.codes)
    reverse = explain("dependency-map", model, other, effect=effect, span="30:37")
    assert close(both.values, (found.values + reverse.values[:, ::-1, ::-1]) / 2)


def test_bad_input_is_one_line():
    model, data = small("cnn", 2)
    with pytest.raises(Unsuitable, match="--span 30:50 ends after the sequence of 40 bases; lower END"):
        explain("dependency-map", model, data, span="30:50")
    with pytest.raises(UsageProblem, match="expected START:END with START below END"):
        explain("dependency-map", model, data, span="9:3")
    from demo_core.testing import tiny_model

    large = tiny_model("cnn", length=3000)
    with pytest.raises(Unsuitable, match="needs 40,486,500 passes of each sequence; give a shorter --span"):
        explain("dependency-map", large, tiny_dataset(1, length=3000), effect="target")
