import gzip
import os

import numpy as np
import pytest
from demo_bed.options import BedOptions
from demo_bed.reader import BedReader
from hypothesis import given, settings
from hypothesis import strategies as st
from records import records_of

from demo_core import BadSource, SequenceDataset
from demo_core.cli.group import State
from demo_core.sequences.alphabets import DNA

CHR1 = "".join("ACGT"[i * i % 7 % 4] for i in range(400))
CHR2 = "".join("ACGTN"[i * 3 % 11 % 5] for i in range(300))


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    lines = [CHR1[i : i + 50].lower() if i % 100 else CHR1[i : i + 50] for i in range(0, 400, 50)]
    path.write_text(">chr1 first\n" + "\n".join(lines) + f"\n>chr2\n{CHR2}\n")
    return path


def read(tmp_path, genome, text, name="peaks.bed", **options):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    reader = BedReader(BedOptions(genome=genome, **options))
    return records_of(reader.read(path)), reader


def test_windows_are_centred_on_the_midpoint(tmp_path, genome):
    (record,), reader = read(tmp_path, genome, "chr1\t100\t120\n", width=21)
    assert record.sequence.upper() == CHR1[100:121]
    assert (record.interval.start, record.interval.end, record.interval.strand) == (100, 121, ".")
    assert record.id == "chr1:100-121"
    assert record.labels == (1.0,)
    assert reader.info["genome"]["chrom_sizes"] == {"chr1": 400}
    assert len(reader.info["genome"]["sha256"]) == 64


def test_narrowpeak_is_centred_on_its_summit_whatever_it_is_called(tmp_path, genome):
    line = "chr1\t100\t200\tpeak_1\t500\t.\t5.2\t-1\t3.1\t{}\n"
    for name in ("a.narrowPeak", "a.bed.gz"):
        (record,), _ = read(tmp_path, genome, line.format(30), name, width=5)
        assert (record.interval.start, record.interval.end) == (128, 133)
    (record,), _ = read(tmp_path, genome, line.format(-1), width=5)  # no summit
    assert record.interval.start == 148
    (record,), _ = read(tmp_path, genome, line.format(30), width=5, center="midpoint")
    assert record.interval.start == 148
    with pytest.raises(BadSource, match="line 1: the summit"):
        read(tmp_path, genome, line.format(100), width=5)


def test_intervals_as_they_are(tmp_path, genome):
    records, _ = read(tmp_path, genome, "chr1\t10\t20\nchr2\t0\t7\n", width=None)
    assert [r.sequence.upper() for r in records] == [CHR1[10:20], CHR2[:7]]


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(
        st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(60, 240), st.integers(0, 30), st.sampled_from("+-.")),
        min_size=1,
        max_size=20,
    ),
    width=st.integers(1, 50),
    stranded=st.booleans(),
)
def test_an_interval_with_its_strand_gives_back_the_bases(tmp_path_factory, genome, places, width, stranded):
    text = "".join(f"{c}\t{s}\t{s + n}\tx\t0\t{strand}\n" for c, s, n, strand in places)
    records, _ = read(tmp_path_factory.mktemp("bed"), genome, text, width=width, stranded=stranded)
    assert len(records) == len(places)
    for record, (chrom, start, n, strand) in zip(records, places, strict=True):
        where = record.interval
        there = {"chr1": CHR1, "chr2": CHR2}[chrom][where.start : where.end]
        if stranded and strand == "-":
            there = DNA.decode(DNA.reverse_complement(DNA.encode(there)))
        assert record.sequence.upper() == there
        assert where.strand == (strand if stranded else ".")
        assert len(there) == width
        assert abs((where.start + where.end) / 2 - (start + n / 2)) <= 1


def test_windows_over_an_edge_are_dropped_and_counted(tmp_path, genome, caplog):
    text = "chr1\t0\t4\nchr1\t100\t110\nchr1\t398\t400\nchr1\t500\t510\n"
    records, _ = read(tmp_path, genome, text, width=11)
    assert [r.interval.start for r in records] == [100]
    assert "3 of 4 windows extend beyond their chromosome and were dropped, the first at line 1" in caplog.text
    with pytest.raises(BadSource, match="no window of 11 bases"):
        read(tmp_path, genome, "chr1\t0\t4\n", width=11)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chr1\t5\t9\nchr7\t5\t9\n", "line 2: the genome has no chromosome 'chr7': it has chr1, chr2"),
        ("1\t5\t9\n", "it has 'chr1': the names may be from another source"),
        ("# x\nchr1\t9\t5\n", "line 2: the interval starts at 9, after its end 5"),
        ("chr1\t-9\t5\n", "line 1: '-9' is not a position"),
        ("chr1\t9\n", "line 1: a BED line needs"),
        ("chr1\t9\t20\tx\t0\t?\n", r"line 1: the strand \(column 6\)"),
        ("chr1\t100\t120\nchr1\t100\t120\tx\n", "line 2: has 4 columns, but earlier lines have 3"),
        ("", "the file is empty"),
    ],
)
def test_bad_lines_are_named(tmp_path, genome, text, said):
    with pytest.raises(BadSource, match=said):
        read(tmp_path, genome, text, width=5)


def test_bad_genomes(tmp_path, genome):
    for name, content, said in (
        ("g.txt", b"no fasta\n", "cannot be indexed|no sequence"),
        ("g.fa.gz", gzip.compress(genome.read_bytes()), "plain gzip"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadSource, match=said):
            read(tmp_path, tmp_path / name, "chr1\t100\t120\n")
    with pytest.raises(BadSource, match="no such genome file"):
        read(tmp_path, tmp_path / "absent.fa", "chr1\t100\t120\n")


def test_a_genome_that_cannot_be_written_beside_is_indexed_elsewhere(tmp_path, genome, monkeypatch):
    folder = tmp_path / "read-only"
    folder.mkdir()
    (folder / "g.fa").write_bytes(genome.read_bytes())
    monkeypatch.setattr(os, "access", lambda path, how: False)  # root may write everywhere
    (record,), _ = read(tmp_path, folder / "g.fa", "chr1\t100\t120\n", width=21)
    assert record.sequence.upper() == CHR1[100:121]
    assert [p.name for p in folder.iterdir()] == ["g.fa"]
    monkeypatch.undo()
    read(tmp_path, folder / "g.fa", "chr1\t100\t120\n", width=21)
    assert sorted(p.name for p in folder.iterdir()) == ["g.fa", "g.fa.fai"]


def test_columns_that_are_empty_or_only_look_like_summits(tmp_path, genome):
    records, _ = read(
        tmp_path, genome, "chr1\t100\t120\ta\t0\t+\nchr1\t130\t150\tb\t0\t\n".replace("\t\n", "\t.\n"), width=5
    )
    assert len(records) == 2
    records, _ = read(tmp_path, genome, "chr1\t100\t120\ta\nchr1\t130\t150\t\n", width=5)
    assert records[1].id == "chr1:138-143"
    (record,), _ = read(tmp_path, genome, "chr1\t100\t120\ta\t0\t+\tx\ty\tz\t4500\n", width=5)
    assert record.interval.start == 108


def test_splits_by_chromosome_and_overlaps_in_one_group(tmp_path, genome):
    text = "chr1\t100\t110\nchr2\t100\t110\nchr1\t105\t115\nchr1\t200\t210\n"
    records, _ = read(tmp_path, genome, text, width=10, test_chrom=("chr2",))
    assert [r.split for r in records] == [None, "test", None, None]
    assert records[0].group == records[2].group
    assert len({r.group for r in records}) == 3
    with pytest.raises(BadSource, match="--test-chrom: no chromosome 'chr3'"):
        read(tmp_path, genome, text, test_chrom=("chr3",))


def test_the_command_imports_with_negatives_sizes_and_digest(tmp_path, genome, demo):
    (tmp_path / "p.bed").write_text("chr1\t100\t110\tone\nchr2\t100\t110\ttwo\n")
    (tmp_path / "n.bed").write_text("chr1\t200\t210\n")
    code, _, errors = demo(
        "data", "import", tmp_path / "p.bed", "-o", tmp_path / "d.h5", "--genome", genome, "--width", "20",
        "--negatives-from", tmp_path / "n.bed", "--test", "0", "--validation", "0",
    )  # fmt: skip
    assert code == 0, errors
    with SequenceDataset.open(tmp_path / "d.h5") as data:
        assert data.info["genome"]["chrom_sizes"] == {"chr1": 400, "chr2": 300}
        assert np.array_equal(data.labels[:, 0], [1, 1, 0])
        assert str(data.interval(1)) == "chr2:95-115"
    assert "genome: g.fa, sha256 " in demo("data", "info", tmp_path / "d.h5")[1]
    code, _, errors = demo("data", "import", tmp_path / "p.bed", "-o", tmp_path / "e.h5")
    assert code == 2
    assert "needs --genome" in errors


def test_suffixes_choose_the_reader():
    from pathlib import Path

    from demo_core.data import find_reader

    for name in ("x.bed", "x.bed.gz", "x.narrowPeak", "x.narrowPeak.gz"):
        assert find_reader(State().registry, Path(name), None).spec.name == "bed"


def test_bases_are_those_of_pyfaidx_whatever_the_lines(tmp_path):
    import pyfaidx
    from demo_bed.genome import Genome

    random = np.random.default_rng(0)
    for number, (width, newline) in enumerate([(1, "\n"), (7, "\r\n"), (60, "\n"), (500, "\r\n")]):
        path, text = tmp_path / f"{number}.fa", "".join(random.choice(list("ACGTNacgt"), 333))
        whole = newline.join(text[i : i + width] for i in range(0, len(text), width))
        path.write_bytes(f">chr1{newline}{whole}{newline}>chr2 x{newline}{whole}{newline}".encode())
        theirs = pyfaidx.Fasta(str(path), as_raw=True)
        with Genome(path) as genome:
            for start, end in random.integers(0, 334, (200, 2)):
                low, high = sorted((int(start), int(end)))
                for chrom in ("chr1", "chr2"):
                    assert genome.bases(chrom, low, high) == str(theirs[chrom][low:high]) == text[low:high]
            for bases in (1, 6, 7, 60, 333):
                chrom, starts = random.integers(0, 2, 50), random.integers(0, 334 - bases, 50)
                found = genome.windows(["chr2", "chr1"], chrom, starts, bases)
                assert [row.tobytes().decode() for row in found] == [text[start : start + bases] for start in starts]


def test_a_letter_that_is_no_dna_is_named_with_its_position_in_the_genome(tmp_path):
    (tmp_path / "g.fa").write_text(">chr1\n" + "ACGT" * 10 + "AC*T" + "ACGT" * 10 + "\n")
    for strand in "+-":
        with pytest.raises(BadSource, match=r"g\.fa: '\*' at chr1:42 \(0-based\) is not DNA"):
            read(tmp_path, tmp_path / "g.fa", f"chr1\t38\t48\tx\t0\t{strand}\n", width=11, stranded=True)


def test_another_assembly_is_suspected_whatever_the_first_window_is(tmp_path, genome, caplog):
    read(tmp_path, genome, "chr1\t0\t4\nchr1\t100\t110\n", width=11)
    assert "assembly" not in caplog.text
    read(tmp_path, genome, "chr1\t0\t4\nchr1\t100\t110\nchr1\t900\t990\n", width=11)
    assert (
        "first at line 1; 1 intervals end beyond their chromosome, check that --genome is the same assembly"
        in caplog.text
    )


def test_options_without_effect_and_windows_with_two_labels_are_reported(tmp_path, genome, caplog):
    (tmp_path / "n.bed").write_text("chr1\t100\t110\nchr2\t50\t60\n")
    read(tmp_path, genome, "chr1\t100\t110\nchr1\t200\t210\n", width=11, negatives_from=tmp_path / "n.bed")
    assert "1 window in both files, as positives and as negatives" in caplog.text and "strand" not in caplog.text
    read(tmp_path, genome, "chr1\t100\t110\n", width=11, stranded=True)
    assert "peaks.bed: no line has a strand, so --stranded has no effect" in caplog.text
    with pytest.raises(BadSource, match="no window of 11 bases fits .* check that --genome is the same assembly"):
        read(tmp_path, genome, "chr1\t9000\t9010\n", width=11)
