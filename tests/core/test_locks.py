"""Test outputs of processes that race, are killed, or write to file systems without locks."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from demo_core.errors import DemoError
from demo_core.storage.atomic_files import whole_file, whole_files, whole_folder
from demo_core.storage.locks import lock

HOLD = """
import sys, time
from pathlib import Path
from demo_core.storage.atomic_files import whole_file, whole_folder
make = whole_folder if sys.argv[2] == "folder" else whole_file
with make(Path(sys.argv[1]), replace=True) as temporary:
    (temporary / "x" if sys.argv[2] == "folder" else temporary).write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def holding(path, kind):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    return process


def hidden(folder):
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_one_process_writes_an_output_and_what_a_killed_one_left_is_cleared(tmp_path, kind):
    path, make = tmp_path / "out", whole_folder if kind == "folder" else whole_file
    process = holding(path, kind)
    with pytest.raises(DemoError, match="another process is writing it"), make(path, replace=True):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    assert len(hidden(tmp_path)) == 1
    with make(path, replace=True) as temporary:
        (temporary / "x" if kind == "folder" else temporary).write_text("whole")
        assert len(hidden(tmp_path)) == 1  # its own lock
    assert hidden(tmp_path) == []


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "out"
    with pytest.raises(DemoError, match="already exists"), whole_file(path, replace=False) as temporary:
        temporary.write_text("mine")
        path.write_text("another's")
    assert path.read_text() == "another's"
    with pytest.raises(DemoError, match="already exists"), whole_folder(tmp_path / "f") as temporary:
        (tmp_path / "f").mkdir()
    assert hidden(tmp_path) == []


def test_two_imports_to_one_output_leave_one_of_them(tmp_path, demo_process, trained):
    (tmp_path / "s.fa").write_text("".join(f">{i % 2}\n{'ACGTTGCA' * 20}{'ACGT'[i % 4]}\n" for i in range(4000)))
    command = [sys.executable, "-m", "demo_core", "data", "import", "s.fa", "-o", "d.h5", "--negatives", "none"]
    both = [
        subprocess.Popen([*command, "--seed", str(s)], cwd=tmp_path, stderr=subprocess.PIPE, text=True) for s in (1, 2)
    ]
    said = [process.communicate()[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 1], said
    assert any(words in said[codes.index(1)] for words in ("another process is writing", "already exists"))
    assert sorted(os.listdir(tmp_path)) == ["d.h5", "s.fa"]


def test_an_output_that_was_set_aside_by_a_killed_process_comes_back(tmp_path, caplog):
    aside = tmp_path / ".m.abcdefgh.old"
    (aside / "was").mkdir(parents=True)
    (aside / "was" / "x").write_text("old")
    with pytest.raises(DemoError, match="already exists"), whole_folder(tmp_path / "m"):
        pass
    assert (tmp_path / "m" / "x").read_text() == "old"
    assert "restored; a killed process" in caplog.text
    assert hidden(tmp_path) == []


def test_a_folder_is_exchanged_at_once(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    seen = []
    monkeypatch.setattr("demo_core.storage.atomic_files._swap", lambda new, path: seen.append(new))
    with whole_folder(tmp_path / "m", replace=True) as temporary:
        (temporary / "x").write_text("new")
    if sys.platform == "linux":
        assert seen == [] and (tmp_path / "m" / "x").read_text() == "new"


def test_a_symbolic_link_is_followed_and_a_loop_is_said(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    with whole_file(tmp_path / "link") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there" / "file").read_text() == "x"
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(DemoError, match="a symbolic link to itself"), whole_file(tmp_path / "a"):
        pass


def test_several_files_of_one_result_appear_together_or_not_at_all(tmp_path):
    paths = [tmp_path / "one", tmp_path / "two"]
    with pytest.raises(RuntimeError), whole_files(paths, replace=False) as (one, two):
        one.write_text("1")
        raise RuntimeError
    assert os.listdir(tmp_path) == []
    with whole_files(paths, replace=False) as (one, two):
        one.write_text("1")
        two.write_text("2")
    assert [p.read_text() for p in paths] == ["1", "2"]


def test_where_there_are_no_locks_a_file_stands_in(tmp_path, monkeypatch, caplog):
    def flock(handle, how):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    held = lock(tmp_path / "lock")
    assert "no file locks" in caplog.text
    with pytest.raises(BlockingIOError):
        lock(tmp_path / "lock")
    held.release()
    lock(tmp_path / "lock").release()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    import socket

    (tmp_path / "lock.held").write_text(f"{socket.gethostname()} {dead.pid}")
    lock(tmp_path / "lock").release()
    with whole_file(tmp_path / "out") as temporary:
        temporary.write_text("x")
    assert sorted(os.listdir(tmp_path)) == ["lock", "out"]


def test_force_deletes_nothing_that_training_did_not_write(tmp_path, trained, demo):
    small = ["--epochs", "1", "--filters", "4", "--widths", "5"]
    assert demo("train", "cnn", trained / "data.h5", "-o", tmp_path / "m", *small)[0] == 0
    (tmp_path / "m" / "notes.png").write_bytes(b"mine")
    code, _, err = demo("train", "cnn", trained / "data.h5", "-o", tmp_path / "m", *small, "--force")
    assert code == 1 and "holds notes.png" in err
    assert (tmp_path / "m" / "notes.png").read_bytes() == b"mine"


def test_a_finished_run_clears_what_a_killed_one_left(tmp_path, trained, demo):
    command = ["explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path]
    assert demo(*command)[0] == 0
    (tmp_path / "one.saliency.partial").mkdir()
    (tmp_path / "one.saliency.partial" / "lock").touch()
    code, out, _ = demo(*command)
    assert code == 0 and "already finished" in out
    assert os.listdir(tmp_path) == ["one.saliency.h5"]


def test_a_finished_run_leaves_the_parts_of_another(tmp_path, trained, demo):
    command = ["explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path]
    assert demo(*command)[0] == 0
    folder = tmp_path / "one.saliency.partial"
    folder.mkdir()
    (folder / "run.json").write_text('{"fingerprint": {"seed": 1}, "batch_size": 2}')
    (folder / "000000.npz").write_bytes(b"x")
    assert "already finished" in demo(*command)[1]
    assert (folder / "000000.npz").is_file()


def test_long_names_stay_apart(tmp_path):
    paths = [tmp_path / f"{'x' * 90}.{word}.npz" for word in ("sequences", "attributions")]
    with whole_files(paths, replace=False) as made:
        for path in made:
            path.write_text(path.name)
    assert all(path.is_file() for path in paths) and hidden(tmp_path) == []


def test_without_locks_a_second_process_is_refused_too(tmp_path):
    start = "import errno, fcntl\ndef none(*a): raise OSError(errno.ENOSYS, 'no')\nfcntl.flock = none\n"
    command = [sys.executable, "-c", start + HOLD, str(tmp_path / "out"), "file"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "writing\n"
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "another process is writing it" in second.stderr
    assert len([p for p in os.listdir(tmp_path) if p.endswith(".tmp")]) == 1
    first.kill()
    first.communicate()
    script = command[2].replace("time.sleep(60)", "pass")
    third = subprocess.run(
        [*command[:2], script, *command[3:]], capture_output=True, text=True, timeout=60, check=False
    )
    assert third.returncode == 0, third.stderr
    assert os.listdir(tmp_path) == ["out"]
