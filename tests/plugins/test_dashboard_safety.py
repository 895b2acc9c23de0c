"""Test a report with hostile names in a real browser: no name is executed."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from demo_dashboard.page import page_html, web_file
from demo_dashboard.report import Choice, make_report
from demo_dashboard.runs import _named
from told import retell

from demo_core import explain
from demo_core.testing import tiny_dataset, tiny_model

PARTS = ("#sequence", "#model/0", "#compare", "#runs")
HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "a\tb\x1b[31m\n",
    "😀" * 40,
    "x" * 10_000,
    "\u202eabc\u200f",
    "{{ 7*7 }} ${alert(1)} `",
    "#model/0",
    "%zz &lt;b&gt;",
    "ًשלום",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Return a report in which every name from data is hostile."""
    data = tiny_dataset(len(HOSTILE))
    data.ids[:] = HOSTILE
    data.chroms = (HOSTILE[0],)
    runs = []
    for seed in (0, 1):
        model = tiny_model(seed=seed)
        model.name = HOSTILE[seed]
        runs.append(explain("saliency", model, data))
    for run in runs:
        retell(run, warnings=[HOSTILE[0]], info={"source": HOSTILE[1]})
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    path.write_text(page_html(make_report(_named(runs, [Path(HOSTILE[1]), Path("b.h5")]), [], Choice(), HOSTILE[0])))
    return path


def title(page):
    return page.text_content(".viewer h2")


def download(page, button, folder):
    with page.expect_download() as waiting:
        page.click(f"button[aria-label='{button}']")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_mark_where_an_explainer_warned(hostile, opened):
    page = opened(hostile)
    assert page.text_content("a.doubt") == "⚠ 2 runs to look at"
    page.click("a.doubt")
    assert page.text_content("p.doubt") == f"⚠ {HOSTILE[0]}"


@pytest.mark.parametrize("part", PARTS)
def test_no_name_does_anything(hostile, opened, part, tmp_path):
    page = opened(hostile, part)
    assert page.query_selector("main img, main script, main [onerror], main [onload], main iframe") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    if part == "#sequence":
        page.focus("table[role=grid]")
        page.keyboard.press("Home")
        seen = set()
        for _ in HOSTILE:
            seen.add(title(page))
            address = page.url.split("#")[1]
            assert title(opened(hostile, "#" + address)) == title(page)
            for button in ("SVG", "TSV", "BED"):
                label = {
                    "SVG": "Save the view as SVG",
                    "TSV": "Save the values of the view as TSV",
                    "BED": "Save the sites of this sequence as BED",
                }
                path = download(page, label[button], tmp_path)
                assert re.fullmatch(r"[A-Za-z0-9._-]+\.(svg|tsv|bed)", path.name) and len(path.name) < 80
                text = path.read_text()
                assert "\x1b" not in text and "\u202e" not in text
                if button == "SVG":
                    kinds = {element.tag.split("}")[1] for element in ET.fromstring(text).iter()}
                    assert kinds <= {"svg", "title", "defs", "clipPath", "rect", "g", "path", "line", "text"}
                if button == "TSV":
                    assert len({line.count("\t") for line in text.splitlines()}) == 1
            page.focus("table[role=grid]")
            page.keyboard.press("ArrowDown")
        assert len(seen) == len(HOSTILE)


def test_only_its_own_script_may_run(hostile, browser):
    """Scripts added to the file do not run, because the policy allows only the original one."""
    text = hostile.read_text()
    template = web_file("page.html")
    assert " style=" not in template and re.search(r"\son\w+=", template) is None
    changed = hostile.with_name("changed.html")
    changed.write_text(text.replace("</body>", "<script>document.title = 'mine'</script></body>"))
    page = browser.new_page()
    page.goto(changed.as_uri())
    page.wait_for_selector(".viewer h2")
    assert page.title() != "mine"
    page.close()
