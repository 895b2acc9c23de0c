import itertools

import numpy as np
import pytest
from demo_motifs.scanning import STEP, Scanner, check_background, composition_of, without_overlaps
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core.errors import UsageProblem
from demo_core.sequences.alphabets import DNA
from demo_core.sequences.motif import Motif

SKEWED = (0.4, 0.3, 0.2, 0.1)


def motif(width=6, seed=0):
    return Motif("m", "", np.random.default_rng(seed).dirichlet([0.4] * 4, width).T, 50)


def test_p_values_are_those_of_every_word():
    pwm = motif(5).pwm(SKEWED)
    scanner = Scanner(pwm, SKEWED, threshold=1.0)
    steps = np.rint(pwm / STEP).astype(int)
    words = list(itertools.product(range(4), repeat=5))
    score = np.array([sum(steps[letter, place] for place, letter in enumerate(word)) for word in words])
    chance = np.array([np.prod([SKEWED[letter] for letter in word]) for word in words])
    # on the other strand, background words are complements
    turned = np.array([np.prod([SKEWED[3 - letter] for letter in word]) for word in words])
    for s in np.unique(score)[::7]:
        assert scanner.p_value(s * STEP) == pytest.approx(chance[score >= s].sum(), rel=1e-9)
        assert scanner.p_value(s * STEP, -1) == pytest.approx(turned[score >= s].sum(), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(1, 13), length=st.integers(1, 30))
def test_hits_are_those_of_a_loop(seed, width, length):
    random = np.random.default_rng(seed)
    codes = random.choice(5, (3, length), p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8)
    pwm = motif(width, seed).pwm(SKEWED)
    scanner = Scanner(pwm, SKEWED, threshold=0.2)
    steps = np.rint(pwm / STEP).astype(int)
    expected = []
    for row, start, strand in itertools.product(range(3), range(length - width + 1), (1, -1)):
        window = codes[row, start : start + width]
        if (window == 4).any():
            continue
        read = window if strand > 0 else DNA.reverse_complement(window)
        score = steps[read, np.arange(width)].sum() * STEP
        if scanner.p_value(score, strand) <= 0.2:
            expected.append((row, start, strand, round(score, 6)))
    hits = scanner.hits(codes)
    assert list(zip(hits.row, hits.start, hits.strand, hits.score.round(6), strict=True)) == expected
    each = zip(hits.p, hits.score, hits.strand, strict=True)
    assert all(p == pytest.approx(scanner.p_value(s, strand)) for p, s, strand in each)


def test_the_other_strand_has_the_same_hits_turned():
    codes = np.random.default_rng(1).integers(0, 4, (20, 60)).astype(np.uint8)
    scanner = Scanner(motif(8).pwm(), threshold=1e-2)
    one, other = scanner.hits(codes), scanner.hits(DNA.reverse_complement(codes))
    turned = {(r, 60 - s - 8, -w, p) for r, s, w, p in zip(other.row, other.start, other.strand, other.p, strict=True)}
    assert turned == set(zip(one.row, one.start, one.strand, one.p, strict=True))
    assert len(one) > 3


def test_memelite_finds_the_same_sites_on_a_uniform_background():
    memelite = pytest.importorskip("memelite")
    codes = np.random.default_rng(2).integers(0, 4, (400, 80)).astype(np.uint8)
    pwm = motif(10).pwm()
    hits = Scanner(pwm, threshold=1e-3).hits(codes)
    letters = 2**pwm / 4
    (table,) = memelite.fimo({"m": letters}, DNA.one_hot(codes).astype(np.int8), threshold=1e-3, eps=0, bin_size=STEP)
    strands = [1 if s == "+" else -1 for s in table["strand"]]
    theirs = set(zip(table["sequence_name"], table["start"], strands, strict=True))
    ours = dict(zip(zip(hits.row, hits.start, hits.strand, strict=True), hits.score, strict=True))
    assert theirs <= set(ours)
    # MEME rounds the score of a window, not of each column, so sites at the threshold may differ
    assert all(ours[site] < hits.score.min() + 10 * STEP for site in set(ours) - theirs)
    assert len(theirs) > 0.9 * len(ours) > 20


def test_short_motifs_have_their_best_words_if_asked():
    exact = Motif("m", "", DNA.one_hot(DNA.encode("CACGTG")).astype(float), 1000).pwm()
    codes = np.stack([DNA.encode("TTCACGTGTT"), DNA.encode("TTCACGTTTT")])
    assert len(Scanner(exact, threshold=1e-4).hits(codes)) == 0
    assert Scanner(exact, threshold=1e-4).smallest_p == pytest.approx(4**-6)
    hits = Scanner(exact, threshold=1e-4, best_anyway=True).hits(codes)
    assert set(zip(hits.row, hits.start, hits.strand, strict=True)) == {(0, 2, 1), (0, 2, -1)}


def test_overlapping_hits_leave_the_best():
    exact = Motif("m", "", DNA.one_hot(DNA.encode("ACACAC")).astype(float), 20).pwm()
    codes = DNA.encode("ACACACACACGG")[None]
    hits = Scanner(exact, threshold=0.01).hits(codes)
    kept = without_overlaps(hits, 6)
    assert len(hits) > len(kept) >= 1
    assert kept.p[0] == hits.p.min()
    starts = kept.start.tolist()
    assert all(abs(a - b) >= 6 for a, b in itertools.combinations(starts, 2))


def test_backgrounds():
    codes = np.array([[0, 0, 1, 4]], np.uint8)
    assert composition_of(codes) == pytest.approx([1 / 3, 1 / 6, 1 / 6, 1 / 3])
    assert composition_of(np.full((1, 3), 4, np.uint8)) == pytest.approx([0.25] * 4)
    for bad in ((0.5, 0.5, 0, 0), (1, 1, 1, 1), (0.3, 0.3, 0.4)):
        with pytest.raises(UsageProblem):
            check_background(bad)


def test_nothing_is_hit_in_nothing():
    scanner = Scanner(motif(6).pwm(), threshold=0.5)
    for codes in (np.zeros((0, 10)), np.zeros((3, 4)), np.full((2, 20), 4)):
        assert len(scanner.hits(codes.astype(np.uint8))) == 0


def test_as_many_windows_of_the_background_are_hit_on_either_strand_as_p_says():
    random = np.random.default_rng(0)
    codes = random.choice(4, (3000, 80), p=[0.45, 0.3, 0.15, 0.1]).astype(np.uint8)
    poly = Motif("m", "", np.array([[0.8], [0.1], [0.05], [0.05]]).repeat(7, axis=1), 50)
    background = (0.45, 0.3, 0.15, 0.1)
    hits = Scanner(poly.pwm(background), background, threshold=1e-2).hits(codes)
    windows = 3000 * 74
    for strand in (1, -1):
        mine = hits.p[hits.strand == strand]
        assert len(mine) / windows == pytest.approx(mine.max() if len(mine) else 0, rel=0.3)
