"""Test that importing blocks gives the same dataset as importing single records, against naive loops."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core import BadSource, Interval, Record, RecordBlock, SequenceDataset
from demo_core.data.collecting import Groups
from demo_core.data.dataset import DatasetWriter
from demo_core.data.importing import AS_IS, import_records
from demo_core.data.interval_table import IntervalTable
from demo_core.data.splits import ImportSettings
from demo_core.errors import DemoError, UsageProblem
from demo_core.sequences import DNA, number_equal, strand_free_keys, text_blocks, text_lines
from demo_core.storage.hdf5_chunks import ChunkWriter
from demo_core.testing import tiny_dataset

dna = st.text("ACGTN", min_size=6, max_size=6)


def load(records, path, settings=AS_IS, targets=("bound",)):
    import_records(iter(records), path, lambda: targets, settings, "source")
    with SequenceDataset.open(path) as opened:
        return opened.take(slice(None))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_equal_keys_get_equal_numbers_in_order_of_appearance(pairs):
    known = {}
    wanted = [known.setdefault(pair, len(known)) for pair in pairs]
    assert number_equal(np.array(pairs, np.uint64).reshape(-1, 2)).tolist() == wanted


def test_keys_of_many_sequences_differ():
    codes = np.random.default_rng(0).integers(0, 5, (20_000, 24)).astype(np.uint8)
    keys = strand_free_keys(codes, DNA)
    assert len(np.unique(keys[:, 0])) == len(np.unique(keys[:, 1])) == 20_000
    # also for similar sequences: every single substitution of a long sequence
    one = np.tile(codes[:1].repeat(250, axis=1), (4000, 1))
    one[np.arange(4000), np.arange(4000)] = (one[0, :4000] + 1) % 5
    assert len(np.unique(strand_free_keys(one, DNA)[:, 0])) == 4000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 12))), min_size=1, max_size=40))
def test_groups_are_the_connected_components(rows):
    groups = Groups()
    for start in range(0, len(rows), 7):
        part = rows[start : start + 7]
        groups.add(np.array([[sequence, 0] for sequence, _ in part], np.uint64), [name for _, name in part])
    found = groups.numbers()
    component = list(range(len(rows)))
    for _ in rows:  # naive: join until nothing changes
        for i, (sequence, name) in enumerate(rows):
            for j, (other, another) in enumerate(rows):
                if sequence == other or (name is not None and name == another):
                    component[i] = component[j] = min(component[i], component[j])
    order = list(dict.fromkeys(component))
    assert found.tolist() == [order.index(c) for c in component]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(dna, st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=20), st.integers(3, 9)
)
def test_a_block_gives_what_its_records_give(tmp_path_factory, rows, length):
    folder = tmp_path_factory.mktemp("blocks")
    n = len(rows)
    codes = np.stack([DNA.encode(text) for text, *_ in rows])
    block = RecordBlock(
        codes=codes,
        labels=np.array([[1.0 if positive else np.nan] for _, positive, _, _ in rows]),
        ids=[f"s{i % 3}" if named else "" for i, (_, _, named, _) in enumerate(rows)],
        intervals=[Interval("c", i, i + 6, "-") if placed else None for i, (_, _, _, placed) in enumerate(rows)],
        splits=["train" if positive else None for _, positive, _, _ in rows],
        groups=[i // 2 for i in range(n)],
        sites=codes == 2,
    )
    how = ImportSettings("none", 0, 0, length=length)
    many = load([block], folder / "a.h5", how)
    one = load(block.records(DNA), folder / "b.h5", how)
    assert many.digest() == one.digest()
    mixed = load([RecordBlock(codes), *block.records(DNA), RecordBlock(codes[:1])], folder / "c.h5", how)
    assert len(mixed) == 2 * n + 1 and len(set(mixed.ids)) == 2 * n + 1
    assert (mixed.codes[n : 2 * n] == one.codes).all()
    if one.intervals is not None:
        assert (mixed.intervals[n : 2 * n] == one.intervals).all() and (mixed.intervals[:n, 0] == -1).all()
    if one.sites is not None:
        assert (mixed.sites[n : 2 * n] == one.sites).all() and not mixed.sites[:n].any()


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (RecordBlock(np.full((2, 4), 7, np.uint8), where="line 3"), r"record 1 \(line 3\) .* from 0 to 4, not 7"),
        (RecordBlock(np.zeros((2, 4))), "codes must be integers"),
        (RecordBlock(np.zeros((2, 4), np.uint8), labels=np.zeros((2, 3))), r"labels have shape \(2, 3\), not \(2, 1\)"),
        (RecordBlock(np.zeros((2, 4), np.uint8), ids=["a"]), r"ids have shape \(1,\), not \(2,\)"),
        (RecordBlock(np.zeros((2, 4), np.uint8), labels=np.full((2, 1), 1e39)), "record 1 has a label too large"),
        (RecordBlock(np.zeros((2, 4), np.uint8), ids=["a", "b"], splits=[None, "tset"]), "record 2 'b' .*'test'"),
        (
            RecordBlock(np.zeros((2, 4), np.uint8), intervals=[None, Interval("c", 0, 3)]),
            "record 2 has 4 bases, but its interval has 3",
        ),
        (RecordBlock(np.zeros((2, 0), np.uint8)), "record 1 has no sequence"),
    ],
)
def test_bad_blocks_are_named_and_nothing_is_written(tmp_path, block, problem):
    with pytest.raises(DemoError, match=problem):
        load([block], tmp_path / "d.h5")
    assert list(tmp_path.iterdir()) == []


def test_names_that_look_generated_do_not_collide(tmp_path):
    codes = np.zeros((3, 4), np.uint8)
    data = load([RecordBlock(codes), Record("record-2", "ACGT"), RecordBlock(codes)], tmp_path / "d.h5")
    assert list(data.ids) == ["record-1", "record-2", "record-3", "record-2.2", "record-5", "record-6", "record-7"]
    data = load([Record("record-3", "ACGT"), RecordBlock(codes)], tmp_path / "e.h5")
    assert list(data.ids) == ["record-3", "record-2", "record-3.2", "record-4"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=8),
    st.sampled_from([((), "i8"), ((), "S9"), ((), "f4"), ((7,), "u1"), ((101,), "u1"), ((4,), "i8"), ((4, 11), "f4")]),
    st.booleans(),
    st.integers(0, 8),
)
def test_chunks_packed_in_threads_are_read_by_hdf5(tmp_path_factory, steps, kind, empty, pause):
    path, (inner, dtype) = tmp_path_factory.mktemp("chunks") / "c.h5", kind
    rows = np.random.default_rng(0).integers(0, 500, (sum(steps), *inner)).astype(dtype)
    if empty:
        rows[:] = 0
    writer = ChunkWriter()
    with h5py.File(path, "w") as file:
        made = file.create_dataset(
            "c", (0, *inner), dtype, maxshape=(None, *inner), chunks=(64, *inner), compression="gzip",
            compression_opts=1, shuffle=True, fletcher32=True,
        )  # fmt: skip
        start = 0
        for number, step in enumerate(steps):
            made.resize(start + step, axis=0)
            writer.write(made, start, rows[start : start + step])
            start += step
            if number == pause:  # as when a column is read before more rows are written
                writer.finish()
                assert (made[:] == rows[:start]).all()
        writer.finish()
        rows = rows[::-1].copy()
        writer.write(made, 0, rows)
        writer.finish()
    writer.close()
    with h5py.File(path) as file:  # which checks the sums
        assert (file["c"][:] == rows).all()


def test_a_damaged_chunk_that_was_packed_in_a_thread_is_noticed(tmp_path):
    path = tmp_path / "d.h5"
    data = tiny_dataset(4000)
    data.save(path)
    with h5py.File(path) as file:
        chunk = file["codes"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)
    with SequenceDataset.open(path) as opened, pytest.raises(DemoError, match="damaged"):
        _ = opened.codes[:10]


def test_columns_that_come_late_are_filled_before(tmp_path):
    data = tiny_dataset(20)
    bare = SequenceDataset(data.codes, data.labels, data.targets, data.ids, data.group, data.split)
    bare.ids = np.array([f"x{i}" for i in range(20)], object)
    with DatasetWriter(tmp_path / "d.h5") as writer:
        writer.append(bare)
        writer.append(data)
        assert (writer.column("codes")[:] == np.concatenate([data.codes, data.codes])).all()
    with SequenceDataset.open(tmp_path / "d.h5") as opened:
        assert (opened.intervals[:20, 0] == -1).all() and (opened.intervals[20:] == data.intervals).all()
        assert not opened.sites[:20].any() and (opened.sites[20:] == data.sites).all()


lines = st.lists(
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12), min_size=1, max_size=30
)


@settings(max_examples=100, deadline=None)
@given(lines, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(1, 40))
def test_blocks_of_text_are_the_lines(tmp_path_factory, texts, newline, ended, size):
    texts = [*texts, "last"]
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes((newline.join(texts) + newline * ended).encode())
    blocks = list(text_blocks(path, size))
    assert "".join(text for _, text in blocks) == "\n".join(texts) + "\n" * ended
    number = 1
    for first, text in blocks:
        assert first == number
        number += text.count("\n")
    assert [(n, text.lstrip("\ufeff") if n == 1 else text) for n, text in text_lines(path)] == [
        (n, text.lstrip("\ufeff") if n == 1 else text) for n, text in enumerate(texts, 1)
    ]


def test_a_line_with_a_zero_byte_is_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\ntwo\nth\0ree\n")
    with pytest.raises(BadSource, match="line 3: this is not a text file"):
        list(text_lines(path))


@given(
    places=st.lists(
        st.none() | st.tuples(st.sampled_from("abc"), st.integers(-50, 50), st.sampled_from("+-.")), max_size=9
    ),
    first=st.integers(-20, 20),
    length=st.integers(0, 30),
)
def test_a_table_of_intervals_is_a_list_of_them(places, first, length):
    intervals = [p and Interval(p[0], p[1], p[1] + 12, p[2]) for p in places]
    table = IntervalTable.of(intervals)
    assert list(table) == intervals and list(table[1:]) == intervals[1:]
    assert list(table.part(first, length)) == [i and i.part(first, length) for i in intervals]
    chroms = {"c": 0}
    assert list(IntervalTable([*chroms, *(c for c in dict.fromkeys(p[0] for p in places if p) if c != "c")],
                              table.numbered(chroms))) == intervals  # fmt: skip


@pytest.mark.parametrize("row", [(2, 0, 5, 1), (-2, 0, 5, 1), (0, 5, 4, 1), (0, 0, 5, 2)])
def test_a_table_refuses_what_is_no_interval(row):
    with pytest.raises(UsageProblem, match=r"row 1 \(0-based\) of intervals is invalid: .*chromosome from -1 to 1"):
        IntervalTable(["a", "b"], [(0, 0, 5, 1), row])


def test_a_reader_may_use_its_memory_again(tmp_path):
    buffer = np.empty((1000, 200), np.uint8)

    def blocks():
        for number in range(5):
            buffer[:] = number % 4
            yield RecordBlock(buffer, labels=np.full((1000, 1), float(number)))

    data = load(blocks(), tmp_path / "d.h5")
    assert (data.codes == np.arange(5).repeat(1000)[:, None] % 4).all()


def test_columns_of_a_block_may_be_arrays(tmp_path):
    codes = np.array([[0, 1, 2], [1, 1, 2], [2, 2, 0], [3, 3, 1]], np.uint8)
    splits, ids = np.array(["train", "test", "test", "train"]), np.array(["a", "b", "c", "d"])
    data = load([RecordBlock(codes, groups=np.array([5, 5, 7, 5]), splits=splits, ids=ids)], tmp_path / "d.h5")
    assert data.group.tolist() == [0, 0, 1, 0] and data.split.tolist() == [0, 2, 2, 0] and list(data.ids) == list(ids)


def test_a_column_can_be_replaced_right_after_it_was_written(tmp_path):
    data = tiny_dataset(50)
    with DatasetWriter(tmp_path / "d.h5") as writer:
        writer.append(data)
        writer.rewrite("group", np.arange(100, 150))
    with SequenceDataset.open(tmp_path / "d.h5") as opened:
        assert opened.group[:].tolist() == list(range(100, 150)) and (opened.codes[:] == data.codes).all()


def test_no_sequence_has_no_group():
    assert Groups().numbers().tolist() == []
