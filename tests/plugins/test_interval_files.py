"""Test that interval formats are read as specified, and that assumptions are logged."""

import json

import numpy as np
import pytest
from demo_bed.lines import read_intervals

from demo_core import BadSource, SequenceDataset
from demo_core.sequences.intervals import Interval, locus_in

PEAK = "chr1\t100\t200\tp\t5\t.\t1\t2\t3\t{}"


def lines(tmp_path, name, text, **how):
    (tmp_path / name).write_text(text)
    return read_intervals(tmp_path / name, **how)


@pytest.mark.parametrize(
    ("name", "text", "summit", "said"),
    [
        ("a.narrowPeak", PEAK.format("30"), 130, "1 window centred on summits"),
        ("a.narrowPeak", PEAK.format("30") + "\t7", 130, "centred on summits"),
        ("a.narrowPeak", PEAK.format("30") + "\t4.1" * 10, 130, "centred on summits"),  # 20 columns of IDR
        ("a.narrowPeak", PEAK.format("30.0"), 130, "centred on summits"),
        ("a.narrowPeak", PEAK.format("NA"), None, "1 line of 1 without a summit"),
        ("a.narrowPeak", PEAK.format("-1"), None, "1 line of 1 without a summit"),
        ("a.narrowPeak", "chr1\t100\t200\tp\t5\t.", None, "6 columns, but narrowPeak has 10"),
        ("a.bed", PEAK.format("30"), 130, "1 line of 10 columns read as narrowPeak"),
        ("a.bed", PEAK.format("30") + "\t7\t8", None, ""),  # BED12
        ("a.broadPeak", "chr1\t100\t200\tp\t5\t.\t1\t2\t3", None, ""),
        ("a.gappedPeak", "chr1\t100\t200\tp\t5\t.\t0\t0\t0\t1\t1,\t0,\t5\t6\t7", None, ""),
        ("a_peaks.xls", "# MACS\nchr\tstart\tend\tlength\tabs_summit\nchr1\t101\t200\t100\t131", 130, "summits"),
        ("a_peaks.xls", "chr\tstart\tend\tlength\tsummit\nchr1\t101\t200\t100\t31", 130, "summits"),
        ("a_peaks.xls", "# MACS\n\nchr\tstart\tend\nchr1\t101\t200", None, "1 line of 1 without a summit"),
    ],
)
def test_a_suffix_says_what_the_columns_are(tmp_path, caplog, name, text, summit, said):
    found = lines(tmp_path, name, text + "\n")
    places = (found.chroms, found.starts.tolist(), found.ends.tolist(), found.summits.tolist())
    assert places == (["chr1"], [100], [200], [-1 if summit is None else summit])
    assert said in caplog.text if said else caplog.text == "" or "without a summit" in caplog.text


def test_what_is_no_summit_is_an_error_where_one_is_promised(tmp_path):
    with pytest.raises(BadSource, match="line 1: the summit .* must be a whole number or NA, not 'high'"):
        lines(tmp_path, "a.narrowPeak", PEAK.format("high") + "\n")
    with pytest.raises(BadSource, match="the header lacks chr, start or end"):
        lines(tmp_path, "a_peaks.xls", "name\tvalue\nx\t3\n")


def test_columns_of_0_and_1_are_labels(tmp_path, demo, caplog):
    (tmp_path / "g.fa").write_text(">chr1\n" + "ACGTTGCAAC" * 100 + "\n")
    rows = [(1, 0), (0, 1), (1, -1), (0, 0)]
    text = "".join(f"chr1\t{100 * i + 50}\t{100 * i + 60}\t{a}\t{b}\n" for i, (a, b) in enumerate(rows))
    (tmp_path / "a.bed").write_text(text)
    command = [
        "data",
        "import",
        tmp_path / "a.bed",
        "--genome",
        tmp_path / "g.fa",
        "--width",
        10,
        "--negatives",
        "none",
    ]
    code, _, err = demo(*command, "-o", tmp_path / "d.h5")
    assert code == 0 and "a.bed: columns 4 to 5 are read as labels, 3 positive, 4 negative, 1 unknown (-1)" in err
    with SequenceDataset.open(tmp_path / "d.h5") as data:
        assert data.targets == ("label-1", "label-2")
        assert np.array_equal(data.labels[:], [[1, 0], [0, 1], [1, np.nan], [0, 0]], equal_nan=True)
    code, _, err = demo(*command, "-o", tmp_path / "u.h5", "--unlabelled")
    assert code == 0 and "labels, " not in err
    code, _, err = demo(*command, "-o", tmp_path / "n.h5", "--negatives-from", tmp_path / "a.bed")
    assert code == 1 and "omit --negatives-from" in err


@pytest.mark.parametrize(
    ("header", "interval"),
    [
        ("chr1:101-104", Interval("chr1", 100, 104)),  # samtools faidx, 1-based
        ("chr1:101-104/rc", Interval("chr1", 100, 104, "-")),  # samtools faidx -i
        ("chr1:100-104", Interval("chr1", 100, 104)),  # bedtools getfasta
        ("chr1:100-104(-)", Interval("chr1", 100, 104, "-")),
        ("peak_1::chr1:100-104(+)", Interval("chr1", 100, 104, "+")),  # bedtools getfasta -name -s
        ("chr1:101-104:-", Interval("chr1", 100, 104, "-")),  # Bioconductor
        ("hg38_dna range=chr1:101-104 5'pad=0 3'pad=0 strand=- repeatMasking=none", Interval("chr1", 100, 104, "-")),
        ("1 dna:chromosome chromosome:GRCh38:1:101:104:-1 REF", Interval("1", 100, 104, "-")),
        ("chromosome:GRCh38:X:101:104:1", Interval("X", 100, 104, "+")),
        ("chr1_KI270706v1_random_100_104", Interval("chr1_KI270706v1_random", 100, 104)),
        ("seq_1_2", None),
        ("hg19_chr2_100_104_+", Interval("chr2", 100, 104, "+")),  # Galaxy
        ("chr2-100-104", Interval("chr2", 100, 104)),  # Signac
        ("chr2:101..104", Interval("chr2", 100, 104)),
        ("NC_000002.12:c104-101", Interval("NC_000002.12", 100, 104, "-")),  # NCBI
        ("peak_200 chr2:100-104(+)", Interval("chr2", 100, 104, "+")),
        ("1 chr2:100-104(+)", Interval("chr2", 100, 104, "+")),
        ("second", None),
        ("", None),
    ],
)
def test_the_place_in_a_header(header, interval):
    found = locus_in(header, 4)
    assert (found[0] if found else None) == interval


def test_headers_are_counted_and_told(tmp_path, demo):
    text = ">chr1:101-104 x\nACGT\n>chr1:201-204/rc\nACGA\n>chr1:1-99\nACGC\n>hg38 range=chr2:1-4 strand=+\nTTTT\n"
    (tmp_path / "a.fa").write_text(text)
    code, _, err = demo("data", "import", tmp_path / "a.fa", "-o", tmp_path / "d.h5")
    assert code == 0
    assert "2 headers read as intervals (chrom:start-end, 1-based)" in err
    assert "1 header read as intervals (UCSC's range=, 1-based)" in err
    assert "1 header: no interval assigned" in err


def test_an_unknown_suffix_is_told_of_the_source(tmp_path, demo):
    (tmp_path / "a.peaks").write_text("chr1\t1\t2\n")
    (tmp_path / "g.fa").write_text(">chr1\nACGT\n")
    code, _, err = demo("data", "import", tmp_path / "a.peaks", "--genome", tmp_path / "g.fa", "-o", tmp_path / "d.h5")
    assert code == 2 and "a.peaks: no reader knows this suffix; name one with --reader" in err


def test_labels_that_are_measured_are_no_classes(tmp_path, demo):
    from demo_core.testing import tiny_dataset

    data = tiny_dataset(60)
    data.labels = np.linspace(-1, 3, 60, dtype=np.float32)[:, None]
    data.save(tmp_path / "d.h5")
    code, out, _ = demo("data", "info", tmp_path / "d.h5")
    assert code == 0 and "positive" not in out and "minimum" in out
    counts = json.loads(demo("data", "info", tmp_path / "d.h5", "--json")[1])["counts"]
    assert sum(c["bound"]["labelled"] for c in counts.values()) == 60
    assert min(c["bound"]["minimum"] for c in counts.values()) == -1
    assert max(c["bound"]["maximum"] for c in counts.values()) == 3
    small = ["--epochs", "1", "--filters", "4", "--widths", "5"]
    assert demo("train", "cnn", tmp_path / "d.h5", "-o", tmp_path / "m", *small)[0] == 0
    code, out, _ = demo("evaluate", tmp_path / "m", tmp_path / "d.h5", "--split", "all")
    assert code == 0 and "positive" not in out and "Pearson" in out
    code, _, err = demo("explain", "saliency", tmp_path / "m", tmp_path / "d.h5", "-o", tmp_path, "--only-positive")
    assert code == 2 and "regression labels" in err
    code, _, err = demo("train", "cnn", tmp_path / "d.h5", "-o", tmp_path / "b", *small, "--class-weights", "balanced")
    assert code == 2 and "regressions" in err


@pytest.mark.parametrize("text", ["1\t|0\t", "1 |0 ", "1.0|0.0", "True|False"])
def test_labels_in_other_spellings(tmp_path, caplog, text):
    one, zero = text.split("|")
    found = lines(tmp_path, "a.bed", f"chr1\t1\t9\t{one}\nchr1\t20\t29\t{zero}\n")
    assert found.labels.tolist() == [[1.0], [0.0]]
    assert "column 4 is read as labels, 1 positive, 1 negative" in caplog.text


def test_a_column_that_may_be_labels_is_not_passed_over_in_silence(tmp_path, caplog):
    found = lines(tmp_path, "a.bed", "chr1\t1\t9\tx\t1\nchr1\t20\t29\ty\t0\n")
    assert found.labels is None
    assert "column 5 holds 0 and 1, and is not read as labels" in caplog.text


def test_a_file_of_comments_has_no_intervals(tmp_path, demo):
    (tmp_path / "a.bed").write_text("# nothing\n")
    (tmp_path / "g.fa").write_text(">chr1\nACGT\n")
    code, _, err = demo("data", "import", tmp_path / "a.bed", "--genome", tmp_path / "g.fa", "-o", tmp_path / "d.h5")
    assert code == 1 and "has no intervals" in err


def test_lines_with_comments_spaces_and_empty_cells_are_those_of_regular_lines(tmp_path):
    regular = [f"chr{i % 3}\t{i}\t{i + 9}\tp{i}\t0\t+" for i in range(5000)]
    wanted = lines(tmp_path, "a.bed", "\n".join(regular) + "\n")
    mixed = [line.replace("\t", " ") if i % 4 == 1 else line for i, line in enumerate(regular)]
    mixed[100:100] = ["# a comment", "track name=x", "", "browser position chr1:1-2"]
    found = lines(tmp_path, "b.bed", "\n".join(mixed) + "\n")
    for name in ("chroms", "chrom", "starts", "ends", "names", "strands", "summits", "labels"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    assert found.numbers.tolist() == [*range(1, 101), *range(105, 5005)]
    # one word too many in one line and one too few in another is not a regular file
    swapped = [*regular[:10], "chr1\t5\t9\tp q\t0\t+", "chr1\t5\t9\t\t0\t+", *regular[10:]]
    found = lines(tmp_path, "c.bed", "\n".join(swapped))
    assert (found.names[10], found.names[11], found.strands[11]) == ("p q", "", 1)
    assert found.names[12:] == wanted.names[10:] and np.array_equal(found.starts[12:], wanted.starts[10:])


@pytest.mark.parametrize(("cell", "column"), [("1_000", 1), ("\u0663", 1), ("-5", 2), ("1" * 16, 2), ("", 1)])
def test_a_bad_position_among_many_is_named_by_its_line(tmp_path, cell, column):
    rows = [["chr1", str(i), str(i + 9)] for i in range(3000)]
    rows[2000][column] = cell
    with pytest.raises(BadSource, match="line 2001: .* is not a position"):
        lines(tmp_path, "a.bed", "\n".join("\t".join(row) for row in rows))
