import csv

import numpy as np
import pytest
from demo_export.tracks import bigwig_files, write_bedgraph, write_bigwig
from demo_export.writers import npz_files, write_npz, write_tsv

from demo_core import explain
from demo_core.errors import DemoError, UsageProblem
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture
def explanation():
    data = tiny_dataset(20)
    data.intervals[3] = [0, 10, 50, -1]  # overlaps the first on the other strand
    return explain("saliency", tiny_model(), data)


def test_npz_is_what_modisco_reads(tmp_path, explanation):
    sequences, attributions = npz_files(explanation, tmp_path / "x")
    write_npz(explanation, [sequences, attributions])
    assert (sequences.name, attributions.name) == ("x.sequences.npz", "x.attributions.npz")
    with np.load(sequences) as one, np.load(attributions) as two:
        assert np.array_equal(one["arr_0"], explanation.one_hot(slice(None)))
        assert np.array_equal(two["arr_0"], explanation.values)
        assert one["arr_0"].dtype == two["arr_0"].dtype == np.float32


def test_tsv_has_a_row_for_each_base(tmp_path, explanation):
    write_tsv(explanation, [tmp_path / "x.tsv"])
    with (tmp_path / "x.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 20 * 40
    row = rows[3 * 40 + 7]
    assert (row["id"], row["position"], row["genomic_position"]) == ("negative-2", "7", "42")
    letter = row["base"]
    assert float(row["value"]) == pytest.approx(float(row[f"value:{letter}"]))
    assert float(row["value:G"]) == pytest.approx(explanation.values[3, 2, 7], rel=1e-5)
    assert rows[19 * 40]["base"] == "N"
    assert float(rows[19 * 40]["value"]) == 0


def test_ids_cannot_break_the_table(tmp_path, explanation):
    explanation.sequences.ids[0] = "a\tb\nc"
    write_tsv(explanation, [tmp_path / "x.tsv"])
    lines = (tmp_path / "x.tsv").read_text().splitlines()
    assert {line.count("\t") for line in lines} == {lines[0].count("\t")}


def test_bedgraph_places_values_on_their_bases_and_averages_overlaps(tmp_path, explanation):
    write_bedgraph(explanation, [tmp_path / "x.bedgraph"])
    lines = (tmp_path / "x.bedgraph").read_text().splitlines()
    found = {int(s): float(v) for _, s, _, v in (line.split("\t") for line in lines[1:])}
    actual = (explanation.values * explanation.one_hot(slice(None))).sum(1)
    expected = {}
    for row in range(20):
        for place in range(40):
            at = explanation.sequences.interval(row).position(place)
            if explanation.sequences.codes[row, place] == 4:  # unknown bases have no value
                continue
            expected.setdefault(at, []).append(actual[row, place])
    assert list(found) == sorted(expected)
    for at, values in expected.items():
        assert found[at] == pytest.approx(np.mean(values), rel=1e-4, abs=1e-7)


def test_what_has_no_place_in_a_genome(tmp_path, explanation):
    explanation.sequences.intervals = None
    with pytest.raises(UsageProblem, match="no intervals"):
        write_bedgraph(explanation, [tmp_path / "x.bedgraph"])
    assert not list(tmp_path.iterdir())


def test_bigwig_says_what_the_bedgraph_says_and_how_many_windows(tmp_path, explanation):
    bigwig = pytest.importorskip("pyBigWig")
    explanation.sequences.info["genome"] = {"chrom_sizes": {"planted": 100_000}}
    write_bedgraph(explanation, [tmp_path / "x.bedgraph"])
    values, counts = bigwig_files(tmp_path / "x.bw")
    write_bigwig(explanation, [values, counts])
    lines = (tmp_path / "x.bedgraph").read_text().splitlines()[1:]
    covered = [0] * 100_000
    for row in range(20):
        for place in range(40):
            known = explanation.sequences.codes[row, place] < 4
            covered[explanation.sequences.interval(row).position(place)] += bool(known)
    with bigwig.open(str(values)) as one, bigwig.open(str(counts)) as two:
        assert one.chroms() == two.chroms() == {"planted": 100_000}
        for chrom, start, end, value in (line.split("\t") for line in lines):
            (found,) = one.values(chrom, int(start), int(end))
            assert found == pytest.approx(float(value), rel=1e-4, abs=1e-6)
            assert two.values(chrom, int(start), int(end)) == [covered[int(start)]]
        assert two.header()["nBasesCovered"] == len(lines)
        assert max(covered) == 2


def test_bigwig_needs_sizes_that_fit(tmp_path, explanation):
    pytest.importorskip("pyBigWig")
    with pytest.raises(UsageProblem, match="--chrom-sizes"):
        write_bigwig(explanation, bigwig_files(tmp_path / "x.bw"))
    sizes = tmp_path / "sizes"
    sizes.write_text("planted\t60\n")
    with pytest.raises(DemoError, match="'planted' has 60 bases, a sequence reaches"):
        write_bigwig(explanation, bigwig_files(tmp_path / "x.bw"), sizes)
    sizes.write_text("planted\tmany\n")
    with pytest.raises(DemoError, match="line 1"):
        write_bigwig(explanation, bigwig_files(tmp_path / "x.bw"), sizes)
