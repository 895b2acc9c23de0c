"""Test dinucleotide shuffles: exact counts, and uniform over all sequences with these counts."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core.sequences.alphabets import DNA
from demo_core.sequences.shuffling import dinucleotide_shuffle, shuffle

texts = st.lists(st.text(alphabet="ACGTN", min_size=12, max_size=12), min_size=1, max_size=8)


def pairs(text):
    return Counter(a + b for a, b in pairwise(text))


def shuffled(method, lines, seed=0):
    codes = np.stack([DNA.encode(t) for t in lines])
    return [DNA.decode(row) for row in method(codes, np.random.default_rng(seed))]


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(0, 2**32))
def test_dinucleotide_counts_ends_and_unknown_places_are_kept(lines, seed):
    for before, after in zip(lines, shuffled(dinucleotide_shuffle, lines, seed), strict=True):
        assert pairs(before) == pairs(after)
        assert [c == "N" for c in before] == [c == "N" for c in after]
        for run_before, run_after in zip(before.split("N"), after.split("N"), strict=True):
            assert run_before[:1] == run_after[:1]
            assert run_before[-1:] == run_after[-1:]


@settings(max_examples=100, deadline=None)
@given(texts, st.integers(0, 2**32))
def test_shuffle_keeps_letters_and_unknown_places(lines, seed):
    for before, after in zip(lines, shuffled(shuffle, lines, seed), strict=True):
        assert Counter(before) == Counter(after)
        assert [c == "N" for c in before] == [c == "N" for c in after]


def all_with_the_same_pairs(text):
    return {"".join(p) for p in permutations(text) if pairs("".join(p)) == pairs(text) and p[0] == text[0]}


def chi_square_is_plausible(observed, outcomes, n):
    """Allow 5 standard deviations of the chi-square distribution: fails by chance about once in 10^6 runs."""
    freedom = len(outcomes) - 1
    expected = n / len(outcomes)
    statistic = sum((observed[o] - expected) ** 2 / expected for o in outcomes)
    return abs(statistic - freedom) < 5 * np.sqrt(2 * freedom) + 10


# cycles, self-loops, repeats, and a letter that occurs once
@pytest.mark.parametrize("text", ["ACAGACTA", "AACAACCA", "ACGTACGA", "AAGGCAGC", "GATTACAG", "ACACGCGA", "TTATTTAT"])
def test_every_sequence_with_the_same_counts_is_equally_likely(text):
    outcomes = all_with_the_same_pairs(text)
    assert len(outcomes) > 1
    n = 4000 * len(outcomes) // 2
    observed = Counter(shuffled(dinucleotide_shuffle, [text] * n))
    assert set(observed) == outcomes
    assert chi_square_is_plausible(observed, outcomes, n), observed


def test_every_order_of_a_plain_shuffle_is_equally_likely():
    outcomes = {"".join(p) for p in permutations("ACGT")}
    observed = Counter(t.replace("N", "") for t in shuffled(shuffle, ["ANCGT"] * 24_000))
    assert chi_square_is_plausible(observed, outcomes, 24_000), observed


def test_runs_between_unknown_bases_are_shuffled_each_by_itself():
    after = shuffled(dinucleotide_shuffle, ["ACAGACTANNGATTACAG"] * 50)
    assert {t[:8] for t in after} <= all_with_the_same_pairs("ACAGACTA")
    assert {t[10:] for t in after} <= all_with_the_same_pairs("GATTACAG")
    assert len({t[:8] for t in after}) > 1


def test_a_seed_repeats_and_another_does_not():
    lines = ["ACGTACGATCGATTAGCATCGACTAGCTA"] * 20
    assert shuffled(dinucleotide_shuffle, lines, 1) == shuffled(dinucleotide_shuffle, lines, 1)
    assert shuffled(dinucleotide_shuffle, lines, 1) != shuffled(dinucleotide_shuffle, lines, 2)


@pytest.mark.parametrize("text", ["", "A", "AC", "NNNN", "AAAAAAAA", "ACACACAC"])
def test_what_has_no_other_order_is_left_as_it_is(text):
    codes = np.tile(DNA.encode(text), (3, 1))
    assert (dinucleotide_shuffle(codes, np.random.default_rng(0)) == codes).all()


def test_no_sequences_and_large_alphabets():
    assert dinucleotide_shuffle(np.zeros((0, 10), np.uint8), np.random.default_rng(0)).shape == (0, 10)
    with pytest.raises(ValueError, match="at most 6 letters"):
        dinucleotide_shuffle(np.zeros((1, 10), np.uint8), np.random.default_rng(0), unknown=20)
