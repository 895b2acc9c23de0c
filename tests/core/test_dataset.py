from dataclasses import replace

import numpy as np
import pytest
from demo_data.summary import summarise
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import UsageProblem
from demo_core.testing import tiny_dataset


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.h5"
    tiny_dataset(50, targets=("a", "b")).save(path)
    with SequenceDataset.open(path) as opened:
        yield opened


@given(st.lists(st.integers(0, 49), max_size=30))
@settings(max_examples=60)
def test_rows_from_a_file_are_rows_from_memory(stored, rows):
    memory, file = tiny_dataset(50, targets=("a", "b")).take(rows), stored.take(rows)
    for name in ("codes", "labels", "ids", "group", "split", "intervals", "sites"):
        assert np.array_equal(getattr(memory, name), getattr(file, name)), name
    assert memory.digest() == file.digest()


@pytest.mark.parametrize("where", ["memory", "file"])
def test_rows_can_be_a_mask_and_must_exist(stored, where):
    data = tiny_dataset(50, targets=("a", "b")) if where == "memory" else stored
    positive = data.labels[:, 0] > 0.5
    assert data.take(positive).ids.tolist() == [name for name, yes in zip(data.ids[:], positive, strict=True) if yes]
    assert len(data.take([])) == 0
    for rows in ([0, 50], [-1]):
        with pytest.raises(UsageProblem, match=f"row {rows[-1]} does not exist; rows are 0 to 49"):
            data.take(rows)
    for rows in ([0.0, 1.0], positive[:10], 3, ["positive-1"]):
        with pytest.raises(UsageProblem, match="rows must be row numbers"):
            data.take(rows)


def test_rows_across_blocks(stored, monkeypatch):
    import demo_core.data.dataset as module

    monkeypatch.setattr(module, "BLOCK", 8)
    rows = [49, 3, 3, 17, 0]
    assert list(stored.take(rows).ids) == [stored.ids[i] for i in rows]


def test_digest_changes_with_anything(stored):
    digest = stored.digest()
    for name in ("codes", "labels", "group", "split", "intervals", "sites"):
        other = stored.take(slice(None))
        column = getattr(other, name)
        column[3] = column[3] + 1
        assert other.digest() != digest, name
    other = stored.take(slice(None))
    other.ids[3] = "else"
    assert other.digest() != digest


def test_splits(stored):
    rows = [stored.rows_of_split(s) for s in ("train", "validation", "test")]
    assert sum(map(len, rows)) == len(stored.rows_of_split("all")) == 50
    with pytest.raises(UsageProblem, match="did you mean 'train'"):
        stored.rows_of_split("trian")


def test_summary_reports_duplicates_on_either_strand_and_leakage():
    data = tiny_dataset(24)
    train, test = data.rows_of_split("train"), data.rows_of_split("test")
    data.codes[test[0]] = data.alphabet.reverse_complement(data.codes[train[0]])
    data.codes[train[2]] = data.codes[train[1]]
    found = summarise(data)
    assert found["duplicates_across"] == {"train and test": 1}
    assert found["duplicates_within"] == 1
    assert sum(found["composition"].values()) == pytest.approx(1)
    assert sum(c for split in found["counts"].values() for c in split["bound"].values()) == 24
    assert summarise(tiny_dataset(24))["duplicates_across"] == {}


def test_summary_counts_letters_and_unknowns():
    data = tiny_dataset(1, length=8)
    data.codes[0] = data.alphabet.encode("AACGTTTN")
    assert summarise(data)["composition"] == {"A": 0.25, "C": 0.125, "G": 0.125, "T": 0.375, "unknown": 0.125}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: {"codes": d.codes.astype(float)}, "codes must be uint8 .N, L., not float64"),
        (lambda d: {"codes": d.alphabet.one_hot(d.codes)}, "codes must be uint8"),
        (lambda d: {"codes": np.full_like(d.codes, 9)}, "codes of dna are from 0 to 4, not 9"),
        (lambda d: {"labels": d.labels[:, 0]}, "labels must have shape .6, 1., as codes have 6 rows, not .6,."),
        (lambda d: {"labels": d.labels[:3]}, "labels must have shape"),
        (lambda d: {"targets": ("a", "b")}, "labels must have shape .6, 2."),
        (lambda d: {"ids": None}, "ids must have shape"),
        (lambda d: {"sites": d.sites[:, :4]}, "sites must have shape"),
    ],
)
def test_a_dataset_made_by_hand_is_checked(change, message):
    data = tiny_dataset(6)
    replace(data, sites=None, intervals=None)
    with pytest.raises(UsageProblem, match=message):
        replace(data, **change(data))


def test_ids_of_a_file_are_unique(tmp_path):
    with pytest.raises(UsageProblem, match="ids must be unique; 'positive-1' occurs 2 times"):
        tiny_dataset(6).take([0, 3, 1, 0]).save(tmp_path / "d.h5")
    assert not list(tmp_path.iterdir())
