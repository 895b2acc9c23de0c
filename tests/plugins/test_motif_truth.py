"""Test motif results against planted truth: strands, and the chance level of unrelated data."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from demo_motifs.enrichment import binomial_tail, pointed_at
from demo_motifs.found_motif import FoundMotif, Sites
from demo_motifs.per_base_scores import Channel
from demo_motifs.result import MotifsFile
from demo_motifs.seqlets import Found, Seqlets
from motif_cases import REST, dataset, explained, planted, save

from demo_core.sequences.alphabets import DNA
from demo_core.sequences.motif import read_meme

WORD = REST[:13]


@pytest.mark.parametrize("turned", [False, True])
def test_sites_of_a_named_motif_have_the_strand_of_its_database_matrix(tmp_path, demo, turned):
    # JASPAR's REST reads TTCAGCACC...; seqlets have either orientation, so both are compared
    explanation, truth = planted(words=(REST,), noise=0.2)
    if turned:
        sequences = explanation.sequences
        other = replace(sequences, codes=DNA.reverse_complement(sequences.codes))
        explanation = replace(explanation, sequences=other, values=explanation.values[:, ::-1, ::-1])
    flip = {"+": "-", "-": "+"} if turned else {"+": "+", "-": "-"}
    save(explanation, tmp_path / "e.h5")
    assert demo("motifs", "find", tmp_path / "e.h5", "-o", tmp_path / "m")[0] == 0
    (best,) = [m for m in table(tmp_path / "m/motifs.tsv") if m["rank"] == "1"]
    assert (best["match_name"], best["strand"]) == ("REST", "+")
    for name in ("hits", "known", "seqlets"):
        rows = [r for r in table(tmp_path / f"m/{name}.tsv") if r["motif"]]
        known = [(r, truth[int(r["id"][1:])]) for r in rows]
        right = [r["strand"] == flip[t[2]] for r, t in known if t is not None]
        assert len(right) >= 150 and np.mean(right) > 0.98, name
    (matrix,) = read_meme(tmp_path / "m/motifs.meme")
    with MotifsFile(tmp_path / "m/motifs.h5") as file:
        (held,) = file.motifs
    for reads in (letters(matrix.ppm), letters(np.array(held["counts"])), best["consensus"].upper()):
        assert reads in REST
    (jaspar,) = read_meme(tmp_path / "m/known.meme")
    mine, theirs = letters(matrix.ppm), letters(jaspar.ppm)
    shift = max(
        range(-9, 10), key=lambda s: sum(0 <= i + s < len(theirs) and theirs[i + s] == x for i, x in enumerate(mine))
    )
    assert int(best["offset"]) == shift


def independent(seed, *, together=0.0, sd=None, n=600, length=200):
    """Return ``pointed_at`` of a motif and seqlets in ``n`` sequences that coincide in a fraction ``together``."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, (n, length)).astype(np.uint8)
    width, word = len(WORD), DNA.encode(WORD)

    def places():
        if sd is None:
            return random.integers(0, length - width + 1, n)
        return np.clip(np.round(random.normal((length - width) / 2, sd, n)), 0, length - width).astype(np.int64)

    start = places()
    codes[np.arange(n)[:, None], start[:, None] + np.arange(width)] = word
    other = np.where(random.random(n) < together, start, places())
    rows, none = np.arange(n), np.full(n, np.nan)
    sites = Sites(rows, start, start + width, np.ones(n, int), none, none, start, start + width, [""] * n)
    counts = np.zeros((4, width))
    counts[word, np.arange(width)] = n
    motif = FoundMotif(counts, np.ones((4, width)), None, sites, np.full(4, 0.25))
    seqlets = Found(Seqlets(rows, other, other + width, np.ones(n), none), n)
    explanation = explained(dataset(codes, np.ones(n)), np.zeros((n, 4, length)))
    return pointed_at(explanation, motif, [(Channel("", 0), seqlets)], rows, seed)


def test_seqlets_and_motifs_that_are_both_centred_are_not_taken_for_related():
    p = [independent(seed, sd=18).p for seed in range(200)]
    assert sum(value < 0.05 for value in p) <= 18


def test_motifs_that_lie_anywhere_are_found_as_often_as_with_a_uniform_null():
    cases = [independent(seed, together=0.05) for seed in range(200)]
    # 13 of 188 starts overlap a seqlet by half, slightly fewer at the edges: the expectation in closed form
    starts = np.arange(188)
    share = np.mean([np.sum(np.abs(starts - s) <= 6) for s in starts]) / 188
    uniform = [binomial_tail(c.pointed, c.occurring, share) for c in cases]
    power = np.mean([p < 1e-4 for p in uniform])
    assert 0.3 < power < 0.9  # a loss would show here
    assert np.mean([c.p < 1e-4 for c in cases]) == pytest.approx(power, abs=0.02)


def letters(matrix):
    return "".join("ACGT"[i] for i in np.asarray(matrix).argmax(axis=0))


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))
