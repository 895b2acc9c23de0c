"""Test the paper's figure: blocks, positions of boxes, and values of strips."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from demo_dashboard.alignment import align
from demo_dashboard.boxes import Box
from demo_dashboard.figure import Subject, paper_figure
from demo_dashboard.motifs import Motifs
from demo_dashboard.palettes import PALETTES
from demo_dashboard.runs import _named
from demo_dashboard.sequence import Shown
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch, Rectangle

from demo_core import explain
from demo_core.sequences.motif import Motif
from demo_core.testing import tiny_dataset, tiny_model

MOTIF = Motif(
    "M1", "FACTOR", np.array([[0.97, 0.01, 0.01], [0.01, 0.97, 0.01], [0.01, 0.01, 0.97], [0.01, 0.01, 0.01]])
)


@pytest.fixture(scope="module")
def runs():
    data = tiny_dataset(4)
    made = [
        explain("class-optimization", tiny_model(), restarts=2, steps=3),
        explain("saliency", tiny_model(), data),
        explain("saliency", tiny_model("rnn"), data),
        explain("temporal", tiny_model("rnn"), data),
    ]
    return _named(made, [Path(f"{i}.h5") for i in range(len(made))])


def drawn(runs, boxes=(), motif=None, palette="paper", **settings):
    shown = Shown.load(align(runs), Motifs())
    patterns = [run for run in runs if run.is_pattern]
    return paper_figure(Subject(shown, 0, motif, "a title", boxes), patterns, PALETTES[palette], **settings)


def words(figure):
    return [t.get_text().replace("\n", " ") for t in figure.texts]


def panels(figure):
    return [a for a in figure.axes if a.get_xlim() == (-0.5, 39.5)]


def strips(figure):
    return [m.get_array().ravel() for a in panels(figure) for m in a.get_children() if isinstance(m, QuadMesh)]


def test_the_blocks_stand_in_the_papers_order(runs):
    figure = drawn(runs, motif=MOTIF)
    labels = [w for w in words(figure) if any(k in w for k in ("FACTOR", "cnn", "rnn", "sequence"))]
    order = [
        "FACTOR (M1), forward",
        "FACTOR (M1), reverse complement",
        "cnn class maximization",
        "sequence",
        "cnn saliency",
    ]
    order += ["rnn saliency", "sequence", "rnn temporal, forward", "rnn temporal, backward"]
    assert [re.sub(r" \(\d.*", "", label) for label in labels[: len(order)]] == order
    p = runs[1].explanation.predictions[0, 0]
    assert labels[4] == f"cnn saliency ({p:.2f})"
    assert len(panels(figure)) == len(order)
    figure.savefig(io.BytesIO(), format="svg")


def test_strips_show_the_values(runs):
    cnn, rnn, temporal = (run.explanation for run in runs[1:])
    due = [np.abs((e.values[0] * e.one_hot([0])[0]).sum(0)) for e in (cnn, rnn)]
    found = strips(drawn(runs))
    assert np.allclose(found[0], due[0]) and np.allclose(found[1], due[1])
    assert np.allclose(found[2], temporal.values[0, 0]) and np.allclose(found[3], temporal.values[0, 1])
    signed = strips(drawn(runs, style="signed"))
    assert np.allclose(signed[0], (cnn.values[0] * cnn.one_hot([0])[0]).sum(0))
    assert len(strips(drawn(runs, style="logo"))) == 2


def test_a_box_goes_through_attributions_and_traces_at_its_place(runs):
    figure = drawn(runs, [Box(10, 18, 0, "known site"), Box(11, 14, -1, "FACTOR (−, p = 1e-08)")], MOTIF)
    frame, of_motif = [p for p in figure.artists if isinstance(p, Rectangle)]
    rows = panels(figure)
    sequence, last = rows[3], rows[-1]
    to_figure = figure.transFigure.inverted()
    left, right = (to_figure.transform(sequence.transData.transform((x, 0)))[0] for x in (9.5, 17.5))
    assert frame.get_x() == pytest.approx(left) and frame.get_x() + frame.get_width() == pytest.approx(right)
    assert frame.get_y() < last.get_position().y0 and frame.get_y() + frame.get_height() > sequence.get_position().y1
    assert frame.get_y() + frame.get_height() < rows[2].get_position().y0  # does not apply to optimised inputs
    inks = {t.get_text().replace("\n", " "): to_hex(t.get_color()) for t in figure.texts}
    assert inks["FACTOR (M1), reverse complement"] == PALETTES["paper"].motif == inks["FACTOR (−, p = 1e-08)"]
    assert inks["FACTOR (M1), forward"] == "#555555" and inks["known site"] == PALETTES["paper"].truth
    assert to_hex(of_motif.get_edgecolor()) == PALETTES["paper"].motif


def test_the_motif_lies_over_its_site_both_ways(runs):
    figure = drawn(runs, [Box(8, 15, 0, "known site"), Box(10, 13, 1, "FACTOR")], MOTIF)

    def letters(axes):
        """Return the position of each colour's letter next to the axis."""
        found = {}
        for patch in (p for p in axes.get_children() if isinstance(p, PathPatch)):
            points = patch.get_path().vertices
            at_axis = points[np.abs(points[:, 1]) < 1e-9, 0]
            if len(at_axis):
                found[to_hex(patch.get_facecolor())] = round(float(at_axis.mean()))
        return found

    colours = {k: to_hex(v) for k, v in PALETTES["paper"].letters.items()}
    forward, backward = panels(figure)[:2]
    assert [letters(forward)[colours[x]] for x in "ACG"] == [10, 11, 12]
    assert [letters(backward)[colours[x]] for x in "CGT"] == [10, 11, 12]


def test_texts_of_boxes_are_not_written_over_each_other(runs):
    boxes = [Box(s, s + 6, 1, f"FACTOR (+, p = 1e-0{i})") for i, s in enumerate((2, 5, 30))]
    figure = drawn(runs, boxes)
    figure.savefig(io.BytesIO())
    shown = [t.get_window_extent() for t in figure.texts if "p = 1e" in t.get_text()]
    assert len(shown) == 3
    assert not any(a.overlaps(b) for i, a in enumerate(shown) for b in shown[i + 1 :])


@pytest.mark.parametrize("width", [88.0, 180.0])
def test_everything_lies_within_the_figure(runs, width):
    figure = drawn(runs, [Box(30, 38, 1, "FACTOR (+, p = 1e-08)")], MOTIF, width=width)
    figure.savefig(io.BytesIO())
    assert figure.get_figwidth() * 25.4 == pytest.approx(width)
    for text in figure.texts:
        extent = text.get_window_extent()
        assert extent.x0 >= -1 and extent.x1 <= figure.bbox.x1 + 1 and extent.y0 >= -1, text.get_text()


def test_the_safe_palette_has_no_red_beside_green(runs):
    figure = drawn(runs, palette="safe")
    inks = {to_hex(p.get_facecolor()) for a in panels(figure) for p in a.get_children() if isinstance(p, PathPatch)}
    assert inks == {to_hex(c) for c in PALETTES["safe"].letters.values()}


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
@pytest.mark.parametrize(
    "name", ["$\\frac{1}{0", "</text><script>alert(1)</script>", "😀" * 40, "x" * 10_000, "\u202ea\tb"]
)
def test_no_name_does_anything(name, kind, tmp_path, demo):
    data = tiny_dataset(3)
    data.ids[0] = name
    data.chroms = (name,)
    data.save(tmp_path / "data.h5")
    tiny_model().save(tmp_path / "model")
    assert (
        demo("explain", "saliency", tmp_path / "model", tmp_path / "data.h5", "--split", "all", "-o", tmp_path)[0] == 0
    )
    code, _, err = demo("figure", tmp_path / "model.saliency.h5", "--id", name, "-o", tmp_path / f"f.{kind}")
    assert code == 0, err
    made = (tmp_path / f"f.{kind}").read_bytes()
    assert len(made) > 1000 and b"<script" not in made
