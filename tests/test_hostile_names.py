"""Test that escape sequences and bidirectional controls in names never reach the terminal."""

from __future__ import annotations

import re

import numpy as np
import pytest

from demo_core.testing import tiny_dataset, tiny_model

ESCAPE = "\x1b[31mred\x1b[0m\x9b31m\u202e\u2028a\nb\r\x07"
TARGET = f"bound{ESCAPE}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a dataset, a model and explanations in which every name is hostile."""
    from demo_core.cli import run

    path = tmp_path_factory.mktemp("hostile")
    data = tiny_dataset(48, targets=(TARGET,), unknown=False)
    data.ids = np.array([f"{i}{ESCAPE}{'x' * 300}" for i in range(len(data))], dtype=object)
    data.chroms = (f"chr{ESCAPE}",)
    data.info = {"source": ESCAPE, "reader": {"name": ESCAPE, "options": {ESCAPE: ESCAPE}}}
    data.save(path / "d.h5")
    model = tiny_model(targets=(TARGET,))
    model.training = {"data": ESCAPE, "epochs": [], "settings": {ESCAPE: ESCAPE}}
    model.save(path / f"m{ESCAPE}")
    line = ["explain", "all", str(path / f"m{ESCAPE}"), str(path / "d.h5"), "-o", str(path / "ex"), "--split", "all"]
    assert run([*line, "--target", TARGET]) == 0
    return path


def lines(folder, tmp_path):
    """Return a command line for each command that reads names from files, and whether it succeeds."""
    model, data, first = folder / f"m{ESCAPE}", folder / "d.h5", f"0{ESCAPE}{'x' * 300}"
    (saliency,) = folder.glob("ex/*saliency*.h5")
    (trace,) = folder.glob("ex/*temporal*.h5")
    (pattern,) = folder.glob("ex/*class-optimization*.h5")
    out = tmp_path / f"out{ESCAPE}"
    return [
        ("data", "info", data),
        ("explain", "saliency", model, data, "-o", folder / "ex", "--split", "all", "--target", TARGET),
        ("explain", "saliency", model, data, "-o", out, "--ids", f"none{ESCAPE}"),
        ("explain", "saliency", model, data, "-o", out, "--target", f"none{ESCAPE}"),
        ("explain", "saliency", model, data, "-o", out, "--split", f"none{ESCAPE}"),
        ("explain", f"none{ESCAPE}", model, data),
        ("explain", "saliency", folder / f"none{ESCAPE}", data),
        ("explain", "saliency", model, folder / f"none{ESCAPE}.h5"),
        ("explain", "temporal", model, data, "-o", out, "--average-strands"),
        ("show", saliency, "--id", first, "-o", tmp_path / f"s{ESCAPE}.png"),
        ("show", saliency, "--id", f"none{ESCAPE}", "-o", tmp_path / "t.png"),
        ("figure", saliency, trace, pattern, "--id", first, "-o", tmp_path / "f.png"),
        ("figure", saliency, "--id", f"none{ESCAPE}", "-o", tmp_path / "g.png"),
        ("dashboard", saliency, trace, pattern, "-o", tmp_path / "r.html"),
        ("dashboard", folder / f"none{ESCAPE}.h5", "-o", tmp_path / "q.html"),
        ("export", saliency, "--npz", "-o", tmp_path / f"npz{ESCAPE}"),
        ("export", saliency, "--tsv", "--bedgraph", "-o", tmp_path),
        ("motifs", "find", saliency, "--all", "-o", tmp_path / f"motifs{ESCAPE}"),
        ("motifs", "scan", data, "--database", folder / f"none{ESCAPE}.meme", "-o", tmp_path / "scan"),
        ("predict", model, data, "-o", tmp_path / "p.tsv"),
        ("evaluate", model, data),
        ("train", "cnn", data, "-o", tmp_path / f"n{ESCAPE}", "--epochs", "1", "--validation", f"x{ESCAPE}"),
        ("train", "cnn", data, "-o", tmp_path / f"n{ESCAPE}", "--epochs", "1"),
        ("model", "import", folder / f"none{ESCAPE}.pt", "-o", tmp_path / "imported"),
        ("plugins", "--show", f"none{ESCAPE}"),
        ("check", f"none{ESCAPE}"),
        (f"none{ESCAPE}",),
    ]


def test_hostile_names_reach_no_terminal(folder, tmp_path, demo):
    worked = set()
    for line in lines(folder, tmp_path):
        code, out, err = demo(*line)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]", out + err), (line, out, err)
        assert all(len(text) <= 4200 for text in err.splitlines()), line
        assert code in (0, 1, 2, 3), (line, err)
        assert "demo: unexpected" not in err and "Traceback" not in err, (line, err)
        if code == 0:
            worked.add(line[0])
        else:
            assert len([text for text in err.splitlines() if text.startswith("demo: ")]) == 1, (line, err)
    assert worked >= {"data", "explain", "show", "figure", "dashboard", "export", "predict", "evaluate", "train"}
