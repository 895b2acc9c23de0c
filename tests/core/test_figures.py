"""Test whole figures of each kind, and that names from data are drawn as plain text."""

import io
import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import QuadMesh
from matplotlib.patches import Rectangle
from told import retell

from demo_core import UsageProblem, explain
from demo_core.testing import tiny_dataset, tiny_model
from demo_core.views import reduced_map
from demo_core.views.figures import best_restart, explanation_figure

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
    panels = [a for a in panels if a.axison]
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
    assert "label bound: 1" in figure.get_suptitle()


def test_all_zero_values_and_all_unknown_sequences_can_be_drawn():
    data = tiny_dataset(2)
    data.codes[:] = 4
    explanation = explain("saliency", tiny_model(), data)
    explanation.values[:] = 0
    explanation_figure(explanation, 0).savefig(io.BytesIO())


def captions(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts if ": " in t.get_text()]


def test_each_block_says_what_was_explained_and_how():
    data = tiny_dataset(2)
    plain = explain("saliency", tiny_model(), data)
    (caption,) = captions(explanation_figure(plain, 0))
    assert caption.startswith("cnn: saliency of bound (logit)   P(bound) = 0.")
    other = explain("saliency", tiny_model(), data, target="probability:bound", simplex=True, average_strands=True)
    other.values[0, 0, 0] = np.nan
    (caption,) = captions(explanation_figure(other, 0))
    assert "saliency of probability:bound (simplex = True, both strands averaged)" in caption
    assert caption.endswith("some values are NaN or infinite")


def strips(figure):
    return [m.get_array() for a in figure.axes for m in a.get_children() if isinstance(m, QuadMesh) and a.axison]


def rows_of(figure, length=40):
    return [a for a in figure.axes if a.axison and a.get_xlim() == (-0.5, length - 0.5)]


@pytest.mark.parametrize(("score", "limits"), [("probability", (0, 1)), ("logit", None)])
def test_traces_are_curves_and_strips_white_at_the_middle(score, limits):
    found = explain("temporal", tiny_model("rnn"), tiny_dataset(3), score=score)
    if score == "logit":
        found.values[0] = 0.1 + 0.01 * found.values[0]  # values within 0 and 1 need not be probabilities
    figure = explanation_figure(found, 0)
    sequence, curves, forward, backward = rows_of(figure)
    assert len(curves.lines) == 3
    assert [a.get_ylabel() for a in (forward, backward)] == ["forward", "backward"]
    (mesh,) = [m for m in forward.get_children() if isinstance(m, QuadMesh)]
    assert np.allclose(mesh.get_array().ravel(), found.values[0, 0])
    middle = 0.5 if score == "probability" else 0.0
    assert np.allclose(mesh.cmap(mesh.norm(middle))[:3], 1, atol=0.01)
    assert curves.get_ylabel() == ("P" if score == "probability" else "score")
    if limits:
        assert (mesh.norm.vmin, mesh.norm.vmax) == limits


def test_positions_that_are_too_short_are_masked():
    found = explain("temporal", tiny_model("cnn"), tiny_dataset(3))
    forward = rows_of(explanation_figure(found, 0))[2]
    (mesh,) = [m for m in forward.get_children() if isinstance(m, QuadMesh)]
    assert mesh.get_array().mask.ravel().tolist() == np.isnan(found.values[0, 0]).tolist()
    assert mesh.get_array().mask.any()
    assert captions(explanation_figure(found, 0))[0].endswith("grey: no score")


def test_patterns_show_the_best_restart_and_what_it_reaches():
    found = explain("class-optimization", tiny_model(), restarts=3, steps=20)
    best = int(found.extra("one-hot").argmax())
    assert best_restart(found) == best
    figure = explanation_figure(found, best)
    (caption,) = captions(figure)
    assert caption.startswith("cnn: class-optimization of bound (restarts = 3, steps = 20)")
    assert f"restart-{best + 1} of 3: logit {found.target_values[best]:.3g} (P 0." in caption
    assert f"best letters: logit {found.extra('one-hot')[best]:.3g} (P 0." in caption
    (logo,) = rows_of(figure)
    assert logo.get_ylim() == (0, 2)
    assert logo.get_xlabel() == "position in the pattern (from 1)"


def test_interactions_are_maps():
    found = explain("saliency", tiny_model(), tiny_dataset(2))
    retell(found, kind="interaction")
    found.values = np.random.default_rng(0).normal(size=(2, 40, 40)).astype(np.float32)
    figure = explanation_figure(found, 1)
    assert any(m.shape == (40, 40) and np.allclose(m, found.values[1]) for m in strips(figure))
    figure.savefig(io.BytesIO())
    axes = next(a for a in figure.axes if a.child_axes)
    letters = "".join(text.get_text() for text in axes.child_axes[0].texts)
    assert letters == found.sequences.alphabet.decode(found.sequences.codes[1])
    assert axes.get_ylim() == axes.get_xlim()[::-1]


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 9))
def test_reduced_maps_keep_the_largest_magnitude_of_each_block(length, cells, seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=(length, length)).astype(np.float32)
    values[random.random(values.shape) < 0.2] = np.nan
    values[random.random(values.shape) < 0.1] = np.inf
    found = reduced_map(values.__getitem__, length, cells)
    step = -(-length // cells)
    assert len(found) == -(-length // step) <= cells
    for i, j in itertools.product(range(len(found)), repeat=2):
        block = values[i * step : (i + 1) * step, j * step : (j + 1) * step]
        known = block[np.isfinite(block)]
        expected = known[np.abs(known).argmax()] if len(known) else np.nan
        assert np.array_equal(found[i, j], expected, equal_nan=True)


def test_a_map_of_ten_thousand_positions_takes_little_memory():
    read = []

    def rows(some):
        read.append(some)
        return np.zeros((min(some.stop, 10_000) - some.start, 10_000), np.float32)

    tracemalloc.start()
    assert reduced_map(rows, 10_000).shape == (1000, 1000)
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()
    assert 20 < len(read) < 100


def test_several_explanations_of_one_sequence_share_an_axis():
    data = tiny_dataset(6)
    turned = data.take(np.arange(6)[::-1].copy())
    several = [
        explain("class-optimization", tiny_model(), restarts=2, steps=3),
        explain("saliency", tiny_model(), data),
        explain("temporal", tiny_model("rnn"), turned),
        explain("saliency", tiny_model("cnn-rnn"), data),
    ]
    figure = explanation_figure(several, 4)
    assert [c.split(" of ")[0] for c in captions(figure)] == [
        "cnn: class-optimization",
        "cnn: saliency",
        "rnn: temporal",
        "cnn-rnn: saliency",
    ]
    (forward,) = [m for m in rows_of(figure)[6].get_children() if isinstance(m, QuadMesh)]
    assert np.allclose(forward.get_array().ravel(), several[2].values[1, 0])  # same sequence, different row
    assert len(rows_of(figure)) == 1 + 1 + 3 + 3 + 3
    boxed = [len([p for p in a.patches if isinstance(p, Rectangle) and not p.get_fill()]) for a in rows_of(figure)]
    assert boxed == [0] + [1] * 10  # patterns have no site
    figure.savefig(io.BytesIO())


def test_the_same_restart_of_each_pattern_if_asked():
    both = [explain("class-optimization", tiny_model(seed=s), steps=2, restarts=3) for s in (0, 1)]
    texts = [t.get_text() for a in explanation_figure(both, 1, [1, 1]).axes for t in a.texts]
    assert sum("restart-2 of 3" in t for t in texts) == 2


@pytest.mark.parametrize("length", [20, 40, 100])
def test_captions_stay_within_the_figure(length):
    explanation = explain(
        "class-optimization", tiny_model(length=length), steps=2, restarts=1, parameters="softmax", patience=10
    )
    figure = explanation_figure(explanation, 0)
    figure.savefig(io.BytesIO())
    for text in [t for axes in figure.axes for t in axes.texts]:
        assert text.get_window_extent().x1 <= figure.bbox.x1
        assert text.get_window_extent().y1 <= figure.bbox.y1


def test_no_common_factor_stands_above_a_logo():
    explanation = explain("saliency", tiny_model(), tiny_dataset(2))
    explanation.values[:] *= 1e-7
    figure = explanation_figure(explanation, 0)
    figure.savefig(io.BytesIO())  # labels only then
    assert not any(axes.yaxis.get_offset_text().get_text() for axes in figure.axes)


def test_what_does_not_belong_on_one_axis():
    data = tiny_dataset(4)
    one, other = explain("saliency", tiny_model(), data), explain("saliency", tiny_model(), data)
    other.sequences.codes[2, 0] = (other.sequences.codes[2, 0] + 1) % 4
    with pytest.raises(UsageProblem, match="differs between"):
        explanation_figure([one, other], 2)
    with pytest.raises(UsageProblem, match="lacks 'negative-2'"):
        explanation_figure([one, explain("saliency", tiny_model(), data.take(slice(0, 2)))], 3)
    longer = explain("saliency", tiny_model(length=50), tiny_dataset(4, 50))
    with pytest.raises(UsageProblem, match="have 40 and 50 bases"):
        explanation_figure([one, longer], 0)


def test_show_draws_every_kind_and_several_files(trained, tmp_path, demo):
    few = ["--limit", "4", "-o", tmp_path]
    for explainer in ("saliency", "temporal"):
        assert demo("explain", explainer, trained / "one", trained / "data.h5", *few)[0] == 0
    assert demo("explain", "class-optimization", trained / "one", "--steps", "3", "--name", "p", "-o", tmp_path)[0] == 0
    files = [tmp_path / name for name in ("p.h5", "one.saliency.h5", "one.temporal.h5")]
    for number, chosen in enumerate([[f] for f in files] + [files]):
        for kind in ("png", "svg", "pdf"):
            code, out, err = demo("show", *chosen, "-o", tmp_path / f"{number}.{kind}")
            assert code == 0, err
            assert ("restart-" in out) == (number == 0)
    code, out, _ = demo("show", files[0], "--id", "restart-2", "-o", tmp_path / "r.png")
    assert code == 0 and "restart-2" in out
    code, _, err = demo("show", *files, "--id", "unknown-id", "-o", tmp_path / "n.png")
    assert code == 2 and "unknown id 'unknown-id'" in err
    assert not (tmp_path / "n.png").exists()
    code, _, err = demo("show", "-o", tmp_path / "n.png")
    assert code == 2 and "Missing argument 'EXPLANATION...'" in err


def test_show_chooses_a_sequence_that_all_files_explain(trained, tmp_path, demo):
    line = ["explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path, "--split", "all"]
    assert demo(*line, "--name", "every")[0] == 0
    assert demo(*line, "--name", "last", "--ids", "positive-3,negative-2")[0] == 0
    code, out, err = demo("show", tmp_path / "every.h5", tmp_path / "last.h5", "-o", tmp_path / "f.png")
    assert code == 0, err
    assert out.splitlines()[0].endswith("f.png: positive-3")


def test_labels_in_svg_and_pdf_are_text(tmp_path):
    from demo_core.views.drawing import save_figure

    figure = explanation_figure(explain("saliency", tiny_model(), tiny_dataset(2)), 0)
    for kind, word in (("svg", b"<text"), ("pdf", b"CIDFontType2")):
        save_figure(figure, tmp_path / f"x.{kind}", kind)
        assert word in (tmp_path / f"x.{kind}").read_bytes()
