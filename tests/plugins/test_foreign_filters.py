"""Test that first-layer filters of imported networks are read in A, C, G, T order in any layout."""

import numpy as np
import pytest
from demo_motifs.filters import filter_motifs, strongest_windows
from motif_cases import dataset

from demo_core import MisfitError
from demo_core.models.model import build_model
from demo_core.models.targets import Output
from demo_core.models.trust import code_allowed
from demo_core.plugins.specs import Architecture
from demo_core.sequences.alphabets import DNA

LENGTH = 60


def planted(word, n=80):
    """Return data in which half of the sequences contain the word, and its positions."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (n, LENGTH)).astype(np.uint8)
    starts = random.integers(0, LENGTH - len(word) + 1, n)
    for row in range(0, n, 2):
        codes[row, starts[row] : starts[row] + len(word)] = DNA.encode(word)
    return dataset(codes, np.arange(n) % 2 == 0), starts


def adapted(registry, arguments, **options):
    found = registry.find(Architecture, "adapted")
    given = {"network": "foreign_networks:OneFilter", "arguments": arguments, "first_layer": "conv", **options}
    with code_allowed():
        return build_model(found, given, alphabet=DNA, length=LENGTH, outputs=[Output("bound")])


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ('{"bases": "ACGT"}', {}),
        ('{"bases": "AGTC"}', {"bases": "AGTC"}),
        ('{"bases": "ACGTN", "padding": 3}', {"bases": "ACGTN"}),
        ('{"bases": "TGCA", "layout": "BLA"}', {"bases": "TGCA", "layout": "BLA"}),
        ('{"bases": "AGTC", "layout": "BA1L"}', {"bases": "AGTC", "layout": "BA1L"}),
        ('{"bases": "AGTC", "layout": "BAL1", "padding": 2}', {"bases": "AGTC", "layout": "BAL1"}),
        ('{"bases": "AGTC", "layout": "B1AL"}', {"bases": "AGTC", "layout": "B1AL"}),
        ('{"bases": "AGTC", "layout": "B1LA"}', {"bases": "AGTC", "layout": "B1LA"}),
        ('{"bases": "AGTC"}', {"bases": "AGTC", "network_length": 91}),
        ('{"bases": "AGTC"}', {"bases": "AGTC", "network": "foreign_networks:InPlace"}),
        ('{"bases": "AGTC", "padding": 2}', {"bases": "AGTC", "network_length": 51}),
    ],
)
def test_a_filter_is_read_in_the_order_of_its_bases(registry, arguments, options):
    model = adapted(registry, arguments, **options)
    data, starts = planted("GATAAG")
    every = np.arange(len(data))
    ((number, motif),) = filter_motifs(model, data, every, 5)
    assert number == 0
    assert "".join("ACGT"[i] for i in motif.counts.argmax(axis=0)) == "GATAAG"
    best = np.full((4, 6), -1.0)
    best[DNA.encode("GATAAG"), np.arange(6)] = 1
    known = [matrix - matrix.mean(axis=0) for matrix in (best, motif.hypothetical)]  # the channel for N is zero
    assert known[1] == pytest.approx(known[0], abs=1e-5)
    row, start, width = strongest_windows(model, data, every[::2])
    cropped = options.get("network_length") == 51
    inside = [(s >= 5) and (s + 6 <= 56 - 1) for s in starts[row]] if cropped else [True] * len(row)
    assert width == 6 and sum(inside) > 25
    for keep, one, place in zip(inside, row, start, strict=True):
        if keep:
            word = DNA.decode(data.codes[one, place : place + 6])
            assert word == "GATAAG"


def test_a_first_layer_that_reads_something_else_is_refused(registry):
    data, _ = planted("GATAAG")
    model = adapted(registry, '{"bases": "ACGT"}')
    model.module.network.conv.dilation = (2,)
    with pytest.raises(MisfitError, match="strides or dilates"):
        filter_motifs(model, data, np.arange(4), 1)
