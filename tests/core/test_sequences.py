import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_core.errors import UsageProblem
from demo_core.sequences.alphabets import DNA, IllegalLetter, fit_length
from demo_core.sequences.strand_free import strand_free_keys

dna = st.text(alphabet="ACGT", min_size=0, max_size=60)
with_unknown = st.text(alphabet="ACGTN", min_size=1, max_size=60)


@given(st.text(alphabet="ACGTNacgtnRYSWKMBDHVryswkmbdhv", max_size=80))
def test_decoding_gives_back_what_was_known(text):
    expected = "".join(c if c in "ACGT" else "N" for c in text.upper())
    assert DNA.decode(DNA.encode(text)) == expected


@given(with_unknown)
def test_one_hot_is_one_where_the_letter_is(text):
    hot = DNA.one_hot(DNA.encode(text))
    assert hot.shape == (4, len(text))
    for place, letter in enumerate(text):
        assert hot[:, place].tolist() == [float(letter == row) for row in "ACGT"]


@given(with_unknown)
def test_reverse_complement_is_the_other_strand_and_its_own_inverse(text):
    pairs = str.maketrans("ACGTN", "TGCAN")
    codes = DNA.encode(text)
    assert DNA.decode(DNA.reverse_complement(codes)) == text.translate(pairs)[::-1]
    assert (DNA.reverse_complement(DNA.reverse_complement(codes)) == codes).all()
    hot = DNA.one_hot(codes)
    assert (DNA.one_hot(DNA.reverse_complement(codes)) == hot[DNA.complement_order, ::-1]).all()


@given(dna, st.sampled_from("*-.UuXJ 1é\u20ac\t"), dna)
def test_an_illegal_letter_is_named_with_its_column(before, letter, after):
    with pytest.raises(IllegalLetter) as caught:
        DNA.encode(before + letter + after)
    assert (caught.value.letter, caught.value.column) == (letter, len(before) + 1)


@given(st.text(alphabet="ACGT", min_size=1, max_size=30), st.integers(1, 60))
def test_fit_length_crops_and_pads_around_the_centre(text, length):
    fitted, shift = fit_length(DNA.encode(text), length, DNA.unknown)
    assert len(fitted) == length
    for place in range(length):
        there = place + shift
        expected = text[there] if 0 <= there < len(text) else "N"
        assert DNA.decode(fitted)[place] == expected
    left, right = (shift, len(text) - length - shift) if length <= len(text) else (-shift, length - len(text) + shift)
    assert 0 <= right - left <= 1


@given(st.lists(st.text(alphabet="ACGTN", min_size=5, max_size=5), min_size=2, max_size=6))
def test_strand_free_keys_are_equal_for_one_sequence_on_two_strands_only(texts):
    codes = np.stack([DNA.encode(t) for t in texts])
    keys = strand_free_keys(codes, DNA)
    for i in range(len(codes)):
        for j in range(len(codes)):
            same = (codes[i] == codes[j]).all() or (codes[i] == DNA.reverse_complement(codes[j])).all()
            assert (keys[i] == keys[j]).all() == same


def test_codes_of_any_integer_type_have_a_reverse_complement():
    codes = DNA.encode("AACGN")
    for dtype in (np.int64, np.int32, np.uint16, np.int8):
        found = DNA.reverse_complement(codes.astype(dtype))
        assert DNA.decode(found) == "NCGTT" and found.dtype == np.uint8
        assert (strand_free_keys(codes[None].astype(dtype), DNA) == strand_free_keys(codes[None], DNA)).all()
    with pytest.raises(UsageProblem, match="from 0 to 4, not 5"):
        DNA.reverse_complement(np.array([0, 5], np.uint8))
