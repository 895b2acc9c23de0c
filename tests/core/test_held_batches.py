"""Test when the batches of a run are written to part files."""

import os

import numpy as np
import pytest
from run_cases import N, explain_to_file, interrupted, job

import demo_core.running.sinks as module
from demo_core.results.explanation import Explanation
from demo_core.storage.part_files import Parts
from demo_core.testing import tiny_dataset


@pytest.fixture(scope="module")
def data():
    return tiny_dataset(N, 20)


def test_a_short_run_writes_no_part_files(tmp_path, registry, data, monkeypatch):
    """Part files are written after a time or size limit, and when the run fails, even at its end."""
    written, write = [], Parts.write
    monkeypatch.setattr(Parts, "write", lambda self, number, part: (written.append(number), write(self, number, part)))
    explain_to_file(job(registry), data, np.arange(N), tmp_path / "a.h5")
    assert written == []
    monkeypatch.setattr(module, "write_explanation", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explain_to_file(job(registry), data, np.arange(N), tmp_path / "b.h5")
    monkeypatch.undo()
    assert "000000.npz" in os.listdir(tmp_path / "b.partial")
    assert explain_to_file(job(registry), data, np.arange(N), tmp_path / "b.h5").state == "continued"
    with Explanation.open(tmp_path / "a.h5") as one, Explanation.open(tmp_path / "b.h5") as other:
        assert np.array_equal(one.values[:], other.values[:])


def test_a_batch_that_took_long_is_written_at_once(tmp_path, registry, data, monkeypatch):
    with Parts.open(tmp_path / "x.partial") as parts:
        parts.begin({})
        now = [0.0]
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
        pending = module._Pending(parts)
        part = {"values": np.zeros((2, 4, 5), np.float32), "outputs": np.zeros((2, 3000), np.float32)}
        now[0] = 600.0
        pending.add(0, part)
        assert parts.finished() == [0] and not pending.batches
        now[0] = 601.0
        pending.add(1, part)
        assert parts.finished() == [0]
        # all columns of a part count, and batches that do not follow each other are in different files
        monkeypatch.setattr(module, "_HELD_BYTES", 45_000)
        monkeypatch.setattr(module, "_PART_BYTES", 40_000)
        pending.add(5, part)
        assert parts.finished() == [0, 1, 5]
        pending._since = now[0]
        for batch in (6, 7, 8):
            pending.batches[batch] = part
        pending.write()
        assert parts.finished() == [0, 1, 5, 6, 8]
        assert len(parts.read(6)["values"]) == 4


def test_a_resumed_run_says_that_it_keeps_its_batch_size(tmp_path, registry, data, caplog):
    interrupted(registry, data, tmp_path / "a.h5", after=3)
    explain_to_file(job(registry, batch_size=50), data, np.arange(N), tmp_path / "a.h5")
    assert "resuming with the batch size of the unfinished run, 100" in caplog.text


@pytest.mark.parametrize("size", [0, 100])
def test_a_new_run_says_nothing_about_its_batch_size(tmp_path, registry, data, caplog, size):
    explain_to_file(job(registry, batch_size=size), data, np.arange(N), tmp_path / "a.h5")
    interrupted(registry, data, tmp_path / "b.h5", after=3)
    explain_to_file(job(registry, batch_size=size), data, np.arange(N), tmp_path / "b.h5")
    assert caplog.text == ""
