"""Test parts of figures, and that names from data are drawn as plain text."""

import io

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from demo_core.views.drawing import (
    LETTER_COLOURS,
    WHITE_RED,
    draw_logo,
    draw_sequence,
    draw_strip,
    draw_traces,
    information,
    learning_curve_figure,
    pattern_probabilities,
)
from demo_core.views.maps import draw_map


def boxes(axes):
    """Return left, bottom, width and height of every letter outline, by colour."""
    found = {}
    for patch in axes.get_children():
        if isinstance(patch, PathPatch):
            from matplotlib.colors import to_hex

            path = patch.get_path()
            starts = np.flatnonzero(path.codes == 1)
            for part in np.split(
                path.vertices[path.codes != 79], np.searchsorted(np.flatnonzero(path.codes != 79), starts)[1:]
            ):
                found.setdefault(to_hex(patch.get_facecolor()), []).append((part.min(0), part.max(0)))
    return found


def test_letters_have_the_height_of_their_values_largest_next_to_the_axis():
    axes = Figure().subplots()
    heights = np.zeros((4, 3))
    heights[:, 0] = [2, 1, 0, 0]  # the largest letter is next to the axis
    heights[:, 1] = [0, 0, -3, -0.5]
    draw_logo(axes, heights)
    found = boxes(axes)
    span = {
        c: (np.min([b[0] for b in found[LETTER_COLOURS[c]]], 0), np.max([b[1] for b in found[LETTER_COLOURS[c]]], 0))
        for c in "ACGT"
    }
    assert span["A"][0] == pytest.approx([-0.5, 0])
    assert span["A"][1] == pytest.approx([0.5, 2])
    assert span["C"][0][1] == pytest.approx(2)
    assert span["C"][1][1] == pytest.approx(3)
    assert (span["G"][0][1], span["G"][1][1]) == (pytest.approx(-3), pytest.approx(0))
    assert (span["T"][0][1], span["T"][1][1]) == (pytest.approx(-3.5), pytest.approx(-3))
    assert axes.get_ylim()[0] < -3.5
    assert axes.get_ylim()[1] > 3


@pytest.mark.parametrize(
    "heights", [np.zeros((4, 5)), np.full((4, 5), np.nan), np.zeros((4, 0)), np.full((4, 2), np.inf)]
)
def test_nothing_to_draw_draws_nothing(heights):
    axes = Figure().subplots()
    draw_logo(axes, heights)
    assert boxes(axes) == {}
    assert np.isfinite(axes.get_ylim()).all()


def test_unknown_bases_are_grey():
    axes = Figure().subplots()
    draw_sequence(axes, "ANGT")
    assert set(boxes(axes)) == {"#777777", *(LETTER_COLOURS[c] for c in "AGT")}


def test_a_strip_has_a_cell_for_each_number_and_masks_what_is_none():
    axes = Figure().subplots()
    from matplotlib.colors import Normalize

    draw_strip(axes, [0, 1, np.nan, 2], WHITE_RED, Normalize(0, 2))
    (mesh,) = [c for c in axes.get_children() if isinstance(c, QuadMesh)]
    assert mesh.get_array().mask.ravel().tolist() == [False, False, True, False]


def test_the_learning_curve_takes_missing_scores():
    epochs = [{"epoch": i, "train_loss": 1.0 / i, "validation_loss": None, "validation_score": None} for i in (1, 2)]
    learning_curve_figure(epochs, 1, "AUROC").savefig(io.BytesIO())


def test_a_trace_has_a_gap_where_there_is_no_number():
    axes = Figure().subplots()
    draw_traces(axes, [[np.nan, 0.2, 0.4], [0.9, np.nan, 0.1]], ["#111111", "#222222"], middle=0.5, low=0, high=1)
    curves = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert [line.get_color() for line in curves] == ["#111111", "#222222"]
    assert np.ma.getmaskarray(curves[0].get_ydata()).tolist() == [True, False, False]
    assert axes.get_xlim() == (-0.5, 2.5)


def test_a_map_has_positions_across_and_down():
    from matplotlib.colors import Normalize

    axes = Figure().subplots()
    mesh = draw_map(axes, np.arange(9.0).reshape(3, 3), WHITE_RED, Normalize(0, 8))
    assert mesh.get_array().shape == (3, 3)
    assert axes.get_ylim() == (2.5, -0.5)


def test_a_pattern_is_made_a_logo_as_the_paper_does():
    values = np.array([[2.0, -1.0, 0.0], [0.5, 0.25, 0.0], [0.0, 0.0, 0.0], [-3.0, 0.0, 0.0]])
    found = pattern_probabilities(values)
    raised = np.array([[1.0, 0, 0], [0.5, 0.25, 0], [0, 0, 0], [0, 0, 0]]) + 0.01
    assert np.allclose(found, raised / raised.sum(0))
    heights = information(found)
    assert heights[:, 2] == pytest.approx(0)  # all bases are equally likely
    assert 0 < heights[:, 1].sum() < 2
    certain = information(np.eye(4)[:, :1])
    assert certain[:, 0].tolist() == [2.0, 0, 0, 0]
    assert np.allclose(pattern_probabilities(np.full((4, 2), -1.0)), 0.25)
