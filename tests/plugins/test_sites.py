import gzip

import numpy as np
import pytest
from demo_sites.options import SitesOptions
from demo_sites.reader import SitesReader

from demo_core import BadSource
from demo_core.data.dataset import SequenceDataset

SEQUENCES = "ACGTAC\nGGGCCC\nTTTAAA\n"
MARKS = "001100\n000000\n100001\n"


def write(folder, sequences=SEQUENCES, marks=MARKS):
    (folder / "sequence.txt").write_text(sequences)
    if marks is not None:
        (folder / "label.txt").write_text(marks)
    return folder / "sequence.txt"


def test_sequences_and_marks(tmp_path):
    records = list(SitesReader(SitesOptions()).read(write(tmp_path)))
    assert [(r.id, r.sequence, r.labels, r.sites, r.group) for r in records] == [
        ("line-1", "ACGTAC", (1.0,), "001100", None),
        ("line-2", "GGGCCC", (0.0,), "000000", None),
        ("line-3", "TTTAAA", (1.0,), "100001", None),
    ]


def test_pairs_and_marks_of_another_name(tmp_path):
    source = write(tmp_path)
    (tmp_path / "other").write_text(MARKS)
    (tmp_path / "label.txt").unlink()
    records = list(SitesReader(SitesOptions(marks=tmp_path / "other", pairs=True)).read(source))
    assert [r.group for r in records] == [0, 0, 1]


@pytest.mark.parametrize(
    ("sequences", "marks", "message"),
    [
        (SEQUENCES, "001100\n00000\n100001\n", r"label.txt.*line 2.*has 5 site labels for the 6 bases of line 2"),
        (SEQUENCES, "001100\n000002\n100001\n", r"label.txt.*line 2.*a site label must be 0 or 1"),
        (SEQUENCES, "001100\n", r"label.txt.*ends after 1 lines, but sequence.txt has more"),
        ("ACGTAC\n", MARKS, r"sequence.txt.*ends after 1 lines, but label.txt has more"),
        (SEQUENCES, None, r"label.txt is missing beside it"),
        (SEQUENCES, "", r"label.txt.*is empty"),
        ("", MARKS, r"sequence.txt.*is empty"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path, sequences, marks, message):
    with pytest.raises(BadSource, match=message):
        list(SitesReader(SitesOptions()).read(write(tmp_path, sequences, marks)))


def test_a_name_that_says_nothing(tmp_path):
    (tmp_path / "x.txt").write_text(SEQUENCES)
    with pytest.raises(BadSource, match="give it with --marks"):
        list(SitesReader(SitesOptions()).read(tmp_path / "x.txt"))


def test_a_file_that_is_not_there(tmp_path):
    for name in ("x.txt", "sequence.txt"):
        with pytest.raises(BadSource, match="no such file"):
            list(SitesReader(SitesOptions()).read(tmp_path / name))


def test_the_real_ones(real_data, tmp_path, demo):
    source = real_data / "sites" / "ZBTB33" / "sequence.txt.gz"
    code, out, err = demo("data", "import", source, "--pairs", "-o", tmp_path / "z.h5")
    assert code == 0, err
    with SequenceDataset.open(tmp_path / "z.h5") as data, gzip.open(source, "rt") as sequences:
        assert len(data) == 1410
        marked = data.sites[:].sum(1)
        assert (marked > 0).sum() == 705
        assert ((marked > 0) == (data.labels[:, 0] > 0.5)).all()
        assert data.alphabet.decode(data.codes[0]) == next(sequences).strip()
        for pair in range(20):
            assert len(set(data.split[2 * pair : 2 * pair + 2].tolist())) == 1
        assert set(np.unique(data.sites[:])) == {0, 1}
