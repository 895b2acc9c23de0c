import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from demo_quickstart.table import changes

from demo_core.metrics import site_recovery
from demo_core.results.explanation import Explanation

MODELS = ("cnn", "rnn", "cnn-rnn")
LAST = ("motifs", "figure", "dashboard")
EXPLAINERS = ("saliency", "temporal", "class-optimization")


@pytest.mark.full
def test_it_makes_what_it_says(full_quickstart):
    folder, done = full_quickstart
    assert done.returncode == 0, done.stderr
    made = sorted(str(p.relative_to(folder / "q")) for p in (folder / "q").rglob("*") if p.is_file())
    assert made == sorted([
        *(f"{e}.png" for e in EXPLAINERS),
        "figure.png",
        "report.html",
        *(f"explanations/{m}.{e}.h5" for m in MODELS for e in EXPLAINERS),
        *(f"models/{m}/{f}" for m in MODELS for f in ("learning_curve.png", "model.json", "weights.safetensors")),
        *(f"motifs/hits.{e}" for e in ("bed", "narrowPeak", "tsv")),
        *(f"motifs/{f}" for f in ("motifs.h5", "motifs.meme", "motifs.png", "motifs.tsv", "seqlets.tsv")),
        *(f"motifs/known.{e}" for e in ("meme", "tsv")),
        "planted.h5",
        "table.json",
    ])  # fmt: skip


@pytest.mark.full
def test_the_planted_motif_is_found_and_named(full_quickstart):
    folder, _ = full_quickstart
    with (folder / "q" / "motifs" / "motifs.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for model in MODELS:
        names = [r["match_name"] for r in rows if r["motif"] == f"{model}.saliency.1" and float(r["q"]) < 0.01]
        assert any(name.upper().startswith("MAF") for name in names), (model, names)


@pytest.mark.full
def test_the_table_says_what_the_files_say(full_quickstart):
    folder, done = full_quickstart
    rows = {row["model"]: row for row in json.loads((folder / "q" / "table.json").read_text())}
    assert list(rows) == list(MODELS)
    for name, row in rows.items():
        assert row["auroc"] > 0.9
        with Explanation.open(folder / "q" / "explanations" / f"{name}.saliency.h5") as found:
            positive = found.sequences.labels[:, 0] == 1
            assert 0.4 < positive.mean() < 0.6
            x, sites = found.one_hot(slice(None))[positive], found.sequences.sites[:][positive]
            assert site_recovery(found.values[:][positive], x, sites).mean == pytest.approx(row["saliency"])
        assert row["saliency"] > 0.6 and row["temporal"] > 0.6
        printed = next(line for line in done.stdout.splitlines() if line.split()[:1] == [name])
        assert printed.split()[1:] == [f"{row[k]:.3f}" for k in ("auroc", "saliency", "temporal", "optimised")]
    assert rows["cnn"]["saliency"] > 0.95
    assert rows["cnn"]["optimised"] > 0.99


def test_a_trace_changes_where_a_base_is_read():
    forward = [np.nan, 0.1, 0.1, 0.9, 0.9]
    backward = [0.8, 0.8, 0.2, 0.1, np.nan]
    (found,) = changes(np.array([[forward, backward]], np.float32))
    assert found == pytest.approx([0, 0.6, 0.1, 0.8, 0], abs=1e-6)


@pytest.mark.full
def test_it_does_nothing_twice(full_quickstart, demo_process):
    folder, _ = full_quickstart
    times = {p: p.stat().st_mtime_ns for p in folder.rglob("*.h5")}
    again = demo_process("quickstart", "-o", "q", cwd=folder)
    assert again.returncode == 0
    assert again.stdout.count("skipped: already finished") == 10
    assert "epoch" not in again.stderr
    assert times == {p: p.stat().st_mtime_ns for p in folder.rglob("*.h5")}
    small = demo_process("quickstart", "-o", "q", "--small", cwd=folder)
    assert small.returncode == 1
    assert "has 4000 sequences, and this quickstart makes 1000" in small.stderr
    assert times == {p: p.stat().st_mtime_ns for p in folder.rglob("*.h5")}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, demo_process):
    """Kill a small quickstart in its first training and run it again, with options in the environment."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "jaspar").mkdir()  # a file with the name of the simulated data
    settings = {"DEMO_SALIENCY_SIMPLEX": "1", "DEMO_CNN_RNN_UNITS": "3", "DEMO_CLASS_OPTIMIZATION_RESTARTS": "2"}
    command = [sys.executable, "-m", "demo_core", "quickstart", "--small", "-o", "q"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for line in process.stderr:
        if line.startswith("epoch   1"):
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    return folder, demo_process("quickstart", "--small", "-o", "q", cwd=folder, env=settings)


def test_it_goes_on_where_it_was_interrupted(interrupted):
    folder, again = interrupted
    assert again.returncode == 0, again.stderr
    assert "resuming an interrupted training" in again.stderr
    for model in MODELS:
        record = json.loads((folder / "q" / "models" / model / "model.json").read_text())["training"]
        assert (record["interrupted"], len(record["epochs"])) == (False, 3)


def test_options_of_the_environment_are_left_aside(interrupted):
    folder, _ = interrupted
    for name in ("cnn.saliency", "cnn-rnn.saliency"):
        with Explanation.open(folder / "q" / "explanations" / f"{name}.h5") as found:
            assert found.metadata["options_changed"] == {}


@pytest.mark.full
def test_every_command_it_prints_works_as_typed(interrupted, demo, monkeypatch):
    folder, done = interrupted
    monkeypatch.chdir(folder)
    lines = [line[len("$ demo ") :].split() for line in done.stdout.splitlines() if line.startswith("$ demo ")]
    assert lines[0][:2] == ["train", "cnn"]  # the data were complete when it was killed
    made = ["data", "import", "jaspar", "--reader", "planted", "--motifs", "MA0496.2", "--number", "1000"]
    lines.insert(0, [*made, "-o", "q/planted.h5"])
    assert [line[0] for line in lines] == ["data", *["train"] * 3, *["explain"] * 3, *["show"] * 3, *LAST]
    Path("q").rename("first")
    Path("q").mkdir()
    for line in lines:
        code, _, err = demo(*line)
        assert code == 0, err
    assert json.loads(Path("q/models/rnn/model.json").read_text())["training"]["planned_epochs"] == 3
    assert sorted(p.name for p in Path("q").iterdir()) == sorted(
        p.name for p in Path("first").iterdir() if p.name != "table.json"
    )


def test_data_of_another_making_is_not_used(tmp_path, demo):
    (tmp_path / "q").mkdir()
    other = ["data", "import", "jaspar", "--reader", "planted", "--number", "1000", "--motifs", "CTCF"]
    assert demo(*other, "-o", tmp_path / "q" / "planted.h5")[0] == 0
    code, _, err = demo("quickstart", "--small", "-o", tmp_path / "q")
    assert (code, err.count("demo: ")) == (1, 1)
    assert "is not a quickstart dataset" in err


def test_a_file_in_the_way(tmp_path, demo):
    (tmp_path / "q").write_text("x")
    code, _, err = demo("quickstart", "-o", tmp_path / "q")
    assert code == 1
    assert "is a file" in err
