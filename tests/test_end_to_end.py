"""Test one run on real ChIP-seq data: REST, a small network and a short training."""

import json

import numpy as np

from demo_core.results.explanation import Explanation


def test_from_peaks_to_a_figure(real_data, tmp_path, demo):
    (source,) = (real_data / "encode").glob("REST_*_AC.seq.gz")
    code, out, err = demo("data", "import", source, "-o", tmp_path / "rest.h5")
    assert code == 0, err
    assert "added a dinucleotide-preserving shuffle of each" in err
    info = json.loads(demo("data", "info", tmp_path / "rest.h5", "--json")[1])
    counts = {split: c["bound"] for split, c in info["counts"].items()}
    assert counts["train"]["positive"] + counts["validation"]["positive"] == 6406
    assert counts["train"]["positive"] == counts["train"]["negative"]
    assert counts["test"] == {"positive": 500, "negative": 500, "unknown": 0}
    assert info["duplicates_across"] == {}

    small = ["--filters", "32,32", "--widths", "15,5", "--epochs", "6", "--learning-rate", "0.01"]
    code, _, err = demo("train", "cnn", tmp_path / "rest.h5", "-o", tmp_path / "m", *small)
    assert code == 0, err
    found = json.loads(demo("evaluate", tmp_path / "m", tmp_path / "rest.h5", "--json")[1])
    assert found["targets"]["bound"]["auroc"] > 0.95

    code, _, err = demo(
        "explain",
        "saliency",
        tmp_path / "m",
        tmp_path / "rest.h5",
        "-o",
        tmp_path,
        "--only-positive",
        "--average-strands",
    )
    assert code == 0, err
    with Explanation.open(tmp_path / "m.saliency.h5") as explanation:
        assert len(explanation) == 500
        assert np.isfinite(explanation.values[:]).all()
    assert demo("show", tmp_path / "m.saliency.h5", "-o", tmp_path / "f.png")[0] == 0
    code, out, err = demo("motifs", "find", tmp_path / "m.saliency.h5", "-o", tmp_path / "motifs", "--json")
    assert code == 0, err
    best = json.loads(out)[0]
    assert best["matches"][0]["match_name"] == "REST"
    assert best["matches"][0]["q"] < 0.01


def test_the_fasta_of_deepmotif(real_data, tmp_path, demo):
    folder = real_data / "fasta"
    code, out, err = demo(
        "data",
        "import",
        folder / "CTCF.train.fasta",
        "-o",
        tmp_path / "c.h5",
        "--test-from",
        folder / "CTCF.test.fasta",
    )
    assert code == 0, err
    counts = json.loads(demo("data", "info", tmp_path / "c.h5", "--json")[1])["counts"]
    assert sum(counts["train"]["bound"].values()) + sum(counts["validation"]["bound"].values()) == 2000
    assert counts["test"]["bound"] == {"positive": 1000, "negative": 1000, "unknown": 0}
