"""An interrupted training goes on to the very same end; several processes come to what one comes to."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from demo_core.checkpoint import Checkpoint
from demo_core.errors import DemoError, UsageProblem
from demo_core.model import Model
from demo_core.ranks import Ranks, device_of_rank, joined
from demo_core.recipe import TrainingSettings
from demo_core.specs import Architecture, SpecError
from demo_core.testing import tiny_dataset, tiny_model
from demo_core.training import _Fit, train

SMALL = ["--filters", "8,8", "--widths", "5,3"]
SETTINGS = TrainingSettings(epochs=5, batch_size=32, learning_rate=0.02)


@pytest.fixture
def folder(tmp_path):
    tiny_dataset(130).save(tmp_path / "d.h5")
    return tmp_path


@pytest.mark.parametrize("architecture", ["cnn", "rnn", "cnn-rnn"])
@pytest.mark.parametrize("after", [1, 4])
def test_resumed_is_as_if_never_interrupted(registry, tmp_path, architecture, after):
    data = tiny_dataset(130)
    straight = tiny_model(architecture, registry=registry)
    whole = train(straight, data, SETTINGS)
    checkpoint = Checkpoint(tmp_path / "m", {"settings": 1})

    def stop(epoch, history):
        if epoch.epoch == after:
            raise KeyboardInterrupt

    train(tiny_model(architecture, registry=registry), data, SETTINGS, stop, checkpoint=checkpoint)
    again = tiny_model(architecture, registry=registry, seed=9)  # its weights are the checkpoint's
    history = train(again, data, SETTINGS, checkpoint=checkpoint)
    assert again.digest() == straight.digest()
    assert [e.validation_loss for e in history.epochs] == [e.validation_loss for e in whole.epochs]
    assert history.best_epoch == whole.best_epoch
    assert not history.interrupted


def test_the_command_killed_and_resumed(folder, demo):
    train_it = ["train", "cnn", "d.h5", "--epochs", "30", "--filters", "8,8", "--widths", "5,3"]
    command = [sys.executable, "-m", "demo_core", *train_it]
    killed = subprocess.Popen([*command, "-o", "m"], cwd=folder, stderr=subprocess.PIPE, text=True)
    for line in killed.stderr:
        if line.startswith("epoch   2"):
            killed.kill()
    killed.wait()
    killed.stderr.close()
    assert not (folder / "m").exists()
    state = folder / "m.unfinished.safetensors"
    assert state.exists()
    arguments = [*train_it[:2], folder / "d.h5", *train_it[3:]]

    code, _, err = demo(*arguments, "-o", folder / "m")
    assert (code, err.count("\n")) == (1, 1)
    assert "--resume goes on with it, --force begins anew" in err
    code, _, err = demo(*arguments, "-o", folder / "m", "--resume", "--seed", "3", "--dropout", "0.1")
    assert code == 1
    assert "seed (0 there, 3 here)" in err and "dropout (0.5 there, 0.1 here)" in err
    code, out, err = demo(*arguments, "-o", folder / "m", "--resume")
    assert code == 0, err
    assert "going on with an interrupted training" in err
    assert "epoch   1/" not in err
    assert not state.exists()
    assert demo(*arguments, "-o", folder / "straight")[0] == 0
    there = [folder / m / "weights.safetensors" for m in ("m", "straight")]
    assert there[0].read_bytes() == there[1].read_bytes()
    assert "finished already" in demo(*arguments, "-o", folder / "m", "--resume")[2]
    code, _, err = demo(*arguments, "-o", folder / "m", "--resume", "--seed", "3")
    assert (code, err.count("demo: ")) == (1, 1)
    assert "seed (0 there, 3 here)" in err
    code, _, err = demo("train", "rnn", folder / "d.h5", "-o", folder / "m", "--resume")
    assert code == 1 and "architecture (cnn of deep-motif-dashboard 0.1.0 there, rnn of" in err
    assert demo("train", "cnn", folder / "missing.h5", "-o", folder / "m", "--resume")[0] == 1
    assert there[0].read_bytes() == there[1].read_bytes()


def test_resume_of_what_cannot_be_resumed(folder, demo):
    (folder / "strange").mkdir()
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "strange", "--resume")
    assert code == 1 and "is not a model folder" in err
    assert demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", *SMALL)[0] == 0
    description = folder / "m" / "model.json"
    description.write_text(description.read_text().replace('"interrupted": false', '"interrupted": true'))
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", *SMALL, "--resume")
    assert code == 1 and "the state to go on from is gone: --force trains anew" in err


def test_force_takes_nothing_away_before_it_can_begin(folder, demo):
    state = folder / "m.unfinished.safetensors"
    state.write_bytes(b"x")
    assert demo("train", "cnn", folder / "missing.h5", "-o", folder / "m", "--force")[0] == 1
    assert demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--force", "--widths", "90,90")[0] == 2
    assert state.exists()
    assert demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", *SMALL)[0] == 1
    assert demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", "--force", *SMALL)[0] == 0
    (folder / "m" / "notes.txt").write_text("mine")
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", "--force", *SMALL)
    assert code == 1 and "notes.txt" in err and "epoch" not in err


def test_one_training_for_a_folder_at_a_time(folder, demo):
    command = [sys.executable, "-m", "demo_core", "train", "cnn", "d.h5", "-o", "m", "--epochs", "100000", *SMALL]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("epoch   2"):
            break
    for how in ([], ["--resume"], ["--force"]):
        code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", *SMALL, *how)
        assert (code, err.count("demo: ")) == (1, 1)
        assert "another process is training it" in err
    process.kill()
    process.stderr.close()
    process.wait()
    (folder / ".m.unfinished.safetensors.abc.tmp.safetensors").touch()  # as if killed while it wrote
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", *SMALL)
    assert code == 1 and "--resume goes on" in err  # a lock of the dead holds nobody
    assert sorted(p.name for p in folder.iterdir()) == ["d.h5", "m.unfinished.safetensors"]


def test_ctrl_c_keeps_the_best_and_resume_replaces_it(folder, demo):
    arguments = ["cnn", "d.h5", "-o", "m", "--epochs", "30", "--filters", "8,8", "--widths", "5,3"]
    command = [sys.executable, "-m", "demo_core", "train", *arguments]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("epoch   3"):
            process.send_signal(signal.SIGINT)
    process.stderr.close()
    assert process.wait() == 130
    assert "the same command with --resume goes on" in said
    assert json.loads((folder / "m" / "model.json").read_text())["training"]["interrupted"]
    arguments[1], arguments[3] = folder / "d.h5", folder / "m"
    assert demo("train", *arguments)[0] == 1
    assert demo("train", *arguments, "--resume")[0] == 0
    record = json.loads((folder / "m" / "model.json").read_text())["training"]
    assert not record["interrupted"]
    assert len(record["epochs"]) == 30


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_damaged_state_is_refused_in_one_line(folder, demo, content):
    state = folder / "m.unfinished.safetensors"
    state.write_bytes(content)
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", "--resume")
    assert code == 1
    assert "is no state of a training" in err
    assert state.read_bytes() == content
    assert demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", "--force")[0] == 0


def test_a_state_without_what_it_should_hold(registry, tmp_path):
    checkpoint = Checkpoint(tmp_path / "m", {})
    checkpoint.save({"now.linear.bias": torch.zeros(1)}, {"history": {}})
    with pytest.raises(DemoError, match="cannot be gone on from"):
        train(tiny_model(registry=registry), tiny_dataset(60), SETTINGS, checkpoint=checkpoint)


def test_resume_and_force_together(folder, demo):
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--resume", "--force")
    assert code == 2
    assert "choose one" in err


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
        if whole is not None:  # what the others would have said
            ranks.agree_to_stop = lambda weight: whole
        model.module.zero_grad()
        fit._loss(model.module(x), labels, ranks).backward()
        return len(x), [p.grad.clone() for p in model.module.parameters()]

    _, expected = gradient(Ranks())
    known = (~torch.isnan(torch.from_numpy(data.labels[:rows]))).sum().float()
    shares = [gradient(Ranks(rank, 3), known) for rank in range(3)]
    assert len({n for n, _ in shares}) == 1  # equal shares
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
    assert weights[0] == weights[1]  # each process's own dropout included


@pytest.mark.parametrize("architecture", ["cnn", "rnn", "cnn-rnn"])
def test_mixed_precision_trains_and_leaves_float32_weights(registry, architecture):
    model = tiny_model(architecture, registry=registry, dropout=0.0)
    history = train(model, tiny_dataset(130), TrainingSettings(epochs=2, batch_size=32, precision="bf16"))
    exact = tiny_model(architecture, registry=registry, dropout=0.0)
    plain = train(exact, tiny_dataset(130), TrainingSettings(epochs=2, batch_size=32))
    assert model.dtype == torch.float32
    assert history.epochs[-1].train_loss == pytest.approx(plain.epochs[-1].train_loss, abs=0.02)
    assert model.digest() != exact.digest()  # it did make a difference


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


def test_a_network_of_tied_weights_is_kept(registry, tmp_path):
    checkpoint = Checkpoint(tmp_path / "m", {})
    one = torch.arange(3.0)
    checkpoint.save({"a": one, "b": one}, {})
    tensors, _ = checkpoint.load()
    assert torch.equal(tensors["a"], tensors["b"])


def test_an_architecture_brings_its_own_defaults(registry, folder, demo):
    assert registry.find(Architecture, "rnn").spec.training == {"learning_rate": 0.01, "most_epochs": 200}
    assert demo("train", "rnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", "--units", "2")[0] == 0
    assert Model.load(folder / "m", registry=registry).training["settings"]["learning_rate"] == 0.01
    assert "[at least 1e-08; default: 0.01]" in " ".join(demo("train", "rnn", "--help")[1].split())
    for wrong, message in [({"learning_rat": 1}, "did you mean 'learning_rate'"), ({"epochs": 0}, "at least 1")]:
        with pytest.raises(SpecError, match=message):
            Architecture(name="x", target="m:X", summary="x", training=wrong)


LEAVES_NO_THREADS = """
import pathlib, sys, torch
from demo_core.ranks import joined

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


@pytest.mark.skipif(sys.platform != "linux", reason="names of threads are read from /proc")
def test_the_threads_of_a_group_end_with_it(tmp_path):
    # those that live on abort the process now and then, while the interpreter shuts down
    (tmp_path / "join.py").write_text(LEAVES_NO_THREADS)
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "join.py"]
    done = subprocess.run(
        together, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
