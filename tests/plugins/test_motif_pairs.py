import json
from collections import Counter

import numpy as np
import pytest
import torch
from demo_motifs.interactions import Planter, best_site, interactions
from demo_motifs.pairs import Occurrences, fisher, spacing, together
from motif_cases import GATA, planted, save

from demo_core.sequences.alphabets import DNA
from demo_core.sequences.motif import Motif, format_meme
from demo_core.testing import tiny_dataset, tiny_model

A, B = "GATTACA", "CCCTGT"


def sites(*found, width):
    row, start, strand = (np.array(c) for c in zip(*found, strict=True))
    return Occurrences(row, start, strand, width)


def test_how_sites_lie_to_each_other():
    one = sites((0, 10, 1), (1, 10, -1), (2, 10, 1), (3, 10, -1), (4, 10, 1), width=5)
    other = sites((0, 18, 1), (1, 18, 1), (2, 2, -1), (3, 2, -1), (4, 12, 1), (5, 0, 1), width=4)
    assert spacing(one, other, same=False) == Counter(
        {("A B", 3): 1, ("b A", 3): 1, ("b A", 4): 1, ("A B", 4): 1}  # the fifth overlaps, the last is single
    )
    counted = together(one, other, 10, same=False)
    assert (counted.a, counted.b, counted.both, counted.apart, counted.expected) == (5, 6, 5, 4, 3.0)
    assert counted.p == pytest.approx(fisher(5, 5, 6, 10))


def test_the_nearest_site_counts_and_pairs_of_one_motif_count_once():
    one = sites((0, 10, 1), width=5)
    other = sites((0, 40, 1), (0, 17, -1), (0, 0, 1), width=4)
    assert spacing(one, other, same=False) == Counter({("A b", 2): 1})
    twice = sites((0, 10, 1), (0, 20, -1), (1, 3, 1), width=5)
    assert spacing(twice, twice, same=True) == Counter({("A b", 5): 1})
    alone = together(twice, twice, 4, same=True)
    assert (alone.a, alone.both, alone.apart) == (2, 1, 1)
    backward = sites((0, 10, -1), (0, 20, -1), (1, 10, 1), (1, 20, 1), width=5)
    assert spacing(backward, backward, same=True) == Counter({("A B", 5): 2})


def test_motifs_on_the_same_sites_come_together():
    one = sites(*((row, 10, 1) for row in range(100)), width=8)
    other = sites(*((row, 11, 1) for row in range(100)), width=8)
    counted = together(one, other, 200, same=False)
    assert (counted.both, counted.apart) == (100, 0)
    assert counted.p < 1e-30


def test_the_p_of_coming_together_is_fishers():
    stats = pytest.importorskip("scipy.stats")
    for both, a, b, n in ((30, 50, 60, 200), (2, 50, 60, 200), (15, 50, 60, 200), (0, 3, 4, 9)):
        table = [[both, a - both], [b - both, n - a - b + both]]
        tails = [stats.fisher_exact(table, alternative=side).pvalue for side in ("greater", "less")]
        assert fisher(both, a, b, n) == pytest.approx(min(1, 2 * min(tails)), rel=1e-6)


class Known(torch.nn.Module):
    """Returns 2 for each A, 3 for each B, on either strand, and 5 more if a B follows an A after 4 bases."""

    def forward(self, x):
        return torch.tensor([[self.value(DNA.decode(c))] for c in self.codes(x)])

    @staticmethod
    def codes(x):
        return np.where(x.sum(1).numpy() > 0, x.argmax(1).numpy(), 4).astype(np.uint8)

    @staticmethod
    def value(text):
        turned = lambda w: DNA.decode(DNA.reverse_complement(DNA.encode(w)))  # noqa: E731
        total = sum(2.0 * (text.count(w)) for w in (A, turned(A))) + sum(3.0 * text.count(w) for w in (B, turned(B)))
        at = text.find(A)
        return total + 5.0 * (at >= 0 and text[at + len(A) + 4 :].startswith(B))


def test_interactions_are_those_of_a_network_that_is_known(registry):
    model = tiny_model(registry=registry)
    model.module = Known()
    backgrounds = np.zeros((3, 40), np.uint8)  # poly-A, so that no site occurs by chance
    planter = Planter(model, model.target(), backgrounds)
    done = []
    found = interactions(planter, [DNA.encode(A), DNA.encode(B)], 40, [0, 4, 40], done.append)
    assert len(done) == 3
    pairs = {(i.a, i.b, i.arrangement, i.distance): i for i in found}
    assert {d for _, _, _, d in pairs} == {0, 4}  # a spacing of 40 bases does not fit
    for (a, b, arrangement, distance), one in pairs.items():
        assert (one.effect_a, one.effect_b) == ((2.0, 3.0)[a], (2.0, 3.0)[b])
        special = (a, b, arrangement, distance) == (0, 1, "A B", 4)
        assert one.interaction == pytest.approx(5.0 if special else 0.0)
        assert one.joint == pytest.approx(one.effect_a + one.effect_b + one.interaction)
        assert one.low == one.high == one.interaction  # all backgrounds are equal
    assert {k[2] for k in pairs if k[:2] == (0, 1)} == {"A B", "A b", "B A", "b A"}
    assert {k[2] for k in pairs if k[:2] == (0, 0)} == {"A B", "A b", "b A"}


def test_the_likeliest_letters():
    assert DNA.decode(best_site(DNA.one_hot(DNA.encode(GATA)))) == GATA


def test_the_command_writes_tables_and_a_heat_map(tmp_path, demo, registry):
    tiny_model(registry=registry).save(tmp_path / "model")
    tiny_dataset(40).save(tmp_path / "data.h5")
    motifs = [Motif(n, n, DNA.one_hot(DNA.encode(w)).astype(float), 50) for n, w in (("ap1", "TGACTCA"), ("b", B))]
    (tmp_path / "two.meme").write_text(format_meme(motifs))
    base = ["motifs", "dependencies", tmp_path / "two.meme", tmp_path / "model", tmp_path / "data.h5"]
    fast = ["--farthest", "8", "--step", "4", "--backgrounds", "5", "--threshold", "1e-3"]
    code, out, err = demo(*base, "-o", tmp_path / "deps", *fast)
    assert code == 0, err
    assert "3 pairs of 2 motifs" in out
    rows = [line.split("\t") for line in (tmp_path / "deps" / "interactions.tsv").read_text().splitlines()]
    assert len(rows) - 1 == 3 * (3 + 4 + 3)
    table = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    for row in table:
        gap = float(row["effect_both"]) - float(row["effect_a"]) - float(row["effect_b"])
        assert float(row["interaction"]) == pytest.approx(gap, abs=1e-4)
    both = (tmp_path / "deps" / "cooccurrence.tsv").read_text().splitlines()
    assert both[1].split("\t")[:4] == ["ap1", "ap1", "20", "19"]  # unknown bases cover one of the planted sites
    assert (tmp_path / "deps" / "interactions.png").stat().st_size > 5000
    assert (tmp_path / "deps" / "spacing.tsv").exists()

    assert demo(*base, "-o", tmp_path / "deps", *fast)[0] == 1
    code, out, _ = demo(*base, "-o", tmp_path / "deps", *fast, "--force", "--only", "b", "--json")
    assert code == 0
    (only,) = json.loads(out)
    assert only["motif_a"] == "b"
    _, out, _ = demo(*base, "-o", tmp_path / "deps", *fast, "--force", "--only", "b")
    shown = next(line for line in out.splitlines() if line.startswith("b ")).split()
    assert {f"{only[k]:.2f}" for k in ("effect_a", "effect_b", "effect_both", "interaction")} <= set(shown)
    code, _, err = demo(*base, "-o", tmp_path / "x", "--only", "c")
    assert (code, "unknown motif 'c'" in err) == (2, True)
    assert demo(*base[:2], "UNKNOWN", *base[3:], "-o", tmp_path / "x")[0] == 2
    assert demo(*base, "-o", tmp_path / "data.h5", *fast, "--force")[0] == 1
    assert not (tmp_path / "x").exists()


def test_sequences_of_another_length_do_not_fit(tmp_path, demo, registry):
    tiny_model(registry=registry).save(tmp_path / "model")
    explanation, _ = planted(n=20, length=80)
    save(explanation, tmp_path / "e.h5")
    code, _, err = demo("motifs", "dependencies", "CTCF", tmp_path / "model", tmp_path / "e.h5", "-o", tmp_path / "d")
    assert (code, "trained on 40 bases" in err) == (3, True)
