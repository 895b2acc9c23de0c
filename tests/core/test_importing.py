from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from demo_core.data.dataset import SequenceDataset
from demo_core.data.importing import AS_IS, import_records
from demo_core.data.record import Record
from demo_core.data.splits import ImportSettings
from demo_core.errors import DemoError, UsageProblem
from demo_core.sequences.alphabets import DNA
from demo_core.sequences.intervals import Interval


def load(records, path, settings=AS_IS, targets=("bound",)):
    notes = import_records(iter(records), path, lambda: targets, settings, "source")
    with SequenceDataset.open(path) as opened:
        return opened.take(slice(None)), notes


def random_records(n, length=20, seed=0, labels=(1.0,), **more):
    random = np.random.default_rng(seed)
    return [
        Record(f"s{i}", DNA.decode(random.integers(0, 4, length).astype(np.uint8)), labels, **more) for i in range(n)
    ]


def test_what_is_read_is_what_is_stored(tmp_path):
    records = [
        Record("a", "ACGTN", (1.0,), Interval("chr1", 10, 15, "-"), "train", sites="01100"),
        Record("b", "acgtr", (0.0,), None, "test"),
        Record("c", "AAAAA"),
    ]
    data, notes = load(records, tmp_path / "d.h5")
    assert notes == []
    assert [DNA.decode(c) for c in data.codes] == ["ACGTN", "ACGTN", "AAAAA"]
    assert data.labels[:2, 0].tolist() == [1, 0]
    assert np.isnan(data.labels[2, 0])
    assert list(data.ids) == ["a", "b", "c"]
    assert [data.interval(i) for i in range(3)] == [Interval("chr1", 10, 15, "-"), None, None]
    assert data.sites.tolist() == [[0, 1, 1, 0, 0], [0] * 5, [0] * 5]
    assert data.split.tolist() == [0, 2, 255]
    assert data.targets == ("bound",)


def test_columns_that_nobody_uses_are_left_out(tmp_path):
    data, _ = load(random_records(3), tmp_path / "d.h5")
    assert data.intervals is None
    assert data.sites is None


names = st.text(max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(names, min_size=1, max_size=12))
def test_ids_become_unique_and_keep_what_was_unique(tmp_path_factory, given_names):
    path = tmp_path_factory.mktemp("ids") / "d.h5"
    data, _ = load([Record(n, "ACGT") for n in given_names], path)
    assert len(set(data.ids)) == len(given_names)
    assert all(isinstance(i, str) and i for i in data.ids)
    plain = [n for n in given_names if n and "\0" not in n and n.isascii()]
    for name in set(plain):
        assert name in set(data.ids)


def test_missing_and_repeated_ids_are_numbered(tmp_path):
    data, notes = load([Record(n, "ACGT") for n in ("", "x", "x", "x.2", "x", "")], tmp_path / "d.h5")
    assert list(data.ids) == ["record-1", "x", "x.2", "x.2.2", "x.3", "record-6"]
    assert "3 repeated ids numbered" in notes[0]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "contains no sequence"),
        (
            [Record("a", "ACGT"), Record("b", "ACG", where="line 7")],
            r"record 2 'b' \(line 7\) has 3 bases, but .* 4: make a dataset file .* --length",
        ),
        ([Record("a", "ACGT"), Record("b", "AC*T")], r"record 2 'b' illegal letter '\*' in column 3"),
        ([Record("a", "")], "record 1 'a' has no sequence"),
        ([Record("a", "ACGT", (1.0, 0.0))], "has 2 labels for 1 targets"),
        ([Record("a", "ACGT", interval=Interval("c", 0, 5))], "4 bases, but its interval has 5"),
        ([Record("a", "ACGT", split="tset")], "did you mean 'test'"),
        ([Record("a", "ACGT", sites="0120")], "a site mark, 0 or 1, for each base"),
        ([Record("a\x1b[31m", "AC*T")], r"'a\[31m' illegal"),
    ],
)
def test_bad_records_are_named_and_nothing_is_written(tmp_path, records, message):
    with pytest.raises(DemoError, match=message):
        load(records, tmp_path / "d.h5")
    assert list(tmp_path.iterdir()) == []


@given(st.integers(1, 12), st.sampled_from("+-."))
@settings(max_examples=40, deadline=None)
def test_length_crops_or_pads_and_the_interval_follows(tmp_path_factory, length, strand):
    genome = "ACGTTGCAAGCTTACGGATC"
    whole = Interval("c", 6, 12, strand)
    text = genome[6:12]
    if strand == "-":
        text = DNA.decode(DNA.reverse_complement(DNA.encode(text)))
    path = tmp_path_factory.mktemp("length") / "d.h5"
    data, _ = load([Record("a", text, (), whole, sites="110000")], path, ImportSettings("none", 0, 0, length=length))
    interval = data.interval(0)
    assert len(interval) == length
    for place in range(length):
        letter = DNA.decode(data.codes[0])[place]
        base = genome[interval.position(place)]
        if letter != "N":
            assert letter == (DNA.decode(DNA.reverse_complement(DNA.encode(base))) if strand == "-" else base)
        if data.sites[0, place]:
            assert letter in text[:2]


def test_negatives_are_shuffles_that_share_group_and_split(tmp_path):
    data, notes = load(random_records(200), tmp_path / "d.h5", ImportSettings(seed=3))
    assert len(data) == 400
    positive = data.labels[:, 0] == 1
    assert positive.sum() == 200
    for row in np.flatnonzero(~positive):
        (source,) = np.flatnonzero(positive & (data.ids == data.ids[row].removesuffix(".shuffled")))
        assert data.group[row] == data.group[source]
        assert data.split[row] == data.split[source]
        count = np.bincount(data.codes[row][:-1] * 4 + data.codes[row][1:], minlength=16)
        assert (count == np.bincount(data.codes[source][:-1] * 4 + data.codes[source][1:], minlength=16)).all()
    assert {len(data.rows_of_split(s)) > 0 for s in ("train", "validation", "test")} == {True}
    assert any("dinucleotide-preserving shuffle" in n for n in notes)


def test_a_seed_repeats_an_import_and_another_does_not(tmp_path):
    digests = [
        load(random_records(50), tmp_path / f"{i}.h5", ImportSettings(seed=s))[0].digest()
        for i, s in enumerate((1, 1, 2))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_splits_that_have_negatives_get_none(tmp_path):
    mixed = random_records(40, split="train") + [
        *random_records(10, seed=1, split="test"),
        *random_records(10, seed=2, labels=(0.0,), split="test"),
    ]
    data, _ = load(mixed, tmp_path / "d.h5", ImportSettings(validation=0))
    assert len(data.rows_of_split("test")) == 20
    assert len(data.rows_of_split("train")) == 80


def test_labels_that_are_not_binary_get_no_negatives(tmp_path):
    data, notes = load(random_records(10, labels=(2.5,)), tmp_path / "d.h5", ImportSettings())
    assert len(data) == 10
    assert "not 0 and 1" in notes[-1]


def test_equal_sequences_are_never_parted_by_a_split(tmp_path):
    base = random_records(60)
    flipped = [Record("", DNA.decode(DNA.reverse_complement(DNA.encode(r.sequence))), (0.0,)) for r in base]
    data, _ = load(base + flipped, tmp_path / "d.h5", ImportSettings(validation=0.3, test=0.2))
    assert (data.split[:60] == data.split[60:]).all()
    assert len(set(data.split.tolist())) == 3


@given(st.integers(2, 60), st.floats(0, 0.6), st.integers(0, 99))
@example(4, 0.25, 3)  # the held-out positive is alone in its split and gets a shuffle
@settings(max_examples=40, deadline=None)
def test_groups_stay_together_and_shares_are_kept(tmp_path_factory, n, share, seed):
    records = [Record("", r.sequence, (float(i % 2),), group=i // 3) for i, r in enumerate(random_records(n))]
    path = tmp_path_factory.mktemp("groups") / "d.h5"
    data, _ = load(records, path, ImportSettings(validation=share, test=0, seed=seed))
    for group in np.unique(data.group):
        assert len(set(data.split[data.group == group].tolist())) == 1
    held_out = data.rows_of_split("validation")
    sizes = [len(records[i : i + 3]) for i in range(0, n, 3)]
    # the fraction refers to records read, before shuffles; if every group is larger, the closest one is held out
    assert (held_out < n).sum() <= max(share * n, min(sizes) if share * n < max(sizes) else 0, 3 * (share > 0))
    if share > 0 and len(sizes) > 1:
        assert len(held_out) > 0
    assert (held_out >= n).sum() <= (held_out < n).sum()


def test_one_split_for_all(tmp_path):
    data, _ = load(random_records(20), tmp_path / "d.h5", ImportSettings(split="test"))
    assert set(data.split.tolist()) == {2}
    with pytest.raises(UsageProblem, match="did you mean 'test'"):
        ImportSettings(split="tset")
    with pytest.raises(UsageProblem, match="below 1"):
        ImportSettings(validation=1.5)


def test_blocks_do_not_show(tmp_path, monkeypatch):
    import demo_core.data.importing as module

    records = random_records(50) + [Record("late", "A" * 20, (1.0,), Interval("c", 0, 20))]
    whole, _ = load(records, tmp_path / "a.h5", ImportSettings(negatives="none"))
    monkeypatch.setattr(module, "BLOCK", 7)
    parts, _ = load(records, tmp_path / "b.h5", ImportSettings(negatives="none"))
    assert whole.digest() == parts.digest()
    assert parts.interval(50) == Interval("c", 0, 20)


def test_a_failure_half_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "d.h5"
    first, _ = load(random_records(3), path)

    def failing():
        yield from random_records(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_records(failing(), path, lambda: ("bound",), AS_IS, "source")
    assert [p.name for p in Path(tmp_path).iterdir()] == ["d.h5"]
    with SequenceDataset.open(path) as again:
        assert again.digest() == first.digest()


def test_blocks_of_arrays_are_records(tmp_path):
    from demo_core.data.record import RecordBlock
    from demo_core.testing import tiny_dataset

    tiny = tiny_dataset(30)
    block = RecordBlock(
        tiny.codes, tiny.labels, list(tiny.ids), [tiny.interval(i) for i in range(30)],
        ["train"] * 30, [int(g) for g in tiny.group], tiny.sites,
    )  # fmt: skip
    data, _ = load([block, Record("last", "A" * 40)], tmp_path / "d.h5")
    assert len(data) == 31
    assert (data.group[:30:2] == data.group[1:30:2]).all()
    assert len(set(data.group.tolist())) == 16
    for name in ("codes", "labels", "ids", "intervals", "sites"):
        assert np.array_equal(getattr(data, name)[:30], getattr(tiny, name)), name
    bare, _ = load([RecordBlock(tiny.codes)], tmp_path / "e.h5")
    assert np.array_equal(bare.codes, tiny.codes)
    assert np.isnan(bare.labels).all()
    assert bare.ids[0] == "record-1"


def test_equal_sequences_stay_together_within_given_groups_too(tmp_path):
    base = random_records(40)
    twice = [Record(f"{r.id}-{i}", r.sequence, (1.0,), group=f"{i}-{r.id}") for i in range(2) for r in base]
    data, _ = load(twice, tmp_path / "d.h5", ImportSettings("none", validation=0.3, test=0.2))
    assert (data.group[:40] == data.group[40:]).all()
    assert (data.split[:40] == data.split[40:]).all()


def test_positives_that_have_no_other_order_get_no_negative(tmp_path):
    repeats = [Record("a", "A" * 20, (1.0,)), Record("b", "AC" * 10, (1.0,))]
    data, notes = load(repeats + random_records(5), tmp_path / "d.h5", ImportSettings(validation=0, test=0))
    assert len(data) == 7 + 5
    assert "7 positives, no negatives; " in notes[-1]
    assert "shuffle of 5 of them; the shuffles of the others equal the original" in notes[-1]


def test_shuffling_reads_few_rows_at_a_time(tmp_path, monkeypatch):
    import demo_core.data.dataset as dataset_module
    import demo_core.data.importing as module

    monkeypatch.setattr(module, "BLOCK", 16)
    monkeypatch.setattr(dataset_module, "BLOCK", 16)
    unlabelled = random_records(500, seed=1, labels=())
    mixed = unlabelled[:250] + random_records(1) + unlabelled[250:] + random_records(1, seed=5)
    sizes = []
    method = module.dinucleotide_shuffle
    monkeypatch.setattr(module, "dinucleotide_shuffle", lambda codes, *a: sizes.append(len(codes)) or method(codes, *a))
    load(mixed, tmp_path / "d.h5", ImportSettings(validation=0, test=0))
    assert sizes == [2]


def test_an_infinite_label_is_refused(tmp_path):
    with pytest.raises(DemoError, match="label too large for a 32-bit float"):
        load([Record("a", "ACGT", (float("inf"),))], tmp_path / "d.h5")


def test_sites_that_a_crop_cuts_are_counted(tmp_path):
    records = [
        Record("whole", "ACGT" * 5, (1.0,), sites="0" * 8 + "1111" + "0" * 8),
        Record("cut", "CCGT" * 5, (1.0,), sites="1111" + "0" * 16),
        Record("none", "GCGT" * 5, (0.0,), sites="0" * 20),
    ]
    notes = import_records(iter(records), tmp_path / "d.h5", lambda: ("bound",), ImportSettings(length=8), "x", {})
    assert "1 sequence lost a known site, or a part of it, by cropping; labels did not change" in notes


@pytest.mark.parametrize(("sizes", "test", "validation"), [
    ([4] * 5, 4, 4), ([1] * 9, 1, 1), ([1, 1, 1], 1, 1), ([30, 5, 5, 4], 4, 4), ([50, 2, 1], 2, 1), ([1] * 100, 10, 9),
])  # fmt: skip
def test_each_share_gets_at_least_one_group(tmp_path, sizes, test, validation):
    groups = [g for g, n in enumerate(sizes) for _ in range(n)]
    records = [Record("", r.sequence, (float(i % 2),), group=g) for (i, r), g in zip(
        enumerate(random_records(len(groups))), groups, strict=True)]  # fmt: skip
    data, notes = load(records, tmp_path / "d.h5", ImportSettings(negatives="none"))
    held_out = [len(data.rows_of_split(name)) for name in ("test", "validation")]
    if len(set(sizes)) == 1:
        assert held_out == [test, validation]
    assert min(held_out) > 0 and len(data.rows_of_split("train")) > 0
    for name, n in zip(("test", "validation"), held_out, strict=True):
        assert any(note.startswith(f"{name} split: {n:,} of") for note in notes)


def test_two_groups_cannot_make_three_splits_and_it_is_said(tmp_path):
    records = [Record("", r.sequence, (float(i % 2),), group=i // 10) for i, r in enumerate(random_records(20))]
    data, notes = load(records, tmp_path / "d.h5", ImportSettings(negatives="none"))
    assert [len(data.rows_of_split(s)) for s in ("train", "validation", "test")] == [10, 10, 0]
    assert "test split: 0 of 20 training sequences: 2 groups of sequences cannot be divided further" in notes


def test_sequences_without_labels_get_no_split(tmp_path):
    records = [Record(r.id, r.sequence) for r in random_records(20)]
    data, notes = load(records, tmp_path / "d.h5", ImportSettings())
    assert set(data.split[:].tolist()) == {255} and len(data) == 20
    assert notes == ["no sequence has a label, so no splits were assigned"]
    given, _ = load(records, tmp_path / "e.h5", ImportSettings(split="train"))
    assert len(given.rows_of_split("train")) == 20


def test_a_label_is_checked_as_it_is_stored(tmp_path):
    with pytest.raises(DemoError, match="too large for a 32-bit float"):
        load([Record("a", "ACGT", (1e39,))], tmp_path / "d.h5", ImportSettings())
    assert not (tmp_path / "d.h5").exists()


CHOOSY = """
from demo_core import DatasetReader, hookimpl
DEMO_API = 1
@hookimpl
def register_datasets(register):
    register(DatasetReader(name="choosy", target="demo_local_choosy:Choosy", summary="a"))
class Choosy:
    def __init__(self, options):
        HOW
    def read(self, source):
        yield
"""


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("raise ValueError('not here')", 3, "demo: reader 'choosy': not here"),
        ("int('x')", 4, "failed: ValueError: invalid literal"),
    ],
)
def test_a_reader_can_refuse_as_it_is_made(here, demo, how, status, said):
    (here / "choosy.py").write_text(CHOOSY.replace("HOW", how))
    line = ["data", "import", "choosy.py", "--reader", "choosy", "-o", "x.h5", "--plugin", "choosy.py"]
    code, _, err = demo(*line)
    assert (code, said in err) == (status, True), err
