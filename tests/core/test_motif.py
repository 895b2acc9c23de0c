import numpy as np
import pytest
from demo_evaluate.measures import best_scores
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core.sequences.alphabets import DNA
from demo_core.sequences.motif import Motif, format_meme, read_meme
from demo_core.sequences.text_files import BadSource

HEAD = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"
ONE = (
    "MOTIF MA0001.1 ABC\nletter-probability matrix: alength= 4 w= 2 nsites= 10 E= 0\n 0.7 0.1 0.1 0.1\n0 0 1 0\nURL x\n"
)


def write(tmp_path, text):
    path = tmp_path / "m.meme"
    path.write_text(text)
    return path


def test_counts_probabilities_and_log_odds(tmp_path):
    (motif,) = read_meme(write(tmp_path, HEAD + ONE))
    assert (motif.id, motif.name, len(motif), motif.sites) == ("MA0001.1", "ABC", 2, 10)
    assert motif.ppm == pytest.approx(np.array([[0.7, 0], [0.1, 0], [0.1, 1], [0.1, 0]]))
    assert motif.pfm()[:, 0] == pytest.approx([7, 1, 1, 1])
    assert motif.pwm(pseudocount=1)[0, 0] == pytest.approx(np.log2(((7 + 0.25) / 11) / 0.25))
    with pytest.raises(ValueError, match="counts cannot be computed"):
        Motif("a", "", motif.ppm).pfm()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (HEAD, "no motif"),
        (ONE, "line 1: no 'MEME version'"),
        (HEAD + "MOTIF\n", "without a name"),
        (HEAD.replace("ACGT", "ACDEFGHIKLMNPQRSTVWY") + ONE, "only the DNA alphabet"),
        (HEAD + ONE.replace("0 0 1 0", "0 0 2 0"), "line 10: '0 0 2 0' is not four probabilities"),
        (HEAD + ONE.replace("w= 2", "w= 3"), "2 rows where w= 3"),
        (HEAD + "MOTIF a\n", "has 0 rows"),
        (HEAD + ONE.replace("0 0 1 0", "0 nan 0.6 0.4"), "line 10: '0 nan 0.6 0.4' is not four probabilities"),
        (HEAD + ONE.replace(" w= 2", "").replace("0 0 1 0", "nan 0 1 0"), "line 10: 'nan 0 1 0' is not four"),
        (HEAD + ONE.replace(" w= 2", "").replace("0 0 1 0", "-0.1 0.1 1 0"), "line 10: '-0.1 0.1 1 0' is not four"),
        (HEAD + ONE.replace("w= 2", "w= 1e400"), "line 8: w= must be a number of at least 0, not '1e400'"),
        (HEAD + ONE.replace("nsites= 10", "nsites= +"), "line 8: nsites= must be a number of at least 0, not '\\+'"),
        (HEAD + ONE.replace("MOTIF MA0001.1 ABC\n", ""), "this matrix has no MOTIF line"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(BadSource, match=message):
        read_meme(write(tmp_path, text))


@given(st.lists(st.tuples(*[st.integers(1, 50)] * 4), min_size=1, max_size=9), st.integers(1, 500))
@settings(max_examples=40)
def test_meme_files_round_trip(tmp_path_factory, counts, sites):
    ppm = (np.array(counts) / np.array(counts).sum(1, keepdims=True)).T
    path = tmp_path_factory.mktemp("meme") / "m.meme"
    path.write_text(format_meme([Motif("a", "b c", ppm, sites), Motif("d", "", ppm)]))
    one, two = read_meme(path)
    assert (one.id, one.name, one.sites, two.name) == ("a", "b c", sites, "")
    assert one.ppm == pytest.approx(ppm, abs=1e-5)


@given(st.lists(st.text("ACGTN", min_size=9, max_size=9), min_size=1, max_size=5), st.integers(0, 99))
def test_best_scores_equal_a_plain_loop(lines, seed):
    pwm = np.random.default_rng(seed).normal(size=(4, 4))
    codes = np.stack([DNA.encode(t) for t in lines])
    for row, found in zip(codes, best_scores(codes, pwm), strict=True):
        best = -np.inf
        for matrix in (pwm, pwm[::-1, ::-1]):
            for start in range(6):
                window = row[start : start + 4]
                best = max(best, sum(matrix[c, i] if c < 4 else matrix[:, i].min() for i, c in enumerate(window)))
        assert found == pytest.approx(best)


def test_a_motif_longer_than_the_sequences():
    with pytest.raises(ValueError, match="does not fit"):
        best_scores(np.zeros((1, 3), np.uint8), np.zeros((4, 4)))


def test_what_other_programs_write_after_a_matrix_is_passed_over(tmp_path):
    text = (
        HEAD
        + ONE.replace("URL x\n", "")
        + "# a comment\nTime  0.1 secs.\n"
        + ONE.replace("MA0001.1", "b").replace(" w= 2", "")
    )
    one, two = read_meme(write(tmp_path, text + "# the end\n"))
    assert len(one) == len(two) == 2
