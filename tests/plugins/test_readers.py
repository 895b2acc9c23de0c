"""Test the readers deepbind and fasta: records, and messages about malformed files."""

import gzip
import re

import numpy as np
import pytest
from demo_fasta.options import FastaOptions
from hypothesis import given, settings
from hypothesis import strategies as st
from records import records_of

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError, UsageProblem
from demo_core.plugins.options import build
from demo_core.plugins.specs import DatasetReader
from demo_core.sequences.intervals import Interval
from demo_core.sequences.text_files import BadSource

HEADER = "FoldID\tEventID\tseq\tBound\n"


def read(registry, name, path, **options):
    found = registry.find(DatasetReader, name)
    return records_of(found.load()(build(found.spec.options, options, name)).read(path))


def table(rows):
    return HEADER + "".join(f"A\t{event}\t{seq}\t{bound}\n" for event, seq, bound in rows)


@pytest.mark.parametrize("ending", ["seq", "seq.gz"])
def test_ac_brings_b_as_the_test_split(tmp_path, registry, ending):
    ac = table([("seq_00001_peak", "ACGT", 1), ("seq_00003_peak", "AAAA", 1)])
    b = table([("seq_00002_peak", "CCGT", 1), ("seq_00002_shuf", "CGCT", 0)])
    for part, text in (("AC", ac), ("B", b)):
        raw = text.encode()
        (tmp_path / f"X (y)_{part}.{ending}").write_bytes(gzip.compress(raw) if ending.endswith("gz") else raw)
    records = read(registry, "deepbind", tmp_path / f"X (y)_AC.{ending}")
    assert [(r.id, r.sequence, r.labels, r.split) for r in records] == [
        ("seq_00001_peak", "ACGT", (1.0,), "train"),
        ("seq_00003_peak", "AAAA", (1.0,), "train"),
        ("seq_00002_peak", "CCGT", (1.0,), "test"),
        ("seq_00002_shuf", "CGCT", (0.0,), "test"),
    ]
    assert records[2].group == records[3].group != records[0].group
    assert len(read(registry, "deepbind", tmp_path / f"X (y)_AC.{ending}", sibling=False)) == 2
    assert [r.split for r in read(registry, "deepbind", tmp_path / f"X (y)_B.{ending}")] == ["test", "test"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "A\te\tACGT\n", "line 2: has 3 columns, but the header has 4"),
        (HEADER + "A\te\tACGT\tyes\n", "line 2: Bound must be a number, not 'yes'"),
        ("a\tb\n1\t2\n", "line 1: the header has no column seq or bound"),
        ("\0\1\2", "not a text file"),
    ],
)
def test_bad_tables(tmp_path, registry, text, message):
    (tmp_path / "x.seq").write_text(text)
    with pytest.raises(DemoError, match=message):
        read(registry, "deepbind", tmp_path / "x.seq")


def test_a_truncated_gzip_file_says_where_it_ends(tmp_path, registry):
    text = table([(f"e{i}", np.random.default_rng(i).choice(list("ACGT"), 50).tobytes().hex(), 1) for i in range(500)])
    (tmp_path / "x.seq.gz").write_bytes(gzip.compress(text.encode())[:-2000])
    with pytest.raises(DemoError, match=r"x.seq.gz: after line \d+: the gzip file is truncated"):
        read(registry, "deepbind", tmp_path / "x.seq.gz")


def fasta(tmp_path, text, name="x.fa"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


headers = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12).map(str.strip)
entries = st.lists(st.tuples(headers, st.text("ACGTNacgtn", min_size=1, max_size=40)), min_size=1, max_size=8)


@given(entries, st.integers(1, 20), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["x.fa", "x.fa.gz"]))
@settings(max_examples=80, deadline=None)
def test_fasta_in_any_line_width_and_line_ending(tmp_path_factory, registry, pairs, width, newline, name):
    pairs = [(("id" + h) if h.split()[:1] in (["0"], ["1"]) else h, s) for h, s in pairs]
    text = ""
    for header, sequence in pairs:
        wrapped = newline.join(sequence[i : i + width] for i in range(0, len(sequence), width))
        text += f">{header}{newline}{wrapped}{newline}"
    records = read(registry, "fasta", fasta(tmp_path_factory.mktemp("fa"), text, name))
    assert [(r.id, r.sequence.upper()) for r in records] == [
        (h.split()[0] if h.split() else "", s.upper()) for h, s in pairs
    ]


def test_labels_from_headers(tmp_path, registry):
    records = read(registry, "fasta", fasta(tmp_path, ">1\nACGT\n>0 chr1\nACGA\n"))
    assert [(r.id, r.labels) for r in records] == [("", (1.0,)), ("chr1", (0.0,))]


@given(
    st.lists(st.tuples(st.sampled_from("01"), st.text("ACGTNacgtn", min_size=7, max_size=7)), min_size=1, max_size=40)
)
@settings(max_examples=60, deadline=None)
def test_labelled_entries_of_one_line_in_blocks_of_any_size(tmp_path_factory, registry, pairs):
    import demo_fasta.reader as module

    path = fasta(tmp_path_factory.mktemp("fa"), "".join(f">{label}\n{text}\n" for label, text in pairs))
    for size in (1, 5, 64, 1 << 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_BLOCK", size)
            records = read(registry, "fasta", path)
        assert [(r.id, r.sequence, r.labels) for r in records] == [("", s.upper(), (float(n),)) for n, s in pairs]


@pytest.mark.parametrize("many", [1, 40_000])  # within one block, and after several
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (">1\nAC*T\n", r"x.fa: line {after}: illegal letter '\*' in column 3"),
        (">1\nAC\nGT\n>0\nA\n", r"\(x.fa line {last}\) has 1 bases"),
        (">1\nACGTA\n", r"\(x.fa line {line}\) has 5 bases, but the first record has 4"),
        (">0 chr1\n\n", "line {line}: header '>0 chr1' has no sequence"),
        (">c\nACGT\n", "line {line}: header '>c' is not >1 or >0"),
    ],
)
def test_a_bad_entry_among_many_is_named_by_its_line(tmp_path, demo, many, bad, said):
    path = fasta(tmp_path, ">1\nACGT\n>0\nACGA\n" * many + bad + ">1\nACGT\n")
    code, _, err = demo("data", "import", path, "-o", tmp_path / "d.h5")
    assert code == 1 and re.search(said.format(line=4 * many + 1, after=4 * many + 2, last=4 * many + 4), err), err
    assert not (tmp_path / "d.h5").exists()


def test_the_id_follows_the_label(tmp_path, registry):
    text = ">1 peak_1 more\nACGT\n>0.0\nACGA\n>1.0 chr1:10-14(-)\nACGC\n>0  x\nAC\nGG\n"
    for other in ("", ">0\nACG\n"):  # in a block, and record by record
        records = read(registry, "fasta", fasta(tmp_path, text + other))[:4]
        assert [(r.id, r.labels) for r in records] == [
            ("peak_1", (1.0,)), ("", (0.0,)), ("chr1:10-14(-)", (1.0,)), ("x", (0.0,))
        ]  # fmt: skip
        assert records[2].interval == Interval("chr1", 10, 14, "-")


def test_labels_from_files(tmp_path, registry):
    positive, negative = fasta(tmp_path, ">a\nACGT\n"), fasta(tmp_path, ">b\nACGA\n", "n.fa")
    test = fasta(tmp_path, ">1\nTTTT\n>0\nGGGG\n", "t.fa")
    records = read(registry, "fasta", positive, negatives_from=str(negative), test_from=str(test))
    assert [(r.labels, r.split) for r in records] == [
        ((1.0,), "train"), ((0.0,), "train"), ((1.0,), "test"), ((0.0,), "test")
    ]  # fmt: skip
    assert [r.labels for r in read(registry, "fasta", positive, all_positive=True)] == [(1.0,)]
    assert [r.labels for r in read(registry, "fasta", positive)] == [()]
    with pytest.raises(UsageProblem, match="omit --all-positive"):
        build(FastaOptions, {"negatives_from": "x", "all_positive": True}, "fasta")


def test_intervals_from_headers(tmp_path, registry, caplog):
    text = ">chr1:10-14(-)\nACGT\n>chr1:11-14\nACGT\n>chr1:1-99\nACGT\n>other\nACGT\n"
    records = read(registry, "fasta", fasta(tmp_path, text))
    assert [r.interval for r in records] == [Interval("chr1", 10, 14, "-"), Interval("chr1", 10, 14), None, None]
    assert "1 header: no interval assigned" in caplog.text


def test_an_import_says_what_the_reader_warned_of(tmp_path, demo):
    path = fasta(tmp_path, ">chr1:1-99\nACGT\n")
    code, _, err = demo("data", "import", path, "-o", tmp_path / "d.h5", "--all-positive")
    assert code == 0
    assert "1 header: no interval assigned" in err
    with SequenceDataset.open(tmp_path / "d.h5") as data:
        assert data.intervals is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "contains no sequence"),
        ("ACGT\n", "line 1: the first line .* must begin with '>'"),
        (">a\n>b\nACGT\n", "line 1: header '>a' has no sequence"),
        (">a\nACGT\n>b\n", "line 3: header '>b' has no sequence"),
        (">1\nACGT\n>b\nACGT\n", "line 3: header '>b' is not >1 or >0, as those before it are"),
        (">b\nACGT\n>1\nACGT\n", "line 3: header '>1' is a label, unlike those before it"),
    ],
)
def test_bad_fasta(tmp_path, registry, text, message):
    with pytest.raises(DemoError, match=message):
        read(registry, "fasta", fasta(tmp_path, text))


def test_missing_files_and_folders(tmp_path, registry):
    with pytest.raises(DemoError, match="no such file"):
        read(registry, "fasta", tmp_path / "none.fa")
    with pytest.raises(DemoError, match="this is a folder"):
        read(registry, "fasta", tmp_path)


@pytest.mark.parametrize("text", ["\n>1 a\nACGT\n", "\n\n \n>1 a\nACGT\n>0 b\nACGA\n", ">1 a\n\nAC\n\nGT\n\n"])
@pytest.mark.parametrize("size", [4, 1 << 20])
def test_blank_lines_are_skipped(tmp_path, registry, monkeypatch, text, size):
    monkeypatch.setattr("demo_fasta.reader._BLOCK", size)
    first, *_ = read(registry, "fasta", fasta(tmp_path, text))
    assert (first.id, first.sequence) == ("a", "ACGT")


def test_white_space_does_not_count_as_letters(tmp_path, registry, monkeypatch):
    monkeypatch.setenv("DEMO_MAX_RECORD_BYTES", "2000")
    monkeypatch.setattr("demo_fasta.reader._BLOCK", 500)
    text = ">a\n" + ("ACGT" + " " * 90 + "\n") * 60 + ">b\nACGT\n" * 50
    records = read(registry, "fasta", fasta(tmp_path, text))
    assert len(records) == 51 and records[0].sequence == "ACGT" * 60
    with pytest.raises(BadSource, match="exceeds the limit of 2,000"):
        read(registry, "fasta", fasta(tmp_path, ">a\n" + "ACGT\n" * 600 + ">b\nACGT\n" * 50))
