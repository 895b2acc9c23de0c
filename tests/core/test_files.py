import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from demo_core.errors import DemoError
from demo_core.storage.atomic_files import read_json, whole_file, whole_folder, write_json, write_text
from demo_core.storage.part_files import Parts


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), whole_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_new_file_can_be_read_by_others(tmp_path):
    old = os.umask(0o022)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "model"
    for content in ("one", "two"):
        with whole_folder(path, replace=True) as temporary:
            (temporary / "x").write_text(content)
    assert (path / "x").read_text() == "two"
    with pytest.raises(RuntimeError), whole_folder(path, replace=True) as temporary:
        raise RuntimeError
    assert (path / "x").read_text() == "two"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_failure_between_the_two_renames_brings_the_old_folder_back(tmp_path, monkeypatch, error):
    path = tmp_path / "model"
    path.mkdir()
    (path / "x").write_text("old")
    rename, calls = Path.replace, []

    def failing(self, target):
        calls.append(self)
        if len(calls) == 2:
            raise error
        return rename(self, target)

    monkeypatch.setattr("demo_core.storage.atomic_files.exchange", lambda one, other: False)  # as elsewhere
    with pytest.raises(error), whole_folder(path, replace=True) as temporary:
        (temporary / "x").write_text("new")
        monkeypatch.setattr(Path, "replace", failing)
    monkeypatch.undo()
    assert (path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["model"]


def test_a_lock_file_that_was_deleted_locks_nothing(tmp_path):
    folder = tmp_path / "run.partial"
    with Parts.open(folder) as first:
        first.remove()
        with Parts.open(folder) as second:  # the first run is complete; this is another one
            with pytest.raises(DemoError, match="another process"), Parts.open(folder):
                pass
            second.begin({})


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(DemoError, match="no such folder; create it"):
        write_text(tmp_path / "none" / "a.txt", "x")


def test_a_full_disk_leaves_nothing_under_the_final_name(tmp_path):
    """Simulate a full disk with the kernel's file-size limit, which fails the write half-way."""
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from demo_core.testing import tiny_dataset\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "data = tiny_dataset(2000, 200)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "data.save(Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "d.h5"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert os.listdir(tmp_path) == [], done.stderr


def test_unreadable_json_names_the_file(tmp_path):
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(DemoError, match=r"m.json is not a readable thing"):
        read_json(tmp_path / "m.json", "thing")
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "n.json", float("nan"))
    assert not (tmp_path / "n.json").exists()


def test_parts_are_kept_read_and_damaged_ones_forgotten(tmp_path):
    import numpy as np

    with Parts.open(tmp_path / "run.partial") as parts:
        assert parts.run() is None
        parts.begin({"a": 1})
        assert parts.run() is None, "a run without a finished part is no run to go on with"
        parts.write(0, {"x": np.arange(3)})
        parts.write(1, {"x": np.arange(4)})
        assert parts.read(0)["x"].tolist() == [0, 1, 2]
        assert parts.read(7) is None
        (tmp_path / "run.partial" / "000001.npz").write_bytes(b"PK\x03\x04half")
        assert parts.read(1) is None
        assert parts.finished() == [0]
        with pytest.raises(DemoError, match="another process"), Parts.open(tmp_path / "run.partial"):
            pass
    with Parts.open(tmp_path / "run.partial") as parts:
        assert parts.run() == {"a": 1}
        parts.begin({"a": 2})
        assert parts.finished() == []
