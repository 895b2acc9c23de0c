"""Figures: what is on them, and that names from data cannot do anything to them."""

import io

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from demo_core import explain
from demo_core.drawing import (
    LETTER_COLOURS,
    WHITE_RED,
    draw_logo,
    draw_sequence,
    draw_strip,
    explanation_figure,
    learning_curve_figure,
)
from demo_core.testing import tiny_dataset, tiny_model


def boxes(axes):
    """Left, bottom, width and height of every letter outline, by colour."""
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
    heights[:, 0] = [2, 1, 0, 0]  # C below A? no: the largest stands next to the axis
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


HOSTILE = [
    "$\\frac{1}{0",
    "</text><script>alert(1)</script>",
    "a\tb\x1b[31m",
    "😀" * 40,
    "x" * 10_000,
    "\u202eabc",
    "^_{",
    "",
]


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_any_name_can_be_drawn_and_does_nothing(name, kind):
    data = tiny_dataset(4)
    data.ids[1] = name
    data.chroms = (name,)
    model = tiny_model()
    model.name = name
    explanation = explain("saliency", model, data)
    buffer = io.BytesIO()
    explanation_figure(explanation, 1).savefig(buffer, format=kind)
    assert buffer.tell() > 1000
    if kind == "svg":
        assert b"<script" not in buffer.getvalue()


def test_the_figure_shows_values_sequence_strips_and_site():
    data = tiny_dataset(4)
    explanation = explain("saliency", tiny_model(), data)
    figure = explanation_figure(explanation, 0)
    panels = [a for a in figure.axes if a.get_xlim() == (-0.5, 39.5)]
    assert len(panels) == 4
    sites = np.flatnonzero(data.sites[0])
    for axes in panels:
        (box,) = [p for p in axes.patches if isinstance(p, Rectangle) and not p.get_fill()]
        assert (box.get_x(), box.get_width()) == (sites[0] - 0.5, len(sites))
    values = (explanation.values[0] * explanation.one_hot(slice(None))[0]).sum(0)
    strips = [m.get_array().ravel() for a in panels for m in a.get_children() if isinstance(m, QuadMesh)]
    assert np.allclose(strips[0], np.abs(values))
    assert np.allclose(strips[1], values)
    assert "positive-1" in figure.get_suptitle()
    assert "label 1" in figure.get_suptitle()


def test_all_zero_values_and_all_unknown_sequences_can_be_drawn():
    data = tiny_dataset(2)
    data.codes[:] = 4
    explanation = explain("saliency", tiny_model(), data)
    explanation.values[:] = 0
    explanation_figure(explanation, 0).savefig(io.BytesIO())


def test_the_title_says_what_was_explained_and_how():
    data = tiny_dataset(2)
    plain = explanation_figure(explain("saliency", tiny_model(), data), 0).get_suptitle()
    other = explain("saliency", tiny_model(), data, target="probability:bound", simplex=True, average_strands=True)
    other.values[0, 0, 0] = np.nan
    assert plain.startswith("cnn: saliency of bound (logit)\n")
    title = explanation_figure(other, 0).get_suptitle()
    assert "saliency of probability:bound (simplex, both strands averaged, some values are not numbers)" in title


def test_labels_in_svg_and_pdf_are_text(tmp_path):
    from demo_core.drawing import save_figure

    figure = explanation_figure(explain("saliency", tiny_model(), tiny_dataset(2)), 0)
    for kind, word in (("svg", b"<text"), ("pdf", b"CIDFontType2")):
        save_figure(figure, tmp_path / f"x.{kind}", kind)
        assert word in (tmp_path / f"x.{kind}").read_bytes()


def test_the_learning_curve_takes_missing_scores():
    epochs = [{"epoch": i, "train_loss": 1.0 / i, "validation_loss": None, "validation_score": None} for i in (1, 2)]
    learning_curve_figure(epochs, 1, "AUROC").savefig(io.BytesIO())
