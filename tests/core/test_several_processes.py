"""Test training in several processes: same result as one process, stop together, clean exit."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import torch
from demo_train.distributed import Ranks, device_of_rank, joined
from demo_train.settings import TrainingSettings
from demo_train.training import _Fit

from demo_core.errors import UsageProblem
from demo_core.testing import tiny_dataset, tiny_model

SMALL = ["--filters", "8,8", "--widths", "5,3"]
SETTINGS = TrainingSettings(epochs=5, batch_size=32, learning_rate=0.02)
TOGETHER = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

ONE_GOES = """
import os, torch
from demo_train.distributed import joined

with joined(torch.device("cpu")) as ranks:
    if ranks.rank:
        os._exit(7)
    ranks.total(torch.ones(3))
"""

LEAVES_NO_THREADS = """
import pathlib, sys, torch
from demo_train.distributed import joined

def threads():
    return sorted(p.read_text().strip() for p in pathlib.Path("/proc/self/task").glob("*/comm"))

with joined(torch.device("cpu")) as ranks:
    network = ranks.wrap(torch.nn.Linear(3, 1))
    network(torch.ones(2, 3)).sum().backward()
    ranks.gathered(torch.ones(3), torch.device("cpu"))
    assert any("gloo" in name for name in threads())
    del network
assert not any("gloo" in name for name in threads()), threads()
"""


@pytest.fixture
def folder(tmp_path):
    tiny_dataset(130).save(tmp_path / "d.h5")
    return tmp_path


@pytest.mark.parametrize("rows", [1, 7, 8])
def test_the_shares_of_a_batch_make_up_its_gradient(registry, rows):
    data = tiny_dataset(40)
    data.labels[3] = float("nan")
    model = tiny_model(registry=registry, dropout=0.0)
    batch = torch.arange(rows)

    def gradient(ranks, whole=None):
        fit = _Fit(model, data, data, SETTINGS)
        fit.ranks = ranks
        x, labels = fit._share(batch)
        if whole is not None:  # messages that the other processes would print
            ranks.agree_to_stop = lambda weight: whole
        model.module.zero_grad()
        fit._loss(model.module(x), labels, ranks).backward()
        return len(x), [p.grad.clone() for p in model.module.parameters()]

    _, expected = gradient(Ranks())
    known = (~torch.isnan(torch.from_numpy(data.labels[:rows]))).sum().float()
    shares = [gradient(Ranks(rank, 3), known) for rank in range(3)]
    assert len({n for n, _ in shares}) == 1  # equal number of sequences per process
    for place, one in enumerate(expected):
        mean = sum(g[place] for _, g in shares) / 3
        assert torch.allclose(mean, one, atol=1e-6)


@pytest.mark.parametrize("architecture", ["cnn", "rnn"])
def test_two_processes_reach_the_metrics_of_one(folder, demo_process, architecture):
    small = {"cnn": ["--filters", "8,8", "--widths", "5,3"], "rnn": ["--units", "4"]}[architecture]
    # 65 training sequences in batches of 16: the last is not divisible by two
    arguments = ["train", architecture, "d.h5", "--epochs", "3", "--batch-size", "16", "--dropout", "0", *small]
    assert demo_process(*arguments, "-o", "one", cwd=folder, env={"OMP_NUM_THREADS": "1"}).returncode == 0
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*together, "-m", "demo_core", *arguments, "-o", "two"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stderr
    assert done.stdout.count("validation AUROC") == 1
    one, two = (json.loads((folder / m / "model.json").read_text())["training"] for m in ("one", "two"))
    assert two["processes"] == 2
    for a, b in zip(one["epochs"], two["epochs"], strict=True):
        for what in ("train_loss", "validation_loss", "validation_score"):
            assert b[what] == pytest.approx(a[what], abs=1e-4), what


def test_several_processes_stop_together_and_go_on(folder, demo_process):
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command = [*together, "demo_core", "train", "rnn", "d.h5", "-o", "m", "--epochs", "40", "--units", "4"]
    settings = {"cwd": folder, "env": {**os.environ, "OMP_NUM_THREADS": "1"}, "text": True}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, **settings)
    for line in process.stderr:
        if line.startswith("epoch   3"):
            process.send_signal(signal.SIGTERM)
            break
    process.communicate(timeout=120)
    record = json.loads((folder / "m" / "model.json").read_text())["training"]
    assert record["interrupted"]
    assert 3 <= len(record["epochs"]) < 40
    done = subprocess.run([*command, "--resume"], capture_output=True, timeout=240, check=False, **settings)
    assert done.returncode == 0, done.stderr
    assert len(json.loads((folder / "m" / "model.json").read_text())["training"]["epochs"]) == 40
    command[command.index("m")] = "straight"
    assert subprocess.run(command, capture_output=True, timeout=240, check=False, **settings).returncode == 0
    weights = [(folder / m / "weights.safetensors").read_bytes() for m in ("m", "straight")]
    assert weights[0] == weights[1]  # with a different dropout mask in each process


def test_torchrun_is_told_from_a_schedulers_settings(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with joined(torch.device("cpu")) as ranks:
        assert ranks.size == 1
    assert device_of_rank("auto") == "auto"
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "MASTER_ADDR": "x", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageProblem, match="would put every process on one GPU"):
        device_of_rank("cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device_of_rank(n) for n in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]


def test_force_in_several_processes_begins_anew(folder):
    (folder / "m.unfinished.safetensors").write_bytes(b"another training's")
    command = [*TOGETHER, "-m", "demo_core", "train", "cnn", "d.h5", "-o", "m", "--epochs", "1", *SMALL, "--force"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["d.h5", "m"]


def test_a_process_that_goes_is_named_by_those_that_stay(tmp_path):
    (tmp_path / "join.py").write_text(ONE_GOES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # without torchrun, which kills the others before they print anything
    known = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(
            [sys.executable, "join.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **known, "RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    stays, goes = (process.communicate(timeout=240)[1] for process in both)
    assert both[1].returncode == 7, goes
    assert "DemoError: another process of this training failed" in stays


@pytest.mark.skipif(sys.platform != "linux", reason="names of threads are read from /proc")
def test_the_threads_of_a_group_end_with_it(tmp_path):
    # surviving processes sometimes abort while the interpreter shuts down
    (tmp_path / "join.py").write_text(LEAVES_NO_THREADS)
    done = subprocess.run(
        [*TOGETHER, "join.py"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
