import json
from pathlib import Path

import pytest

from demo_core.explanation import Explanation
from demo_core.metrics import site_recovery


@pytest.fixture(scope="module")
def first(tmp_path_factory, demo_process):
    """The quickstart as a newcomer types it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("quickstart")
    return folder, demo_process("quickstart", "-o", "q", cwd=folder)


def test_it_makes_what_it_says(first):
    folder, done = first
    assert done.returncode == 0, done.stderr
    made = sorted(str(p.relative_to(folder / "q")) for p in (folder / "q").rglob("*") if p.is_file())
    assert made == [
        "cnn.saliency.png",
        "explanations/cnn.saliency.h5",
        "models/cnn/learning_curve.png",
        "models/cnn/model.json",
        "models/cnn/weights.safetensors",
        "planted.h5",
    ]
    with Explanation.open(folder / "q" / "explanations" / "cnn.saliency.h5") as found:
        positive = found.sequences.labels[:, 0] > 0.5
        one_hot, sites = found.one_hot(slice(None)), found.sequences.sites[:]
        recovery = site_recovery(found.values[:][positive], one_hot[positive], sites[positive])
    assert recovery.mean > 0.95
    assert f"site recovery of saliency (AUROC of |value| against the planted sites): {recovery}" in done.stdout


def test_it_does_nothing_twice(first, demo_process):
    folder, _ = first
    times = {p: p.stat().st_mtime_ns for p in folder.rglob("*.h5")}
    again = demo_process("quickstart", "-o", "q", cwd=folder)
    assert again.returncode == 0
    assert "skipped: it is finished already" in again.stdout
    assert "epoch" not in again.stderr
    assert times == {p: p.stat().st_mtime_ns for p in folder.rglob("*.h5")}


def test_every_command_it_prints_works_as_typed(first, demo, monkeypatch):
    folder, done = first
    monkeypatch.chdir(folder)
    lines = [line[len("$ demo ") :].split() for line in done.stdout.splitlines() if line.startswith("$ demo ")]
    assert [line[0] for line in lines] == ["train", "evaluate", "explain", "show"]
    lines[0][-1] = "1"  # one epoch is enough to see that the line is right
    lines[0][lines[0].index("-o") + 1] = "other"
    for line in lines:
        code, _, err = demo(*line, *(["--force"] if line[0] == "show" else []))
        assert code == 0, err
    assert json.loads(Path("other/model.json").read_text())["training"]["planned_epochs"] == 1


def test_a_file_in_the_way(tmp_path, demo):
    (tmp_path / "q").write_text("x")
    code, _, err = demo("quickstart", "-o", tmp_path / "q")
    assert code == 1
    assert "is a file" in err
