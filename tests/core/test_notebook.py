"""What a notebook shows: a table and a picture, of names that may be anything."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from demo_core import Explanation, SequenceDataset, explain
from demo_core.testing import tiny_dataset, tiny_model

VOID = {"img"}


class Page(HTMLParser):
    """Knows whether tags close, and what is written in cells."""

    def __init__(self, text):
        super().__init__()
        self.open, self.cells, self.tags, self.heads = [], [], set(), []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            (self.cells if self.open[-1] == "td" else self.heads).append(data)


def picture(text):
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    return imread(BytesIO(b64decode(data)))


def test_a_dataset(trained, tmp_path):
    dataset = tiny_dataset(48)
    text = dataset._repr_html_()
    page = Page(text)
    counted = {tuple(page.cells[i : i + 4]) for i in range(0, 12, 4)}
    labels, split = np.asarray(dataset.labels[:, 0]), np.asarray(dataset.split[:])
    for i, name in enumerate(("train", "validation", "test")):
        mine = labels[split == i]
        told = f"{int((mine == 1).sum())} positive, {int((mine == 0).sum())} negative"
        assert (name, "bound", str(len(mine)), told) in counted
    assert dataset.ids[0] in page.cells
    assert "and 43 more" in text
    assert picture(text).std() > 0.1
    with SequenceDataset.open(trained / "data.h5") as opened:
        assert opened._repr_html_() == text
    assert "closed" in opened._repr_html_()


def test_a_model(registry):
    model = tiny_model(registry=registry, targets=("bound", "open"))
    page = Page(model._repr_html_())
    assert f"{sum(p.numel() for p in model.module.parameters()):,}" in page.cells
    assert {"bound", "open", "sigmoid"} <= set(page.cells)
    assert "no record of a training" in model._repr_html_()


def test_a_trained_model_shows_its_learning_curve(trained, tmp_path, demo):
    from demo_core import Model

    demo("train", "cnn", trained / "data.h5", "-o", tmp_path / "m", "--epochs", "2", "--filters", "4,4,4")
    text = Model.load(tmp_path / "m")._repr_html_()
    assert "validation AUROC" in Page(text).cells
    assert picture(text).std() > 0.1


@pytest.mark.parametrize("explainer", ["saliency", "temporal", "class-optimization"])
def test_an_explanation(explainer, registry, tmp_path):
    model, data = tiny_model(registry=registry), tiny_dataset(12)
    made = (
        explain(explainer, model, registry=registry, steps=2, restarts=2)
        if explainer == "class-optimization"
        else explain(explainer, model, data, registry=registry)
    )
    text = made._repr_html_()
    page = Page(text)
    assert explainer in text
    best = made.sequences.ids[int(np.argmax(made.target_values))]
    step = 1 if explainer == "class-optimization" else 2  # an interval is between
    assert page.cells[page.cells.index(best) + step] == f"{float(np.max(made.target_values)):.4g}"
    assert picture(text).std() > 0.05


def test_a_file_that_was_closed(trained, tmp_path, demo):
    demo("explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path)
    with Explanation.open(tmp_path / "one.saliency.h5") as opened:
        assert "<img" in opened._repr_html_()
    assert "closed" in opened._repr_html_()


def test_names_do_nothing(registry):
    evil = "<script>alert(1)</script>\x1b[31m"
    data = tiny_dataset(8)
    data.ids[0] = evil
    data.targets = (evil,)
    text = data._repr_html_()
    assert Page(text).tags <= {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "img"}
    assert "\x1b" not in text
    model = tiny_model(registry=registry, targets=(evil,))
    model.name = evil
    assert "script" not in Page(model._repr_html_()).tags


def test_an_empty_dataset_has_no_picture():
    text = tiny_dataset(8).take(np.arange(0))._repr_html_()
    assert "<img" not in text and "0 sequences" in text


class Counted:
    """A column that counts the rows that are read of it."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.read = values, values.shape, values.dtype, 0

    def __getitem__(self, key):
        found = self.values[key]
        self.read += len(found)
        return found


def test_what_is_read_and_shown_of_a_large_dataset_is_bounded():
    n = 20_000
    small = tiny_dataset(8)
    data = small.take(np.zeros(n, int))
    data.labels = np.zeros((n, 1000), np.float32)
    data.targets = tuple(f"t{i}" for i in range(1000))
    data.codes = Counted(data.codes)
    text = data._repr_html_()
    assert data.codes.read <= 2000
    assert "and 995 more targets" in text and "t999" not in text
    assert len(Page(text).cells) < 100
    data.labels = np.broadcast_to(np.float32(0), (n, 3000))
    data.targets = tuple(f"t{i}" for i in range(3000))
    assert "too many to be counted" in data._repr_html_()


def test_a_record_that_others_wrote_is_shown_as_far_as_it_goes(registry):
    model = tiny_model(registry=registry)
    for training in ({"epochs": "abc", "best_epoch": 1}, {"epochs": [{"x": 1}], "best_epoch": 1}, {"epochs": []}):
        model.training = training
        assert "no record of a training" in model._repr_html_()
    made = explain("saliency", model, tiny_dataset(8), registry=registry)
    del made.metadata["seed"], made.metadata["device"]
    made.metadata["explainer"]["version"] = 3
    made.sequences.ids[:] = [f"<script>{i}</script>" for i in range(8)]
    assert "script" not in Page(made._repr_html_()).tags


def test_labels_that_are_numbers_or_not_known_are_told_as_such():
    data = tiny_dataset(48)
    data.labels[:, 0] = np.arange(48)
    data.labels[5] = np.nan
    page = Page(data._repr_html_())
    told = [cell for cell in page.cells if "median" in cell]
    assert len(told) == 3 and sum("1 unknown" in cell for cell in told) == 1
    assert not any("positive" in cell for cell in page.cells if "positive-" not in cell)
    data.labels[:] = np.nan
    assert "unknown" in Page(data._repr_html_()).cells


def test_the_pattern_that_is_drawn_is_the_one_whose_letters_do_best(registry):
    made = explain("class-optimization", tiny_model(registry=registry), registry=registry, steps=2, restarts=4)
    text = made._repr_html_()
    best = made.sequences.ids[int(np.argmax(made.extra("one-hot")))]
    assert f'alt="The values of {best}"' in text
    cells = Page(text).cells
    assert cells[cells.index(best) + 2] == f"{float(made.extra('one-hot').max()):.4g}"
