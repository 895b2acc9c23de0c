"""Test reads of the pipeline, and that memory and file receive the same values."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from run_cases import N, explain_to_file, interrupted, job

from demo_core.errors import DemoError
from demo_core.results.explanation import Explanation
from demo_core.running.explain import explain
from demo_core.running.pipeline import run
from demo_core.running.sinks import Memory
from demo_core.running.sources import Rows
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture(scope="module")
def data():
    return tiny_dataset(N, 20)


class Counted:
    """Dataset that counts how often each row is read."""

    def __init__(self, dataset):
        self._dataset, self.reads = dataset, np.zeros(len(dataset), int)

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def __len__(self):
        return len(self._dataset)

    def take(self, rows):
        np.add.at(self.reads, rows, 1)
        return self._dataset.take(rows)


def test_every_sequence_is_read_once_and_goes_through_the_network_once(tmp_path, registry, data, monkeypatch):
    from demo_core.models.model import Model

    digests = []
    real = Model.digest
    monkeypatch.setattr(Model, "digest", lambda self: digests.append(1) or real(self))
    model, counted, seen = tiny_model(length=20, registry=registry), Counted(data), []
    model.module.register_forward_hook(lambda module, x, y: seen.append(len(y)))
    explain_to_file(job(registry, model=model), counted, np.arange(300), tmp_path / "a.h5")
    assert counted.reads.tolist() == [1] * 300 + [0] * (N - 300)
    # a probe of one sequence, saliency's own passes with outputs, and one sequence for comparison
    assert seen == [1, 100, 1, 100, 100]
    assert len(digests) == 1


def test_an_explanation_in_memory_has_what_a_file_has_and_saves_as_one(tmp_path, registry, data):
    rows = np.arange(5, 40)
    explain_to_file(job(registry), data, rows, tmp_path / "a.h5")
    memory = run(job(registry), Rows(data, rows), Memory())
    memory.save(tmp_path / "b.h5")
    with pytest.raises(DemoError, match="already exists"):
        memory.save(tmp_path / "b.h5")
    with Explanation.open(tmp_path / "a.h5") as file, Explanation.open(tmp_path / "b.h5") as saved:
        file.save(tmp_path / "c.h5")
        differ = {"created", "wall_seconds"}
        about = [{k: v for k, v in e.metadata.items() if k not in differ} for e in (file, saved)]
        assert about[0] == about[1]
        assert {k for k in memory.metadata if k not in about[0]} == differ
        assert np.array_equal(file.values[:], saved.values[:]) and np.array_equal(file.index[:], saved.index[:])
        assert file.sequences.digest() == saved.sequences.digest() == memory.sequences.digest()
    with Explanation.open(tmp_path / "c.h5") as copied:
        assert copied.metadata == file.metadata
    by_name = explain("saliency", job(registry).model, data, rows=rows, registry=registry, batch_size=100)
    assert np.array_equal(by_name.values, memory.values) and by_name.index.tolist() == rows.tolist()
    assert by_name.metadata["fingerprint"] == memory.metadata["fingerprint"]
    assert explain_to_file(job(registry), data, rows, tmp_path / "b.h5").state == "skipped"
    pattern = explain("class-optimization", tiny_model(length=20, registry=registry), steps=5, registry=registry)
    pattern.save(tmp_path / "p.h5")
    with Explanation.open(tmp_path / "p.h5") as found:
        assert np.array_equal(found.values[:], pattern.values) and found.metadata["data_digest"] is None


def test_a_resumed_run_is_refused_if_the_data_has_another_content(tmp_path, registry, data):
    interrupted(registry, data, tmp_path / "a.h5")
    other = data.take(slice(None))
    other.codes[3, 3] = (other.codes[3, 3] + 1) % 4
    with pytest.raises(DemoError, match="a.partial holds a run that differs in sequences;"):
        explain_to_file(job(registry), other, np.arange(N), tmp_path / "a.h5")
    assert explain_to_file(job(registry), data, np.arange(N), tmp_path / "a.h5").state == "continued"


@pytest.mark.parametrize(
    "read", [lambda s: s.codes[2:5], lambda s: s.codes[3], lambda s: s.codes[:, 5], lambda s: s.take([3]).codes]
)
def test_a_letter_that_the_alphabet_lacks_is_refused_by_every_reader(tmp_path, data, read):
    from demo_core.data.dataset import SequenceDataset

    path = tmp_path / "d.h5"
    data.take(slice(0, 20)).save(path)
    with h5py.File(path, "r+") as file:
        file["codes"][3, 5] = 77
    with SequenceDataset.open(path) as found, pytest.raises(DemoError, match="damaged: negative-2 has a letter that"):
        read(found)
    with SequenceDataset.open(path) as found:
        assert found.codes[4:6, 1:3].tolist() == data.codes[4:6, 1:3].tolist()
        assert found.intervals[7, 1] == data.intervals[7, 1]
        assert found.intervals[2:4, 1:3].tolist() == data.intervals[2:4, 1:3].tolist()
