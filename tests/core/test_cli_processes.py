"""Test signals, pipes and the current folder in separate processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_training_that_is_stopped_keeps_the_best_so_far(here, trained, how):
    line = [sys.executable, "-m", "demo_core", "train", "cnn", str(trained / "data.h5"), "-o", "m"]
    line += ["--epochs", "100000", "--filters", "4", "--widths", "5"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for text in process.stderr:
            if text.startswith("epoch   3"):
                break
        for number in (how, signal.SIGINT, signal.SIGINT):  # second interrupt
            process.send_signal(number)
            time.sleep(0.02)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert "the best epoch so far was kept" in rest and "Traceback" not in rest
    record = json.loads((here / "m" / "model.json").read_text())
    assert record["training"]["interrupted"] is True
    assert 3 <= len(record["training"]["epochs"]) < 100_000
    assert (here / "m" / "weights.safetensors").stat().st_mode == (here / "m" / "model.json").stat().st_mode


def test_a_closed_pipe_is_no_error(trained):
    line = f"{sys.executable} -m demo_core predict {trained / 'one'} {trained / 'data.h5'} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("id\t")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_a_module_in_the_current_folder_is_not_imported(here):
    for name in ("pluggy", "click", "demo_cnn"):
        (here / f"{name}.py").write_text("raise RuntimeError('taken from the current folder')")
    command = [sys.executable, "-m", "demo_core", "plugins", "--check"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
