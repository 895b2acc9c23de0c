import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_core.sequences.alphabets import DNA
from demo_core.sequences.intervals import Interval, parse_locus

GENOME = "ACGTTGCAAGCTTACGGATCCATGCAAATTTGGGCCC" * 3


def bases(interval):
    """Return the bases of an interval on its strand, with N beyond the chromosome."""
    text = "".join(GENOME[i] if 0 <= i < len(GENOME) else "N" for i in range(interval.start, interval.end))
    return DNA.decode(DNA.reverse_complement(DNA.encode(text))) if interval.strand == "-" else text


@given(st.integers(0, 60), st.integers(1, 40), st.sampled_from("+-."), st.integers(-10, 30), st.integers(1, 60))
def test_a_part_gives_back_exactly_its_bases(start, size, strand, first, length):
    whole = Interval("c", start, start + size, strand)
    sequence = bases(whole)
    part = whole.part(first, length)
    assert len(part) == length
    for place in range(length):
        if 0 <= first + place < size:
            assert bases(part)[place] == sequence[first + place]
    if 0 <= first < size:
        at = whole.position(first)
        assert bases(Interval("c", at, at + 1, strand)) == sequence[first]


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("chr1:100-200(+)", 100, Interval("chr1", 100, 200, "+")),
        ("chr1:100-200", 101, Interval("chr1", 99, 200, ".")),
        ("chr1:1,000-1,100(-)", 100, Interval("chr1", 1000, 1100, "-")),
        ("peak_3::chr1:5-9(.)", 4, Interval("chr1", 5, 9, ".")),
        ("HLA-A*01:7-9", 2, Interval("HLA-A*01", 7, 9, ".")),
        ("chr1", 4, None),
        ("1", 4, None),
        ("", 4, None),
        ("chr1:5-9(+)x", 4, None),
    ],
)
def test_names_that_say_where(text, length, expected):
    assert parse_locus(text, length) == expected


def test_a_span_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="spans 100 bases, the sequence has 50"):
        parse_locus("chr1:100-200", 50)
    with pytest.raises(ValueError, match="spans -5"):
        parse_locus("chr1:10-5", 50)


def test_impossible_intervals_are_refused():
    with pytest.raises(ValueError, match="ends before"):
        Interval("c", 5, 4)
    with pytest.raises(ValueError, match="strand"):
        Interval("c", 5, 6, "x")


def test_flip_and_text():
    assert str(Interval("c", 1, 2, "+").flip()) == "c:1-2(-)"
    assert str(Interval("c", 1, 2)) == "c:1-2"
