"""Test that resumed training gives identical weights."""

import json
import signal
import subprocess
import sys

import pytest
import torch
from demo_train.checkpoint import Checkpoint, only_process
from demo_train.settings import TrainingSettings
from demo_train.training import train

from demo_core.errors import DemoError
from demo_core.models.model import Model
from demo_core.plugins.specs import Architecture, SpecError
from demo_core.testing import tiny_dataset, tiny_model

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
    again = tiny_model(architecture, registry=registry, seed=9)  # the weights are those of the checkpoint
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
    assert "use --resume to continue it, or --force to restart" in err
    code, _, err = demo(*arguments, "-o", folder / "m", "--resume", "--seed", "3", "--dropout", "0.1")
    assert code == 1
    assert "seed (0 there, 3 here)" in err and "dropout (0.5 there, 0.1 here)" in err
    code, out, err = demo(*arguments, "-o", folder / "m", "--resume")
    assert code == 0, err
    assert "resuming an interrupted training" in err
    assert "epoch   1/" not in err
    assert not state.exists()
    assert demo(*arguments, "-o", folder / "straight")[0] == 0
    there = [folder / m / "weights.safetensors" for m in ("m", "straight")]
    assert there[0].read_bytes() == there[1].read_bytes()
    assert "already finished" in demo(*arguments, "-o", folder / "m", "--resume")[2]
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
    assert code == 1 and "its checkpoint is missing; use --force to train again" in err


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
    (folder / ".m.unfinished.safetensors.abcdefgh.tmp.safetensors").touch()  # as if killed while writing
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", *SMALL)
    assert code == 1 and "use --resume to continue" in err  # locks of killed processes do not block
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
    assert "run the same command with --resume to continue" in said
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
    assert "is not a readable checkpoint" in err
    assert state.read_bytes() == content
    assert demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "1", "--force")[0] == 0


def test_a_state_without_what_it_should_hold(registry, tmp_path):
    checkpoint = Checkpoint(tmp_path / "m", {})
    checkpoint.save({"now.linear.bias": torch.zeros(1)}, {"history": {}})
    with pytest.raises(DemoError, match="cannot resume"):
        train(tiny_model(registry=registry), tiny_dataset(60), SETTINGS, checkpoint=checkpoint)


def test_resume_and_force_together(folder, demo):
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", "--resume", "--force")
    assert code == 2
    assert "choose one" in err


@pytest.mark.parametrize("architecture", ["cnn", "rnn", "cnn-rnn"])
def test_mixed_precision_trains_and_leaves_float32_weights(registry, architecture):
    model = tiny_model(architecture, registry=registry, dropout=0.0)
    history = train(model, tiny_dataset(130), TrainingSettings(epochs=2, batch_size=32, precision="bf16"))
    exact = tiny_model(architecture, registry=registry, dropout=0.0)
    plain = train(exact, tiny_dataset(130), TrainingSettings(epochs=2, batch_size=32))
    assert model.dtype == torch.float32
    assert history.epochs[-1].train_loss == pytest.approx(plain.epochs[-1].train_loss, abs=0.02)
    assert model.digest() != exact.digest()  # the option had an effect


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
    with pytest.raises(SpecError, match="must be a mapping"):
        Architecture(name="x", target="m:X", summary="x", training=("learning_rate", 1))
    for wrong, message in [({"learning_rat": 1}, "did you mean 'learning_rate'"), ({"epochs": 0}, "at least 1")]:
        (folder / "odd.py").write_text(
            "from demo_core import Architecture, hookimpl\nDEMO_API = 1\n@hookimpl\n"
            "def register_architectures(register):\n"
            f"    register(Architecture(name='odd', target='odd:X', summary='x', training={wrong}))\n"
        )
        code, _, err = demo("--plugin", folder / "odd.py", "train", "odd", folder / "d.h5", "-o", folder / "n")
        assert code == 4 and "architecture 'odd' of plugin 'odd'" in err and message in err


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_the_shortest_trainings(registry, steps):
    history = train(tiny_model(registry=registry), tiny_dataset(40), TrainingSettings(epochs=steps, batch_size=500))
    assert len(history.epochs) == steps


def test_a_training_that_diverges_leaves_nothing(folder, demo):
    line = ["train", "cnn", folder / "d.h5", "-o", folder / "m", "--epochs", "8", *SMALL]
    code, _, err = demo(*line, "--learning-rate", "1e30")
    assert code == 1
    assert "so nothing was kept" in err
    assert sorted(p.name for p in folder.iterdir()) == ["d.h5"]
    assert demo(*line)[0] == 0  # as advised by the message


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["d.h5", "-o", "."], 2, "does not name a model folder"),
        (["d.h5", "-o", "/"], 2, "does not name a model folder"),
        (["nothing.h5", "-o", "new/deep/m"], 1, "no such"),
    ],
)
def test_where_a_model_may_go(folder, demo, monkeypatch, arguments, code, message):
    monkeypatch.chdir(folder)
    found, _, err = demo("train", "cnn", *arguments)
    assert (found, err.count("\n")) == (code, 1)
    assert message in err
    assert sorted(p.name for p in folder.iterdir()) == ["d.h5"]


@pytest.mark.parametrize("content", ["[]", '{"training": 3}', '{"training": {"about": 3}}'])
def test_resume_where_the_description_is_damaged(folder, demo, content):
    (folder / "m").mkdir()
    (folder / "m" / "model.json").write_text(content)
    code, _, err = demo("train", "cnn", folder / "d.h5", "-o", folder / "m", *SMALL, "--resume")
    assert (code, err.count("demo: ")) == (1, 1)
    assert "is not a model description" in err


def test_a_schedulers_rank_does_not_switch_the_lock_off(folder, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with only_process(folder / "m"), pytest.raises(DemoError, match="is training it"), only_process(folder / "m"):
        pass
