"""Test simulated sequences: composition, positions, strands, spacing and decoys."""

from pathlib import Path

import demo_planted
import numpy as np
import pytest
from demo_planted.background import Background
from demo_planted.options import PlantedOptions
from demo_planted.reader import PlantedReader
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError, UsageProblem
from demo_core.sequences.alphabets import DNA
from demo_core.sequences.motif import read_meme

SHIPPED = Path("jaspar")

# Motifs of probability 1, so that planted sites can be read from the sequence
CERTAIN = """MEME version 4

MOTIF one first
letter-probability matrix: alength= 4 w= 6 nsites= 10 E= 0
1 0 0 0
1 0 0 0
0 1 0 0
1 0 0 0
1 0 0 0
0 0 1 0

MOTIF two second
letter-probability matrix: alength= 4 w= 5 nsites= 10 E= 0
0 1 0 0
0 1 0 0
1 0 0 0
0 1 0 0
0 1 0 0
"""
ONE, TWO = "AACAAG", "CCACC"


@pytest.fixture(scope="module")
def certain(tmp_path_factory):
    path = tmp_path_factory.mktemp("meme") / "certain.meme"
    path.write_text(CERTAIN)
    return path


def made(source=SHIPPED, **options):
    blocks = list(PlantedReader(PlantedOptions(**options)).read(source))
    return (
        np.concatenate([b.codes for b in blocks]),
        np.concatenate([b.sites for b in blocks]),
        np.concatenate([b.labels for b in blocks])[:, 0],
        [i for b in blocks for i in b.intervals],
    )


def flipped(word):
    return DNA.decode(DNA.reverse_complement(DNA.encode(word)))


def runs(sites):
    edges = np.diff(np.pad(sites, 1).astype(int))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def test_what_ships_are_the_jaspar_matrices_it_names():
    path = Path(demo_planted.__file__).parent / "jaspar.meme"
    motifs = {m.name: m for m in reversed(read_meme(path))}
    assert {"MAFK", "GATA1::TAL1", "NFYB", "CTCF", "REST"} <= set(motifs)
    assert motifs["MAFK"].id == "MA0496.4"
    assert "".join("ACGT"[i] for i in motifs["MAFK"].ppm.argmax(0)) == "CTGACTCAGC"
    assert "CC BY 4.0" in path.read_text()


def test_sites_are_drawn_from_the_matrix_on_both_strands():
    codes, sites, labels, intervals = made(number=4000)
    assert labels.tolist() == [1.0, 0.0] * 2000
    assert (sites.sum(1) == np.where(labels > 0.5, 10, 0)).all()
    assert [str(i) for i in intervals[:2]] == ["planted:0-100(+)", "planted:100-200(+)"]
    planted = codes[sites > 0].reshape(-1, 10)
    one_hot = DNA.one_hot(planted).sum(0) / len(planted)
    shipped = Path(demo_planted.__file__).parent / "jaspar.meme"
    ppm = {m.id: m for m in read_meme(shipped)}["MA0496.4"].ppm
    both = (ppm + ppm[::-1, ::-1]) / 2  # half of them on the reverse strand
    assert np.abs(one_hot - both).max() < 0.04
    starts = (sites > 0).argmax(1)[labels > 0.5]
    assert np.abs(np.bincount(starts, minlength=91)[:91] / 2000 - 1 / 91).max() < 0.02
    background = np.bincount(codes[sites == 0], minlength=4)[:4]
    assert np.abs(background / background.sum() - 0.25).max() < 0.01


@settings(max_examples=60, deadline=None)
@given(
    options=st.fixed_dictionaries(
        {
            "plant": st.sampled_from(["all", "one"]),
            "orientation": st.sampled_from(["random", "together", "forward"]),
            "ordered": st.booleans(),
            "spacing": st.sampled_from([(), (0, 0), (2, 5)]),
            "decoys": st.integers(0, 3),
            "planting_seed": st.integers(0, 5),
            "bases": st.integers(40, 70),
        }
    )
)
def test_every_arrangement_keeps_its_rules(certain, options):
    if options["plant"] == "one":  # a single motif has no order
        options = {**options, "spacing": (), "ordered": False}
    codes, sites, labels, _ = made(certain, motifs=("first", "two"), number=40, **options)
    for row in np.flatnonzero(labels > 0.5):
        text, mine = DNA.decode(codes[row]), sites[row]
        found = []
        for word in (ONE, TWO):
            for strand, spelled in (("+", word), ("-", flipped(word))):
                found += [
                    (start, start + len(word), word, strand)
                    for start in range(len(text) - len(word) + 1)
                    if text[start : start + len(word)] == spelled and mine[start : start + len(word)].all()
                ]
        found.sort()
        expected = 2 if options["plant"] == "all" else 1
        assert mine.sum() == (11 if expected == 2 else mine.sum()) and mine.sum() in (5, 6, 11)
        # words may contain each other; those that tile the marks are planted
        tiling = [f for f in found if (f[0] == 0 or not mine[f[0] - 1] or any(g[1] == f[0] for g in found))]
        assert len(tiling) >= expected
        if expected == 1 or len(found) > 2:
            continue
        (a, a_end, first, a_strand), (b, _, second, b_strand) = found
        gap = b - a_end
        if options["spacing"]:
            assert options["spacing"][0] <= gap <= options["spacing"][1]
        if options["orientation"] == "forward":
            assert (a_strand, b_strand) == ("+", "+")
        if options["orientation"] == "together":
            assert a_strand == b_strand
        if options["ordered"]:
            turned = options["orientation"] == "together" and a_strand == "-"
            assert (first, second) == ((TWO, ONE) if turned else (ONE, TWO))
    assert not sites[labels < 0.5].any()


def test_decoys_are_in_every_sequence_and_are_no_sites(certain):
    options = {"motifs": ("first",), "number": 400, "bases": 30, "composition": (0, 0, 0, 1)}
    plain, _, _, _ = made(certain, **options)
    decoys, sites, labels, _ = made(
        certain, motifs=("first",), number=400, bases=30, decoys=1, composition=(0, 0, 0, 1)
    )
    changed = (decoys != 3).sum(1)
    assert ((plain != 3).sum(1)[labels < 0.5] == 0).all()
    assert (changed[labels < 0.5] == 6).all()  # columns of AACAAG in another order, in a background of T
    words = {DNA.decode(c[c != 3]) for c in decoys[labels < 0.5]}
    assert len(words) > 5 and all(sorted(w) == sorted(ONE) for w in words)
    assert (sites.sum(1)[labels > 0.5] == 6).all()


def test_a_seed_repeats_it_and_another_does_not():
    assert all(np.array_equal(a, b) for a, b in zip(made(number=50)[:3], made(number=50)[:3], strict=True))
    assert not np.array_equal(made(number=50)[0], made(number=50, planting_seed=1)[0])


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_background_follows_the_markov_model(tmp_path, order):
    random = np.random.default_rng(0)
    table = random.dirichlet([1.0] * 4, 4**order)
    given_codes = Background(table).draw(400, 500, random)
    (tmp_path / "given.fa").write_text("".join(f">{i}\n{DNA.decode(c)}\n" for i, c in enumerate(given_codes)))
    learned = Background.of_sequences(tmp_path / "given.fa", order)
    assert learned.order == order
    drawn = learned.draw(2000, 60, random)
    windows = np.lib.stride_tricks.sliding_window_view(drawn, order + 1, axis=1).reshape(-1, order + 1)
    contexts = windows[:, :-1].astype(int) @ 4 ** np.arange(order - 1, -1, -1) if order else np.zeros(len(windows), int)
    counts = np.zeros((4**order, 4))
    np.add.at(counts, (contexts, windows[:, -1]), 1)
    seen = counts.sum(1) > 2000
    assert seen.any()
    assert np.abs(counts[seen] / counts[seen].sum(1, keepdims=True) - table[seen]).max() < 0.05
    # also at the start of a sequence
    first = np.bincount(drawn[:, 0], minlength=4) / len(drawn)
    assert np.abs(first - np.bincount(drawn.ravel(), minlength=4) / drawn.size).max() < 0.05


def test_from_the_command_line(tmp_path, demo):
    code, out, err = demo("data", "import", "jaspar", "--reader", "planted", "--number", "200", "-o", tmp_path / "p.h5")
    assert code == 0, err
    with SequenceDataset.open(tmp_path / "p.h5") as data:
        assert len(data) == 200
        assert data.sites[:].sum() == 1000
        assert data.intervals is not None
    imitate = ["--background-from", tmp_path / "p.h5", "--order", "2", "--motifs", "ctcf,MA0138.3", "--spacing", "1,4"]
    code, _, err = demo("data", "import", "jaspar", "--reader", "planted", *imitate, "-o", tmp_path / "q.h5")
    assert code == 0, err
    with SequenceDataset.open(tmp_path / "q.h5") as data:
        spans = [np.ptp(np.flatnonzero(row)) + 1 for row in data.sites[:100] if row.any()]
        assert min(spans) >= 36 and max(spans) <= 39


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"motifs": ("MAF",)}, "did you mean 'MAFK'"),
        ({"motifs": ("CTCF", "REST"), "bases": 30}, "need 35 bases, but sequences have 30; increase --bases"),
        ({"motifs": ("CTCF", "REST"), "bases": 40, "spacing": (1, 10)}, "need 45 bases"),
        ({"background_from": Path("missing.fa")}, "no such file"),
    ],
)
def test_what_cannot_be_planted(options, message):
    with pytest.raises(DemoError, match=message):
        made(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--composition", "0.3,0.3,0.3,0.3"], "must sum to 1"),
        (["--spacing", "5"], "needs a minimum and a maximum"),
        (["--motifs", "MAFK,CTCF", "--spacing", "5,2"], "a minimum and a maximum"),
        (["--spacing", "2,5"], "need several motifs per sequence"),
        (["--motifs", "MAFK,CTCF", "--ordered", "--plant", "one"], "need several motifs per sequence"),
        (["--order", "3"], "--order needs --background-from"),
        (["--background-from", "x.fa", "--composition", "0.3,0.2,0.2,0.3"], "omit --composition"),
        (["--motifs", ""], "is empty; name at least one motif"),
    ],
)
def test_options_that_make_no_sense(tmp_path, demo, options, message):
    code, _, err = demo("data", "import", "jaspar", "--reader", "planted", *options, "-o", tmp_path / "p.h5")
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert not (tmp_path / "p.h5").exists()


def test_a_file_says_how_it_was_made(tmp_path, demo):
    made = [
        "data",
        "import",
        "jaspar",
        "--reader",
        "planted",
        "--number",
        "100",
        "--motifs",
        "MAFK,CTCF",
        "--decoys",
        "1",
    ]
    code, _, err = demo(*made, "-o", tmp_path / "p.h5")
    assert code == 0
    assert "MAFK is MA0496.4; MA0496.2 has that name too" in err
    _, out, _ = demo("data", "info", tmp_path / "p.h5")
    assert "read from jaspar by planted (motifs = ['MAFK', 'CTCF'], number = 100" in out
    assert "decoys = 1" in out
    made = ["data", "import", "jaspar", "--reader", "planted", "--number", "100"]
    assert demo(*made, "--background-from", tmp_path / "p.h5", "-o", tmp_path / "q.h5")[0] == 0
    with SequenceDataset.open(tmp_path / "q.h5") as data:
        assert data.info["reader"]["options"]["background_from"] == "p.h5"  # no path of this machine
    assert str(tmp_path).encode() not in (tmp_path / "q.h5").read_bytes()


@pytest.mark.parametrize(
    "reader", ["x", ["x"], {"name": "x"}, {"name": "x", "options": "y"}, {"options": {"a": "\x1b[31m"}}]
)
def test_an_account_that_somebody_made_up_does_no_harm(tmp_path, demo, reader):
    from demo_core.testing import tiny_dataset

    data = tiny_dataset(8)
    data.info = {"source": "x", "reader": reader}
    data.save(tmp_path / "p.h5")
    code, out, err = demo("data", "info", tmp_path / "p.h5")
    assert code == 0, err
    assert "\x1b" not in out
    (tmp_path / "q").mkdir()
    (tmp_path / "p.h5").rename(tmp_path / "q" / "planted.h5")
    code, _, err = demo("quickstart", "-o", tmp_path / "q")
    assert code == 1 and "is not a quickstart dataset" in err


def test_a_background_of_no_use(tmp_path):
    (tmp_path / "n.fa").write_text(">1\nNNNNNNNN\n")
    with pytest.raises(DemoError, match="no 2 consecutive known bases"):
        made(background_from=tmp_path / "n.fa")
    (tmp_path / "x.fa").write_text(">1\nACGT\nAC!GT\n")
    with pytest.raises(DemoError, match="line 3.*illegal letter '!'"):
        made(background_from=tmp_path / "x.fa")


def test_a_file_called_jaspar_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("jaspar").write_text(CERTAIN)
    with pytest.raises(UsageProblem, match="known: first, one, second, two"):
        made(motifs=("CTCF",))
