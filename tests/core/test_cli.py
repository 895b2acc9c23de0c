"""Test every command with good, missing and wrong input: exit codes, messages, and no partial files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from demo_core.results.explanation import Explanation
from demo_core.testing import planted_records

FASTA = "".join(f">{int(r.labels[0])}\n{r.sequence}\n" for r in planted_records(60, 40, "TGACTCA"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "peaks.fa").write_text(FASTA)
    return tmp_path


def test_the_whole_way(here, demo):
    code, out, err = demo("data", "import", "peaks.fa", "-o", "d.h5")
    assert (code, out) == (0, "d.h5: 60 sequences of 40 bases, target bound\n"), err
    code, out, _ = demo("data", "info", "d.h5", "--json")
    info = json.loads(out)
    assert (info["sequences"], info["length"], info["alphabet"]) == (60, 40, "dna")
    assert "no sequence is in two splits" in demo("data", "info", "d.h5")[1]

    code, out, err = demo(
        "train", "cnn", "d.h5", "-o", "models/c", "--filters", "8,8", "--widths", "5,3", "--epochs", "2"
    )
    assert code == 0, err
    assert "epoch   2/2" in err
    assert "device: " in err
    assert sorted(os.listdir("models/c")) == ["learning_curve.png", "model.json", "weights.safetensors"]
    record = json.loads((here / "models/c/model.json").read_text())
    assert record["options"] == {"filters": [8, 8], "widths": [5, 3], "pool": 2, "dropout": 0.5}
    assert len(record["training"]["epochs"]) == 2
    assert record["training"]["settings"]["learning_rate"] == 0.003

    code, out, _ = demo("evaluate", "models/c", "d.h5", "--json")
    assert set(json.loads(out)["targets"]["bound"]) >= {"auroc", "auprc", "accuracy", "calibration_error"}
    code, out, _ = demo("predict", "models/c", "peaks.fa", "-o", "p.tsv")
    assert code == 0
    lines = (here / "p.tsv").read_text().splitlines()
    assert lines[0] == "id\tinterval\tsplit\tlabel:bound\toutput:bound\tprediction:bound"
    assert len(lines) == 61

    code, out, err = demo("explain", "saliency", "models/c", "d.h5", "-o", "e", "--split", "all", "--only-positive")
    assert (code, out) == (0, "e/c.saliency.h5: 30 sequences\n"), err
    code, out, _ = demo("show", "e/c.saliency.h5", "-o", "f.svg")
    assert code == 0
    assert (here / "f.svg").read_text().startswith("<?xml")
    assert demo("export", "e/c.saliency.h5", "--npz")[0] == 0
    assert sorted(os.listdir("e")) == ["c.saliency.attributions.npz", "c.saliency.h5", "c.saliency.sequences.npz"]
    code, _, err = demo("export", "e/c.saliency.h5", "--npz")
    assert code == 1
    assert "already exists" in err


@pytest.fixture
def quick(monkeypatch):
    """Reduce the steps of iterative explainers."""
    monkeypatch.setenv("DEMO_CLASS_OPTIMIZATION_STEPS", "2")


def test_explaining_a_fasta_directly_and_several_models(here, trained, demo, quick):
    code, out, err = demo(
        "explain", "all", trained / "one", trained / "two", here / "peaks.fa", "-o", "e", "--limit", "5"
    )
    assert code == 0, err
    explainers = (
        "deeplift", "deeplift-shap", "input-x-gradient", "integrated-gradients", "saliency", "smooth-grad", "temporal"
    )  # fmt: skip
    of_data = [name for name in sorted(os.listdir("e")) if "class-optimization" not in name]
    assert of_data == sorted(f"{m}.{e}.h5" for m in ("one", "two") for e in explainers)
    assert len(os.listdir("e")) == 2 * (len(explainers) + 1)
    assert "skipped ism: it needs many passes of each sequence; add --also ism to run it" in err
    with Explanation.open("e/one.saliency.h5") as found:
        assert len(found) == 5
        assert found.sequences.labels[:, 0].tolist() == [1, 0, 1, 0, 1]


BAD = [
    # (arguments, exit code, part of the message)
    (["nonsense"], 2, "unknown command 'nonsense'"),
    (["explian"], 2, "did you mean 'explain'"),
    (["explain", "salency", "m", "d"], 2, "did you mean 'saliency'"),
    (["train", "cnnn", "d", "-o", "m"], 2, "did you mean 'cnn'"),
    (["data", "import"], 2, "Missing argument 'SOURCE'"),
    (["data", "import", "none.fa", "-o", "x.h5"], 1, "none.fa: no such file"),
    (["data", "import", "peaks.fa"], 2, "Missing option '-o'"),
    (["data", "import", "peaks.fa", "-o", "none/x.h5"], 1, "no such folder"),
    (["data", "import", "peaks.fa", "-o", "x.h5", "--reader", "fast"], 2, "did you mean 'fasta'"),
    (["data", "import", "peaks.fa", "-o", "x.h5", "--alphabet", "rna"], 2, "did you mean 'dna'"),
    (["data", "import", "peaks.fa", "-o", "x.h5", "--no-sibling"], 2, "No such option '--no-sibling'"),
    (["data", "import", "{data}", "-o", "x.h5"], 2, "no reader knows this suffix"),
    (["data", "import", "peaks.fa", "-o", "peaks.fa"], 1, "already exists"),
    (["data", "info", "peaks.fa"], 1, "cannot be read as HDF5"),
    (["train", "cnn", "{data}", "-o", "x", "--filters", "0"], 2, "at least 1"),
    (["train", "cnn", "{data}", "-o", "x", "--widths", "40,40,40"], 3, "need at least"),
    (["train", "cnn", "{data}", "-o", "{one}"], 1, "already exists"),
    (["train", "cnn", "{data}", "-o", "folder", "--force"], 1, "is not a model folder"),
    (["train", "cnn", "peaks.fa", "-o", "x"], 1, "cannot be read as HDF5"),
    (["evaluate", "{one}", "none.h5"], 1, "no such file"),
    (["evaluate", "none", "{data}"], 1, "no such model folder"),
    (["evaluate", "{one}", "short.fa"], 3, "trained on 40 bases, but short.fa has 20; import the data"),
    (["evaluate", "{one}", "unlabelled.fa"], 2, "no labels"),
    (["evaluate", "{one}", "{data}", "--motif", "peaks.fa"], 1, "no motif"),
    (["evaluate", "{one}", "{data}", "--split", "tset"], 2, "did you mean 'test'"),
    (["predict", "{one}", "{data}", "-o", "peaks.fa"], 1, "already exists"),
    (["predict", "{one}", "short.fa", "-o", "x.tsv"], 3, "trained on 40 bases"),
    (["explain", "saliency", "{one}"], 2, "no data to explain"),
    (["explain", "saliency", "{data}"], 1, "is not a model folder"),
    (["explain", "saliency", "{one}", "peaks.fa", "{data}"], 1, "give models first, then one data file"),
    (["explain", "saliency", "{one}", "short.fa"], 3, "trained on 40 bases"),
    (["explain", "saliency", "{several}", "{data}"], 2, "2 targets; choose one with --target: bound, open"),
    (["explain", "saliency", "{one}", "{data}", "--target", "bund"], 2, "did you mean 'bound'"),
    (["explain", "saliency", "{one}", "{data}", "--batch-size", "0"], 2, "expected auto or a number"),
    (["explain", "saliency", "{one}", "{data}", "--simplx"], 2, "--simplex"),
    (["explain", "saliency", "{one}", "{data}", "--device", "gpu"], 2, "unknown device 'gpu'"),
    (["explain", "saliency", "{one}", "{data}", "--ids", "unknown-id"], 2, "1 of 1 ids are not in the data"),
    (["explain", "saliency", "{one}", "{two}", "{data}", "--name", "x"], 2, "--name names one file"),
    (["explain", "saliency", "{one}", "{one}", "{data}"], 2, "two models are named 'one'"),
    (["explain", "saliency", "{one}", "{data}", "--config", "none.toml"], 2, "no such config file"),
    (["explain", "saliency", "{one}", "{data}", "--config", "peaks.fa"], 2, "is not TOML"),
    (["explain", "all", "{one}", "{data}", "--simplex"], 2, "No such option '--simplex'"),
    (["data", "import", "peaks.fa", "-o", "peaks.fa", "--force"], 1, "is an input of this command"),
    (["data", "import", "peaks.fa", "-o", "x.h5", "--negatives-from", "peaks.fa"], 1, "is labelled negative in a file"),
    (["data", "import", "peaks.fa", "-o", "x.h5", "--all-positive"], 1, "is labelled negative in a file of positives"),
    (["data", "import", "peeks.fast", "-o", "x.h5"], 1, "peeks.fast: no such file"),
    (["data", "import", "folder", "-o", "x.h5"], 1, "folder: this is a folder; give a file"),
    (["data", "import", "peaks.dat", "-o", "x.h5", "--all-positive"], 2, "no reader knows this suffix"),
    (["data", "import", "peaks.fa", "-o", "folder"], 1, "is a folder; give the name of a file"),
    (["predict", "{one}", "peaks.fa", "-o", "peaks.fa", "--force"], 1, "is an input of this command"),
    (["predict", "{one}", "{data}", "-o", "{one}/model.json", "--force"], 1, "is an input of this command"),
    (["explain", "saliency", "{one}", "positive.h5", "-o", ".", "--name", "positive", "--force"], 1, "is an input"),
    (["explain", "saliency", "{one}", "{data}", "-o", "peaks.fa/e"], 1, "peaks.fa/e: cannot create this folder"),
    (["explain", "saliency", "{one}", "{data}", "--ids", "positive-1", "--split", "test"], 2, "not in the split test"),
    (["explain", "saliency", "{one}", "{data}", "--ids", "positive-1", "--split", "tset"], 2, "did you mean 'test'"),
    (["explain", "saliency", "{one}", "{data}", "-o", ".", "--name", "folder", "--force"], 1, "folder.h5 is a folder"),
    (["train", "cnn", "positive.h5", "-o", "x"], 2, "has positives only"),
    (["explain", "saliency", "{several}", "{data}", "--target", "difference:open:open"], 2, "unknown target"),
    (["explain", "saliency", "{one}", "{data}", "-o", "peaks.fa"], 1, "-o names a folder"),
    (["export", "{data}", "--npz", "--tsv", "-o", "x"], 2, "-o names one file"),
    (["show", "{data}", "-o", "x.png"], 1, "format is demo-dataset, not demo-explanation"),
    (["show", "{data}", "-o", "x.gif"], 2, "unknown kind of figure '.gif'"),
    (["export", "{data}"], 2, "no format given"),
    (["--plugin", "none.py", "data", "info", "none.h5"], 1, "no such file"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message"), BAD, ids=[" ".join(b[0]) for b in BAD])
def test_bad_input_gets_one_clear_line_and_writes_nothing(here, trained, demo, arguments, code, message):
    (here / "short.fa").write_text(">1\n" + "ACGT" * 5 + "\n")
    (here / "unlabelled.fa").write_text(">a\n" + "ACGT" * 10 + "\n")
    (here / "folder").mkdir()
    (here / "folder.h5").mkdir()
    (here / "peaks.dat").write_text("x")
    (here / "positive.fa").write_text(FASTA.replace(">0", ">x").replace(">1", ">x"))
    demo("data", "import", "positive.fa", "-o", "positive.h5", "--all-positive", "--negatives", "none")
    places = {
        "data": trained / "data.h5",
        "one": trained / "one",
        "two": trained / "two",
        "several": trained / "several",
    }
    before = sorted(here.rglob("*"))
    found, out, err = demo(*(a.format(**places) for a in arguments))
    last = err.strip().splitlines()[-1]
    assert found == code, err
    assert last.startswith("demo: ")
    assert message in last
    assert "Traceback" not in err
    assert out == ""
    assert [p for p in sorted(here.rglob("*")) if p not in before and p.name != "explanations"] == []


def test_debug_shows_where_it_came_from(here, demo_process):
    done = demo_process("data", "info", "none.h5", "--debug")
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1] == "demo: none.h5: no such file"
    assert done.returncode == 1
    assert demo_process("explain", "salency", "m", "d.h5", "--debug").returncode == 2


def test_no_arguments_show_help(demo):
    assert "Commands:" in demo()[1] + demo()[2]
    code, _, err = demo("data")
    assert code == 2
    assert "import" in err


def test_config_comes_after_flags_and_environment_and_before_defaults(here, trained, demo, monkeypatch):
    (here / "run.toml").write_text('split = "all"\nlimit = 4\nbatch-size = 3\n[saliency]\nsimplex = true\n')
    line = ["explain", "saliency", trained / "one", trained / "data.h5", "--config", "run.toml", "--name"]

    def meta(name):
        with Explanation.open(f"explanations/{name}.h5") as found:
            return len(found), found.metadata["batch_size"], found.metadata["options"]["simplex"]

    assert demo(*line, "a")[0] == 0
    assert meta("a") == (4, 3, True)
    assert demo(*line, "b", "--limit", "2", "--no-simplex")[0] == 0
    assert meta("b") == (2, 3, False)
    monkeypatch.setenv("DEMO_BATCH_SIZE", "5")
    monkeypatch.setenv("DEMO_SALIENCY_SIMPLEX", "0")
    assert demo(*line, "c")[0] == 0
    assert meta("c") == (4, 5, False)
    for text, message in [
        ("limt = 3", "did you mean 'limit'"),
        ("[salency]", "did you mean 'saliency'"),
        ('limit = "x"', "not a valid"),
    ]:
        (here / "bad.toml").write_text(text)
        code, _, err = demo(*line[:-3], "--config", "bad.toml")
        assert code == 2
        assert message in err


def test_ids_from_the_line_or_a_file(here, trained, demo):
    (here / "ids.txt").write_text("positive-3\n\nnegative-1\n")
    for name, ids in (("a", "positive-3,negative-1"), ("b", "ids.txt")):
        assert demo("explain", "saliency", trained / "one", trained / "data.h5", "--ids", ids, "--name", name)[0] == 0
        with Explanation.open(f"explanations/{name}.h5") as found:
            assert list(found.sequences.ids[:]) == ["positive-3", "negative-1"]


def test_names_from_data_cannot_reach_the_terminal(here, demo):
    (here / "evil.fa").write_text(">\x1b[31mred\x07\n" + "ACGT" * 10 + "\n>b\nAC*T\n")
    _, out, err = demo("data", "import", "evil.fa", "-o", "x.h5", "--length", "40")
    assert "\x1b" not in out + err
    assert "\x07" not in out + err


def test_predictions_are_the_models(here, trained, demo, registry):
    from demo_core.data.dataset import SequenceDataset
    from demo_core.models.model import Model

    _, out, _ = demo("predict", trained / "one", trained / "data.h5")
    with SequenceDataset.open(trained / "data.h5") as data:
        outputs = Model.load(trained / "one", registry=registry).predict(data.codes[:])
    printed = np.array([float(line.split("\t")[4]) for line in out.splitlines()[1:]])
    assert printed == pytest.approx(outputs[:, 0], abs=1e-5)


def test_evaluate_beside_the_best_matrix(here, trained, demo):
    ones = "\n".join(" ".join("1" if letter == b else "0" for b in "ACGT") for letter in "TGACTCA")
    (here / "m.meme").write_text(
        "MEME version 4\n\nMOTIF planted AP1\nletter-probability matrix: alength= 4 w= 7 nsites= 20\n" + ones + "\n"
    )
    args = ["evaluate", trained / "one", trained / "data.h5", "--split", "all", "--motif", "m.meme"]
    code, out, _ = demo(*args)
    assert code == 0
    assert "best single matrix for bound: planted AP1, AUROC" in out
    assert json.loads(demo(*args, "--json")[1])["best_motif"]["bound"]["auroc"] > 0.9


def test_several_forms_are_exported_at_once(here, trained, demo):
    demo("explain", "saliency", trained / "one", trained / "data.h5")
    code, out, _ = demo("export", "explanations/one.saliency.h5", "--npz", "--tsv", "--bedgraph")
    assert code == 0
    assert len(out.splitlines()) == 4
    assert "12 with an interval" in out


def test_sequences_read_directly_are_of_no_split(here, trained, demo):
    rows = demo("predict", trained / "one", "peaks.fa")[1].splitlines()[1:]
    assert {row.split("\t")[2] for row in rows} == {""}


def test_an_import_without_labels_says_how_to_label(here, demo):
    (here / "u.fa").write_text(">a\n" + "ACGT" * 10 + "\n")
    code, _, err = demo("data", "import", "u.fa", "-o", "u.h5")
    assert code == 0
    assert "options of reader fasta: --negatives-from, --all-positive, --test-from" in err


def test_show_draws_the_most_confident_positive_whatever_the_target(here, trained, demo):
    shown = set()
    for target in ("bound", "loss:bound"):
        _, out, _ = demo(
            "explain", "saliency", trained / "one", trained / "data.h5", "--target", target, "--split", "all"
        )
        shown.add(demo("show", out.split(": ")[0], "-o", f"{target[:4]}.png")[1].split(": ")[1])
    assert len(shown) == 1


def test_explain_all_takes_each_explainers_table(here, trained, demo, quick):
    (here / "run.toml").write_text("limit = 3\n[saliency]\nsimplex = true\n")
    line = ["explain", "all", trained / "one", trained / "data.h5", "--config", "run.toml"]
    code, out, err = demo(*line)
    assert code == 0, err
    (path,) = [line.split(": ")[0] for line in out.splitlines() if "saliency" in line and ": " in line]
    with Explanation.open(path) as found:
        assert found.metadata["options"] == found.metadata["options_changed"] == {"simplex": True}
    (here / "run.toml").write_text("[saliency]\nsimplx = true\n")
    shutil.rmtree("explanations")
    code, _, err = demo(*line)
    assert code == 2
    assert not Path("explanations").exists()  # detected before anything ran
    assert "did you mean 'simplex'" in err


def test_npz_files_are_never_overwritten_nor_refused_for_a_namesake(here, trained, demo):
    line = ["explain", "saliency", trained / "one", trained / "data.h5", "--name"]
    for name in ("a[1]", "a", "a.b"):
        assert demo(*line, name)[0] == 0
    for name in ("a.b", "a", "a[1]"):
        assert demo("export", f"explanations/{name}.h5", "--npz")[0] == 0
        code, _, err = demo("export", f"explanations/{name}.h5", "--npz")
        assert (code, "already exists" in err) == (1, True)


def test_control_characters_in_names_never_reach_the_terminal(here, trained, demo):
    (here / "evil.fa").write_text(">chr\x1b[31m1:0-40\n" + "ACGT" * 10 + "\n")
    names = "MEME version 4\n\nMOTIF A\x1b[31m B\x1b]0;x\x07\nletter-probability matrix: alength= 4 w= 1\n1 0 0 0\n"
    (here / "evil.meme").write_text(names)
    from demo_core.errors import unknown_name

    texts = [
        *demo("predict", trained / "one", here / "evil.fa")[1:],
        *demo("evaluate", trained / "one", trained / "data.h5", "--motif", "evil.meme")[1:],
        unknown_name("target", "x", ["bo\x1b[31mund"]),
    ]
    for text in texts:
        assert "\x1b" not in text
        assert "\x07" not in text


def test_a_model_of_other_targets_than_the_data_labels_does_not_fit(here, trained, demo, registry):
    from demo_core.testing import tiny_model

    tiny_model(registry=registry, targets=("open",)).save(here / "m")
    code, _, err = demo("evaluate", "m", trained / "data.h5")
    assert code == 3
    assert "the data labels bound; the model predicts open" in err
