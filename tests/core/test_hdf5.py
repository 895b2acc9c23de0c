"""Test files from other sources, valid and malicious."""

import json

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError, UsageProblem
from demo_core.results.explanation import Explanation
from demo_core.storage import TextColumn, hdf5
from demo_core.testing import tiny_dataset


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "data.h5"
    tiny_dataset(20).save(path)
    return path


def edit_meta(file, **changes):
    meta = json.loads(file.attrs["demo"])
    meta.update(changes)
    file.attrs["demo"] = json.dumps(meta)
    del file.attrs["demo-crc32"]


def without_checksums(file):
    """Write a file whose content need not match its metadata."""
    edit_meta(file, text_checksums={})


def replace(file, name, **how):
    data = file[name][:]
    del file[name]
    return file.create_dataset(name, **{"data": data, **how})


def external_link(file):
    del file["codes"]
    file["codes"] = h5py.ExternalLink("other.h5", "/codes")


def soft_link(file):
    file.move("codes", "other")
    file["codes"] = h5py.SoftLink("/other")


def external_storage(file):
    shape = file["codes"].shape
    del file["codes"]
    file.create_dataset("codes", shape, "u1", external=[("/etc/hostname", 0, 10_000)])


def virtual(file):
    shape = file["codes"].shape
    del file["codes"]
    layout = h5py.VirtualLayout(shape, "u1")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape)
    file.create_virtual_dataset("codes", layout)


def never_written(file):
    shape = (10_000, 4000)
    del file["codes"]
    file.create_dataset("codes", shape, "u1", chunks=(100, 100))


def a_bomb(file):
    """Zeros deflated twice: the ratio of one pass is bounded by 1,032, that of two is not."""
    del file["sites"]
    shape = (20, 4_000_000)
    how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    how.set_chunk((1, 4_000_000))
    how.set_deflate(9)
    how.set_deflate(9)
    low = h5py.h5d.create(file.id, b"sites", h5py.h5t.NATIVE_UINT8, h5py.h5s.create_simple(shape), how)
    h5py.Dataset(low)[:] = 0


def big_chunks(file):
    del file["sites"]
    file.create_dataset("sites", (20, 5_000_000), "u1", chunks=(20, 5_000_000))


HOSTILE = {
    "external link": (external_link, "link"),
    "soft link": (soft_link, "which the format does not have|link"),
    "external storage": (external_storage, "another file"),
    "virtual": (virtual, "another file"),
    "never written": (never_written, "never written|stores 0|claims"),
    "bomb": (a_bomb, "claims"),
    "big chunks": (big_chunks, "64 MiB"),
    "another type": (lambda f: replace(f, "codes", data=f["codes"][:].astype("i4")), "must have uint8"),
    "another shape": (lambda f: replace(f, "codes", data=f["codes"][:].ravel()), "axes"),
    "fewer rows": (lambda f: replace(f, "labels", data=f["labels"][:5]), "rows"),
    "a group": (lambda f: f.create_group("more"), "does not have"),
    "missing": (lambda f: f.__delitem__("group"), "no dataset 'group'"),
    "no metadata": (lambda f: f.attrs.__delitem__("demo"), "does not say"),
    "metadata no string": (lambda f: f.attrs.__setitem__("demo", 3), "not one string"),
    "metadata no json": (lambda f: f.attrs.__setitem__("demo", "{"), "damaged"),
    "metadata a list": (lambda f: f.attrs.__setitem__("demo", "[]"), "format is nothing"),
    "metadata deep": (lambda f: f.attrs.__setitem__("demo", "[" * 100_000), "damaged"),
    "metadata NaN": (
        lambda f: f.attrs.__setitem__("demo", '{"format": "demo-dataset", "version": NaN}'),
        "NaN is not JSON",
    ),
    "newer": (lambda f: edit_meta(f, version=99), "upgrade"),
    "alphabet": (lambda f: edit_meta(f, alphabet="klingon"), "unknown alphabet"),
    "targets": (lambda f: edit_meta(f, targets=["a", "b"]), "targets"),
    "targets no text": (lambda f: edit_meta(f, targets=[3]), "must be text"),
    "another filter": (lambda f: replace(f, "codes", compression="lzf"), "filter"),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_or_damaged_file_is_refused_in_one_line(path, how):
    change, message = HOSTILE[how]
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(DemoError, match=message) as caught:
        SequenceDataset.open(path)
    assert "\n" not in str(caught.value)
    assert "data.h5" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.95])
def test_a_truncated_file_is_refused(path, keep):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep if keep >= 1 else keep * len(whole))])
    with pytest.raises(DemoError, match="truncated|damaged"):
        SequenceDataset.open(path)


CONTENT = {
    "letters": ("codes", 200, "a letter that its alphabet does not have"),
    "split": ("split", 7, "an unknown split"),
}


@pytest.mark.parametrize("how", CONTENT)
def test_content_that_the_format_forbids_is_refused_as_it_is_read(path, demo, how):
    name, value, message = CONTENT[how]
    with h5py.File(path, "r+") as file:
        file[name][3] = value
    with (
        SequenceDataset.open(path) as data,
        pytest.raises(DemoError, match=rf"data.h5 is damaged: negative-2 has {message}"),
    ):
        data.take([0, 3])
    code, _, err = demo("data", "info", path)
    assert (code, message in err) == (1, True)


def test_ids_that_unfold_into_much_more_than_the_file_are_refused(path):
    """Many references to one long string: the size of the dataset does not show it."""
    with h5py.File(path, "r+") as file:
        del file["ids"]
        ids = file.create_dataset("ids", (20,), h5py.string_dtype("utf-8"), chunks=(1,))
        ids[0] = "x" * 4_000_000
        pointer = ids.id.read_direct_chunk((0,))[1]
        for row in range(1, 20):
            ids.id.write_direct_chunk((row,), pointer)
        without_checksums(file)
    with SequenceDataset.open(path) as data, pytest.raises(DemoError, match="ids are too long"):
        data.ids[:]


def test_ids_that_are_not_text_are_refused(path):
    with h5py.File(path, "r+") as file:
        file["ids"][2] = b"\xff\xfe"
        without_checksums(file)
    with SequenceDataset.open(path) as data, pytest.raises(DemoError, match="is not text"):
        data.take([2])


def test_rows_too_large_for_a_chunk_are_cut(tmp_path):
    with hdf5.create(tmp_path / "x.h5") as file:
        hdf5.append_columns(file, {"values": hdf5.Field("float32", 3)}, {"values": np.ones((1, 3000, 3000), "f4")})
        assert np.prod(file["values"].chunks) * 4 <= 16 << 20


def test_numbers_are_compressed_if_that_saves_space(tmp_path):
    rows = 3000
    block = {
        "values": np.random.default_rng(0).normal(size=(rows, 4, 40)).astype(np.float32),
        "codes": np.random.default_rng(0).integers(0, 4, (rows, 40)).astype(np.uint8),
    }
    fields = {"values": hdf5.Field("float32", 3), "codes": hdf5.Field("uint8", 2)}
    with hdf5.create(tmp_path / "x.h5") as file:
        hdf5.append_columns(file, fields, block)
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["values"].compression is None and file["codes"].compression == "gzip"
        for name, column in block.items():
            assert file[name].fletcher32 and np.array_equal(file[name][:], column)


def test_what_is_no_file(tmp_path, path):
    with pytest.raises(DemoError, match="no such file"):
        SequenceDataset.open(tmp_path / "none.h5")
    with pytest.raises(DemoError, match="is a folder"):
        SequenceDataset.open(tmp_path)
    with pytest.raises(DemoError, match="format is demo-dataset, not demo-explanation"):
        Explanation.open(path)


def test_metadata_may_be_large_and_all_zero_data_is_fine(tmp_path):
    data = tiny_dataset(4000, 100)
    data.codes[:] = 0
    data.chroms = tuple(f"scaffold_{i}" for i in range(30_000))
    data.save(tmp_path / "large.h5")
    with SequenceDataset.open(tmp_path / "large.h5") as again:
        assert again.digest() == data.digest()


@pytest.mark.parametrize(
    "interval", [[7, 0, 40, 1], [0, 40, 0, 1], [0, 0, 40, 5], [0, 0, 41, 1], [0, 2**31, 2**31 + 40, 1]]
)
def test_an_impossible_interval_is_refused_when_the_file_is_opened(path, interval):
    with h5py.File(path, "r+") as file:
        file["intervals"][3] = interval
    with pytest.raises(DemoError, match=r"data.h5 is refused: row 4 .* has an invalid interval"):
        SequenceDataset.open(path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=6)))
def test_strings_of_any_length_come_back(tmp_path_factory, blocks):
    path = tmp_path_factory.mktemp("text") / "t.h5"
    with hdf5.create(path) as file:
        for block in blocks:
            hdf5.append_columns(file, {"ids": hdf5.Field("str", 1)}, {"ids": np.array(block, dtype=object)})
        hdf5.describe(file, {"format": "text", "version": 1})
    file, _ = hdf5.open_checked(path, "text", 1, {"ids": hdf5.Field("str", 1, required=False)})
    wanted = [text for block in blocks for text in block]
    with file:
        assert list(file) == (["ids"] if blocks else [])
        if blocks:
            assert TextColumn(file["ids"])[:].tolist() == file["ids"].asstr()[:].tolist() == wanted
            assert [TextColumn(file["ids"])[i] for i in range(len(wanted))] == wanted


@pytest.mark.parametrize("longest", [0, 10, 200, 10_000])
def test_a_longer_string_widens_the_column(tmp_path, longest):
    names = [f"peak_{i}" for i in range(20_000)] + ["é" * longest, ""]
    with hdf5.create(tmp_path / "t.h5") as file:
        for start in range(0, len(names), 5000):
            column = np.array(names[start : start + 5000], dtype=object)
            hdf5.append_columns(file, {"ids": hdf5.Field("str", 1)}, {"ids": column})
        hdf5.describe(file, {"format": "text", "version": 1})
    file, _ = hdf5.open_checked(tmp_path / "t.h5", "text", 1, {"ids": hdf5.Field("str", 1)})
    with file:
        assert TextColumn(file["ids"])[:].tolist() == names
    assert (tmp_path / "t.h5").stat().st_size < 1e6


def test_a_string_that_hdf5_would_change_is_refused(tmp_path):
    data = tiny_dataset(20)
    data.ids[3] = "a\0b"
    with pytest.raises(UsageProblem, match=r"'a\\x00b' contains a NUL character"):
        data.save(tmp_path / "d.h5")
    assert list(tmp_path.iterdir()) == []


def test_strings_too_wide_for_memory_are_refused(tmp_path):
    tiny_dataset(20).save(tmp_path / "d.h5")
    with h5py.File(tmp_path / "d.h5", "r+") as file:
        del file["ids"]
        wide = h5py.string_dtype("utf-8", 1 << 24)
        file.create_dataset("ids", (20,), wide, chunks=(1,), compression="gzip")
    with pytest.raises(DemoError, match="is refused: 'ids' has type"):
        SequenceDataset.open(tmp_path / "d.h5")


def test_one_long_string_does_not_widen_all_in_memory(tmp_path):
    import tracemalloc

    data = tiny_dataset(8000, 20)
    data.ids[10] = "é" * 50_000
    tracemalloc.start()
    data.save(tmp_path / "d.h5")
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    with SequenceDataset.open(tmp_path / "d.h5") as opened:
        assert opened.ids[10] == data.ids[10] and opened.ids[:].tolist() == data.ids.tolist()


def test_a_string_with_a_nul_inside_is_refused_when_it_is_read(path):
    with h5py.File(path, "r+") as file:
        ids = file["ids"][:]
        ids[3] = b"n\0gative"
        file["ids"][:] = ids
    with SequenceDataset.open(path) as data, pytest.raises(DemoError, match=r"an id after row \d has a NUL character"):
        data.take([3])
