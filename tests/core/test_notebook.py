"""Test notebook displays: a table and a picture, also with hostile names."""

import re
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.image import imread
from told import retell

from demo_core import Explanation, SequenceDataset, explain
from demo_core.testing import tiny_dataset, tiny_model
from demo_core.views import register_with_ipython

VOID = {"img"}


class Page(HTMLParser):
    """Collects the text of cells, and checks that tags close."""

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


def shown(value):
    """Return the HTML from IPython's own formatter."""
    formatter = DisplayFormatter()
    register_with_ipython(SimpleNamespace(display_formatter=formatter))
    formats, _ = formatter.format(value, include={"text/html"})
    return formats["text/html"]


def test_importing_demo_core_in_ipython_registers_them(tmp_path, trained):
    code = (
        "import demo_core, sys; assert 'matplotlib' not in sys.modules\n"
        f"data = demo_core.SequenceDataset.open({str(trained / 'data.h5')!r})\n"
        "html = get_ipython().display_formatter.formatters['text/html']\n"
        "html.enabled = True  # which it is in a notebook\n"
        "print(html(data)[:80])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "-c", code],
        capture_output=True, text=True, check=False, timeout=120, env={"PATH": "", "IPYTHONDIR": str(tmp_path)},
    )  # fmt: skip
    assert "<div><p><strong>SequenceDataset: 48 sequences" in done.stdout, done.stdout + done.stderr


def test_a_dataset(trained, tmp_path):
    dataset = tiny_dataset(48)
    text = shown(dataset)
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
        assert shown(opened) == text
    assert "closed" in shown(opened)


def test_a_model(registry):
    model = tiny_model(registry=registry, targets=("bound", "open"))
    page = Page(shown(model))
    assert f"{sum(p.numel() for p in model.module.parameters()):,}" in page.cells
    assert {"bound", "open", "sigmoid"} <= set(page.cells)
    assert "no record of a training" in shown(model)


def test_a_trained_model_shows_its_learning_curve(trained, tmp_path, demo):
    from demo_core import Model

    demo("train", "cnn", trained / "data.h5", "-o", tmp_path / "m", "--epochs", "2", "--filters", "4,4,4")
    text = shown(Model.load(tmp_path / "m"))
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
    text = shown(made)
    page = Page(text)
    assert explainer in text
    best = made.sequences.ids[int(np.argmax(made.target_values))]
    step = 1 if explainer == "class-optimization" else 2  # an interval lies between the columns
    assert page.cells[page.cells.index(best) + step] == f"{float(np.max(made.target_values)):.4g}"
    assert picture(text).std() > 0.05


def test_a_file_that_was_closed(trained, tmp_path, demo):
    demo("explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path)
    with Explanation.open(tmp_path / "one.saliency.h5") as opened:
        assert "<img" in shown(opened)
    assert "closed" in shown(opened)


def test_names_do_nothing(registry):
    evil = "<script>alert(1)</script>\x1b[31m"
    data = tiny_dataset(8)
    data.ids[0] = evil
    data.targets = (evil,)
    text = shown(data)
    assert Page(text).tags <= {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "img"}
    assert "\x1b" not in text
    model = tiny_model(registry=registry, targets=(evil,))
    model.name = evil
    assert "script" not in Page(shown(model)).tags


def test_an_empty_dataset_has_no_picture():
    text = shown(tiny_dataset(8).take(np.arange(0)))
    assert "<img" not in text and "0 sequences" in text


class Counted:
    """Column that counts the rows read from it."""

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
    text = shown(data)
    assert data.codes.read <= 2000
    assert "and 995 more targets" in text and "t999" not in text
    assert len(Page(text).cells) < 100
    data.labels = np.broadcast_to(np.float32(0), (n, 3000))
    data.targets = tuple(f"t{i}" for i in range(3000))
    assert "too many to be counted" in shown(data)


def test_a_record_that_others_wrote_is_shown_as_far_as_it_goes(registry):
    model = tiny_model(registry=registry)
    for training in ({"epochs": "abc", "best_epoch": 1}, {"epochs": [{"x": 1}], "best_epoch": 1}, {"epochs": []}):
        model.training = training
        assert "no record of a training" in shown(model)
    made = explain("saliency", model, tiny_dataset(8), registry=registry)
    retell(made, explainer__version=3)
    del made.metadata["seed"], made.metadata["device"]
    made.sequences.ids[:] = [f"<script>{i}</script>" for i in range(8)]
    assert "script" not in Page(shown(made)).tags


def test_labels_that_are_numbers_or_not_known_are_told_as_such():
    data = tiny_dataset(48)
    data.labels[:, 0] = np.arange(48)
    data.labels[5] = np.nan
    page = Page(shown(data))
    told = [cell for cell in page.cells if "median" in cell]
    assert len(told) == 3 and sum("1 unknown" in cell for cell in told) == 1
    assert not any("positive" in cell for cell in page.cells if "positive-" not in cell)
    data.labels[:] = np.nan
    assert "unknown" in Page(shown(data)).cells


def test_the_pattern_that_is_drawn_is_the_one_whose_letters_do_best(registry):
    made = explain("class-optimization", tiny_model(registry=registry), registry=registry, steps=2, restarts=4)
    text = shown(made)
    best = made.sequences.ids[int(np.argmax(made.extra("one-hot")))]
    assert f'alt="The values of {best}"' in text
    cells = Page(text).cells
    assert cells[cells.index(best) + 2] == f"{float(made.extra('one-hot').max()):.4g}"
