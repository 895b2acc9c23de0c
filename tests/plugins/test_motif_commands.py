import csv
import json

import numpy as np
import pytest
from demo_motifs import databases
from demo_motifs.filters import filter_motifs, strongest_windows
from demo_motifs.matching import explanation_windows, wilson
from demo_motifs.result import MotifsFile
from motif_cases import GATA, REST, dataset, explained, planted, save

from demo_core.errors import DemoError, MisfitError
from demo_core.sequences.alphabets import DNA
from demo_core.sequences.motif import format_meme, read_meme
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("motifs")
    save(planted(noise=0.2)[0], where / "net.saliency.h5")
    return where


@pytest.fixture(scope="module")
def found(folder):
    from demo_core.cli import run

    assert run(["motifs", "find", str(folder / "net.saliency.h5"), "-o", str(folder / "motifs")]) == 0
    return folder / "motifs"


def turned(word):
    return DNA.decode(DNA.reverse_complement(DNA.encode(word)))


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_everything_is_written_and_agrees(found):
    assert sorted(p.name for p in found.iterdir()) == [
        "hits.tsv", "known.meme", "known.tsv", "motifs.h5", "motifs.meme", "motifs.png", "motifs.tsv", "seqlets.tsv",
    ]  # fmt: skip
    rows = table(found / "motifs.tsv")
    assert [row["motif"] for row in rows] == ["net.saliency.1"] * 5 + ["net.saliency.2"] * 5
    assert {row["match_name"] for row in rows if row["rank"] == "1"} >= {"REST"}
    best = next(row for row in rows if row["match_name"] == "REST")
    assert float(best["q"]) < 1e-6
    assert float(best["E"]) == pytest.approx(float(best["p"]) * 879, rel=1e-3)
    assert len({row["database"] for row in rows}) == 1
    seqlets = table(found / "seqlets.tsv")
    for name in ("net.saliency.1", "net.saliency.2"):
        mine = [s for s in seqlets if s["motif"] == name]
        assert len(mine) == int(next(r for r in rows if r["motif"] == name)["seqlets"])
        assert {s["strand"] for s in mine} == {"+", "-"}
    motifs = read_meme(found / "motifs.meme")
    with MotifsFile(found / "motifs.h5") as file:
        assert len(file) == len(seqlets)
        assert [str(i) for i in file.column("ids")] == [s["id"] for s in seqlets]
        assert file.column("start").tolist() == [int(s["start"]) for s in seqlets]
        for written, held in zip(motifs, file.motifs, strict=True):
            assert written.id == held["motif"]
            counts = np.array(held["counts"])
            assert written.ppm == pytest.approx(counts / counts.sum(axis=0), abs=1e-5)
            assert file.motif(held["motif"]).sites == held["seqlets"]
        assert file.metadata["settings"]["fdr"] == 0.05
    # the best matches of named motifs, and their sites if a scan finds them
    known = {m.id: m for m in read_meme(found / "known.meme")}
    assert set(known) == {row["match_id"] for row in rows if row["rank"] == "1"}
    sites = table(found / "known.tsv")
    assert {s["motif"] for s in sites} == set(known) and all(float(s["p"]) <= 1e-4 for s in sites)
    assert len({s["id"] for s in sites if s["name"] == "REST"}) >= 80
    hits = table(found / "hits.tsv")
    assert len(hits) >= 190
    assert all(float(h["p"]) <= 1e-4 for h in hits)
    rest = [h for h in hits if h["name"] == "REST"]
    exact = [h for h in rest if h["bases"] in REST or turned(h["bases"]) in REST]
    assert len(exact) == 100
    assert min(float(h["value"]) for h in exact) > 5


def test_what_is_finished_is_skipped_and_what_differs_refused(folder, found, demo):
    source = folder / "net.saliency.h5"
    before = (found / "motifs.h5").stat().st_mtime_ns
    code, out, _ = demo("motifs", "find", source, "-o", found)
    assert (code, "skipped" in out) == (0, True)
    code, out, _ = demo("motifs", "find", source, "-o", found, "--json")
    assert code == 0
    assert [m["motif"] for m in json.loads(out)] == ["net.saliency.1", "net.saliency.2"]
    assert "counts" not in json.loads(out)[0]
    code, _, err = demo("motifs", "find", source, "-o", found, "--fdr", "0.1")
    assert (code, "differs in fdr" in err) == (1, True)
    assert (found / "motifs.h5").stat().st_mtime_ns == before


def test_other_outputs_are_never_replaced(folder, tmp_path, demo):
    source = folder / "net.saliency.h5"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for output in (tmp_path / "mine", folder, source):
        assert demo("motifs", "find", source, "-o", output, "--force")[0] == 1
    assert (tmp_path / "mine" / "thesis.tex").exists()
    assert source.exists()
    assert demo("motifs", "scan", source, "REST", "-o", tmp_path / "sites")[0] == 0
    inside = tmp_path / "sites" / "e.h5"
    inside.write_bytes(source.read_bytes())
    code, _, err = demo("motifs", "scan", inside, "REST", "-o", tmp_path / "sites", "--force")
    assert (code, "is an input and lies in" in err) == (1, True)
    assert inside.exists()
    assert demo("motifs", "find", source, "-o", tmp_path / "no" / "such" / "place")[0] == 1


def test_other_content_under_the_same_name_is_another_run(folder, tmp_path, demo):
    known = databases.load(["jaspar"])
    db = tmp_path / "db.meme"
    for some in (known[:40], known[40:80]):
        db.write_text(format_meme(one.motif for one in some))
        done = demo("motifs", "find", folder / "net.saliency.h5", "--db", db, "-o", tmp_path / "m", "--no-hits")
    assert done[0] == 1
    assert "differs in the files read" in done[2]


def test_a_match_with_a_high_q_names_nothing(folder, tmp_path, demo):
    code, out, _ = demo("motifs", "find", folder / "net.saliency.h5", "-o", tmp_path / "m", "--taxon", "plants")
    assert code == 0
    with MotifsFile(tmp_path / "m" / "motifs.h5") as file:
        for row in file.motifs:
            best = row["matches"][0]
            assert row["name"] == (best["match_name"] if best["q"] <= 0.05 else "")
            assert (best["match_name"] in out) == (row["name"] != "")
        assert not all(row["name"] for row in file.motifs)


def test_an_interrupt_leaves_nothing(folder, tmp_path, monkeypatch, demo):
    from demo_motifs import finding

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(finding, "find", interrupted)
    code, _, err = demo("motifs", "find", folder / "net.saliency.h5", "-o", tmp_path / "m")
    assert (code, "interrupted: nothing was written" in err) == (130, True)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_result_is_whole(tmp_path, demo):
    explanation, _ = planted(n=60)
    explanation.values[:] = 0
    save(explanation, tmp_path / "e.h5")
    code, out, err = demo("motifs", "find", tmp_path / "e.h5", "-o", tmp_path / "m")
    assert code == 0, err
    assert "e: no motif was found" in out
    assert len(table(tmp_path / "m" / "motifs.tsv")) == len(table(tmp_path / "m" / "seqlets.tsv")) == 0
    with MotifsFile(tmp_path / "m" / "motifs.h5") as file:
        assert (len(file), file.motifs) == (0, [])
        assert len(file.column("ids")) == 0
    assert table(tmp_path / "m" / "hits.tsv") == []
    assert (tmp_path / "m" / "motifs.png").stat().st_size > 1000
    code, _, err = demo("motifs", "dependencies", tmp_path / "m", tmp_path, tmp_path / "e.h5", "-o", tmp_path / "d")
    assert (code, "contains no motif, so there is no pair to test" in err) == (1, True)


def test_an_untrained_network_shows_nothing(tmp_path, demo, registry):
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (400, 40)).astype(np.uint8)
    for row in range(0, 400, 2):
        start = random.integers(0, 32)
        codes[row, start : start + 8] = DNA.encode(GATA)
    data = dataset(codes, np.arange(400) % 2 == 0)
    data.save(tmp_path / "d.h5")
    for architecture in ("cnn", "cnn-rnn"):
        tiny_model(architecture, registry=registry).save(tmp_path / architecture)
        for explainer in ("saliency", "temporal"):
            code, _, err = demo("explain", explainer, tmp_path / architecture, tmp_path / "d.h5", "-o", tmp_path / "e")
            assert code == 0, err
    files = sorted((tmp_path / "e").glob("*.h5"))
    assert len(files) == 4
    code, out, err = demo("motifs", "find", *files, "-o", tmp_path / "m", "--json")
    assert code == 0, err
    assert json.loads(out) == []


@pytest.mark.parametrize(
    ("arguments", "said", "expected"),
    [
        (["missing.h5"], "no such file", 1),
        (["net.saliency.h5", "--null", "missing.h5"], "missing.h5: no such file", 1),
        (["net.saliency.h5", "--db", "nothing"], "neither a file nor a JASPAR release", 2),
        (["net.saliency.h5", "--filters", "nothing"], "no such", 1),
        (["net.saliency.h5", "--width", "99"], "99", 2),
        (["net.saliency.h5", "net.saliency.h5"], "is given twice; give it once", 2),
        ([], "EXPLANATION", 2),
    ],
)
def test_bad_requests(folder, tmp_path, demo, monkeypatch, arguments, said, expected):
    monkeypatch.chdir(folder)
    code, _, err = demo("motifs", "find", *arguments, "-o", tmp_path / "x")
    assert (code, said in err) == (expected, True), err
    assert "Traceback" not in err
    assert not (tmp_path / "x").exists()


def test_a_file_that_is_no_result_is_refused(folder, tmp_path):
    with pytest.raises(DemoError, match="refused|not a demo-motifs file"):
        MotifsFile(folder / "net.saliency.h5")
    (tmp_path / "x.h5").write_bytes(b"nothing")
    with pytest.raises(DemoError, match="cannot be read as HDF5"):
        MotifsFile(tmp_path / "x.h5")


def test_scan_says_where_known_motifs_are(folder, tmp_path, demo):
    code, out, err = demo("motifs", "scan", folder / "net.saliency.h5", "REST", "-o", tmp_path / "s", "--json")
    assert code == 0, err
    assert "background: A 0.2" in err
    (row,) = json.loads(out)
    sites = table(tmp_path / "s" / "sites.tsv")
    assert row["sites"] == len(sites) == row["forward"] + row["reverse"]
    assert row["sequences"] >= 100
    strong = [s for s in sites if float(s["p"]) < 1e-7]
    assert len(strong) >= 100
    assert min(float(s["value"]) for s in strong) > 10
    tiny_dataset(20).save(tmp_path / "d.h5")
    code, _, err = demo("motifs", "scan", tmp_path / "d.h5", "XYZ9", "-o", tmp_path / "t")
    assert (code, "unknown motif" in err) == (2, True)
    code, out, _ = demo(
        "motifs", "scan", tmp_path / "d.h5", "MA0099", "-o", tmp_path / "t", "--background", "0.3,0.2,0.2,0.3",
        "--threshold", "1e-3",
    )  # fmt: skip
    assert code == 0
    assert (tmp_path / "t" / "sites.bed").exists()
    assert demo("motifs", "scan", tmp_path / "d.h5", "CTCF", "-o", tmp_path / "t")[0] == 1
    assert demo("motifs", "scan", tmp_path / "d.h5", "CTCF", "-o", tmp_path / "t", "--force")[0] == 0
    assert demo("motifs", "scan", tmp_path / "d.h5", "CTCF", "--background", "1,2", "-o", tmp_path / "u")[0] == 2
    code, _, err = demo("motifs", "scan", tmp_path / "d.h5", "GATA1", "-o", tmp_path / "u", "--threshold", "1e-9")
    assert (code, "so it has no site" in err) == (0, True)


def test_match_counts_sequences_that_show_the_motif(folder, tmp_path, demo):
    code, out, err = demo("motifs", "match", folder / "net.saliency.h5", "--tf", "REST", "--json", "--width", "12")
    assert code == 0, err
    (row,) = json.loads(out)
    assert (row["total"], row["method"], row["unit"]) == (200, "saliency", "sequence")
    assert 60 <= row["matched"] <= 105  # every second positive has one
    assert row["ci_low"] < row["fraction"] < row["ci_high"]
    assert row["chance"] < 0.1
    (tmp_path / "t.tsv").write_text(f"{folder / 'net.saliency.h5'}\tREST\n{folder / 'net.saliency.h5'}\tCTCF\n")
    code, out, err = demo("motifs", "match", "--tf-table", tmp_path / "t.tsv", "-o", tmp_path / "out.tsv")
    assert code == 0, err
    assert [row["factor"] for row in table(tmp_path / "out.tsv")] == ["REST", "CTCF"]
    assert demo("motifs", "match", "--tf-table", tmp_path / "t.tsv", "-o", tmp_path / "out.tsv")[0] == 1
    assert demo("motifs", "match", folder / "net.saliency.h5")[0] == 2
    assert demo("motifs", "match", "--tf", "REST")[0] == 2
    (tmp_path / "t.tsv").write_text("one\n")
    code, _, err = demo("motifs", "match", "--tf-table", tmp_path / "t.tsv")
    assert (code, "line 1" in err) == (1, True)


def test_either_direction_of_a_trace_counts_a_sequence_once():
    values = np.full((2, 2, 40), 0.1)
    codes = np.random.default_rng(0).integers(0, 4, (2, 40))
    values[:, 0, 20:], values[:, 1, :31] = 0.9, 0.9
    lists = explanation_windows(explained(dataset(codes, np.ones(2)), values, "trace"), 9, 0)
    assert [w.method for w in lists] == ["temporal forward", "temporal backward", "temporal either"]
    assert [len(w.probabilities) for w in lists] == [2, 2, 4]
    assert lists[2].owner.tolist() == [0, 1, 0, 1]
    assert lists[2].total == 2
    forward = DNA.decode(lists[0].probabilities[0].argmax(axis=0).astype(np.uint8))
    assert forward == DNA.decode(codes[0].astype(np.uint8))[12:21]


def test_wilson_is_the_textbooks():
    low, high = wilson(81, 263)  # Newcombe 1998
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 10)[0] == 0
    assert np.isnan(wilson(0, 0)[0])


def test_filters_are_those_of_a_loop(registry):
    model = tiny_model(registry=registry)
    data = tiny_dataset(30)
    rows = np.arange(30)
    layer = model.module.first_layer
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    width = weight.shape[2]
    x = DNA.one_hot(data.codes)
    response = np.array(
        [[[(weight[f] * x[r, :, s : s + width]).sum() + bias[f] for s in range(41 - width)] for f in range(8)]
         for r in range(30)]
    )  # fmt: skip
    response = np.maximum(response, 0)
    for number, motif in filter_motifs(model, data, rows, 1):
        peak = response[:, number].max()
        counts = np.zeros((4, width))
        for r in range(30):
            for s in range(41 - width):
                if response[r, number, s] >= peak / 2 and (data.codes[r, s : s + width] < 4).all():
                    counts += x[r, :, s : s + width]
        assert np.array_equal(counts, motif.counts)
        assert len(motif.sites) == counts[:, 0].sum()
    row, start, wide = strongest_windows(model, data, rows)
    assert wide == width
    known = np.array([[(data.codes[r, s : s + width] < 4).all() for s in range(41 - width)] for r in range(30)])
    best = np.where(known, response.max(axis=1), -1).argmax(axis=1)
    assert start.tolist() == best[row].tolist()
    with pytest.raises(MisfitError, match="conv-filters"):
        filter_motifs(tiny_model("rnn", registry=registry), data, rows, 1)


def test_filters_from_the_command(tmp_path, demo, registry):
    tiny_model(registry=registry).save(tmp_path / "cnn")
    tiny_dataset(200, seed=1).save(tmp_path / "d.h5")
    assert demo("explain", "saliency", tmp_path / "cnn", tmp_path / "d.h5", "-o", tmp_path, "--split", "all")[0] == 0
    file = tmp_path / "cnn.saliency.h5"
    code, out, err = demo("motifs", "find", file, "--filters", tmp_path / "cnn", "-o", tmp_path / "m", "--json")
    assert code == 0, err
    motifs = json.loads(out)
    assert motifs
    assert all(".filter-" in m["motif"] for m in motifs)
    code, out, err = demo("motifs", "match", file, "--tf", "JUN", "--filters", tmp_path / "cnn", "--json")
    assert code == 0, err
    assert [row["method"] for row in json.loads(out)] == ["saliency", "filters"]
    tiny_model("rnn", registry=registry).save(tmp_path / "rnn")
    assert demo("motifs", "find", file, "--filters", tmp_path / "rnn", "-o", tmp_path / "x")[0] == 3


def test_modisco_gives_motifs_at_their_places(tmp_path, demo):
    pytest.importorskip("modiscolite", reason="needs the extra modisco")
    explanation, truth = planted(words=(REST,), n=400, length=150, noise=0.03)
    save(explanation, tmp_path / "net.saliency.h5")
    code, out, err = demo(
        "motifs", "find", tmp_path / "net.saliency.h5", "--patterns", "modisco", "-o", tmp_path / "m", "--json"
    )
    assert code == 0, err
    motif = json.loads(out)[0]
    word = motif["consensus"].upper()
    reads = word in REST
    assert reads or turned(word) in REST
    assert motif["seqlets"] >= 50
    first = REST.find(word if reads else turned(word))
    for seqlet in table(tmp_path / "m" / "seqlets.tsv"):
        if seqlet["motif"] != motif["motif"]:
            continue
        _, start, strand = truth[int(seqlet["id"][1:])]
        before = first if strand == "+" else len(REST) - first - len(word)
        assert int(seqlet["start"]) == start + before
        assert (seqlet["strand"] == "+") == ((strand == "+") == reads)
