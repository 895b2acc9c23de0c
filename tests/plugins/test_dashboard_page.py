"""Test the quickstart's report in a real browser, opened from disk without a network."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from demo_dashboard.page import page_html
from demo_dashboard.report import Choice, make_report
from demo_dashboard.runs import _named
from report_page import download, drag, files_of, ids_shown, title
from told import retell

from demo_core import explain
from demo_core.results.explanation import Explanation
from demo_core.testing import tiny_dataset, tiny_model

PARTS = ("#sequence", "#model/0", "#compare", "#runs")


@pytest.mark.parametrize(
    ("part", "scheme"), [*((p, "light") for p in PARTS), ("#sequence", "dark"), ("#compare", "dark")]
)
def test_nothing_hinders_a_reader(report, opened, part, scheme):
    page = opened(report, part, color_scheme=scheme)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
    serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
    assert not serious, [(v["id"], v["nodes"][0]["html"][:200]) for v in serious]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("part", PARTS)
def test_it_fits_a_phone(report, opened, part):
    page = opened(report, part, viewport={"width": 375, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")


def test_the_table_has_the_files_numbers(report, opened):
    page = opened(report)
    with Explanation.open(files_of(report)["cnn.saliency"]) as cnn:
        p = cnn.predictions[:, 0]
        ids = cnn.sequences.ids[:]
    heads = page.eval_on_selector_all("thead th", "heads => heads.map((h) => h.textContent)")
    column = heads.index("cnn")
    rows = page.eval_on_selector_all("tbody tr[id]", "rows => rows.map((r) => [...r.cells].map((c) => c.textContent))")
    assert len(rows) > 20
    for row in rows:
        assert row[column].split()[0] == f"{p[list(ids).index(row[0])]:.3f}"
    # the first sequence shown is the positive with the highest prediction over all models
    means = np.mean([_logits(report, m) for m in ("cnn", "rnn", "cnn-rnn")], axis=0)
    means[[not name.startswith("positive") for name in ids]] = -np.inf
    assert title(page) == ids[int(means.argmax())]


def _logits(report, model):
    with Explanation.open(files_of(report)[f"{model}.saliency"]) as e:
        return e.outputs[:, 0]


def test_sorting_filtering_and_searching(report, opened):
    page = opened(report)
    p = 1 / (1 + np.exp(-_logits(report, "rnn")))
    with Explanation.open(files_of(report)["rnn.saliency"]) as e:
        ids = [str(i) for i in e.sequences.ids[:]]
    rounded = [round(float(v), 4) for v in p]
    page.click("thead th >> text='rnn'")
    assert page.get_attribute("th[aria-sort='descending']", "data-key").startswith("view:")
    assert [rounded[ids.index(i)] for i in ids_shown(page)[:9]] == pytest.approx(
        sorted(rounded, reverse=True)[:9], abs=1e-4
    )
    page.click("thead th >> text='rnn'")
    assert [rounded[ids.index(i)] for i in ids_shown(page)[:9]] == pytest.approx(sorted(rounded)[:9], abs=1e-4)
    page.click("thead th >> text='rnn'")
    assert page.query_selector("th[aria-sort='descending'], th[aria-sort='ascending']") is None
    wrong = set()
    for model in ("cnn", "rnn", "cnn-rnn"):
        for name, z in zip(ids, _logits(report, model), strict=True):
            if (z >= 0) != name.startswith("positive"):
                wrong.add(name)
    page.select_option("select[aria-label=Predictions]", "wrong")
    assert len(ids_shown(page)) > 10 and set(ids_shown(page)) <= wrong  # visible ones
    assert page.text_content(".status") == f"{len(wrong)} of {len(ids)} sequences"
    page.select_option("select[aria-label=Predictions]", "")
    page.fill("input[type=search]", ids[7])
    assert ids[7] in ids_shown(page) and all(ids[7] in i for i in ids_shown(page))
    page.fill("input[type=search]", "no such thing")
    assert ids_shown(page) == [] and page.text_content(".status") == "no sequence matches"
    page.click("text=clear filters")
    assert page.text_content(".status") == f"{len(ids)} sequences"
    assert page.input_value("input[type=search]") == "" and not page.is_visible("text=clear filters")
    page.select_option("select[aria-label=Label]", "0")
    assert all(i.startswith("negative") for i in ids_shown(page))


def test_orders_at_a_click(report, opened):
    page = opened(report)
    logits = np.stack([_logits(report, m) for m in ("cnn", "rnn", "cnn-rnn")])
    p = 1 / (1 + np.exp(-logits))
    with Explanation.open(files_of(report)["cnn.saliency"]) as e:
        ids = e.sequences.ids[:]
    page.click("text=most wrong")
    label = np.array([name.startswith("positive") for name in ids])
    assert title(page) == ids[int(np.abs(p - label).max(axis=0).argmax())]
    page.click("text=models disagree most")
    assert title(page) == ids[int((p.max(axis=0) - p.min(axis=0)).argmax())]
    page.click("text=most confident")
    assert title(page) == ids[int(np.where(label, logits.mean(axis=0), -np.inf).argmax())]


def test_the_keyboard_chooses_and_the_address_names_what_is_chosen(report, opened):
    page = opened(report)
    page.focus("table[role=grid]")
    page.keyboard.press("Home")
    first = title(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert title(page) == ids_shown(page)[2]
    page.keyboard.press("ArrowUp")
    second = title(page)
    assert second == ids_shown(page)[1] and second != first
    assert page.url.endswith(f"#sequence/{second}")
    active = page.get_attribute("table[role=grid]", "aria-activedescendant")
    assert page.get_attribute(f"#{active}", "aria-selected") == "true"
    page.keyboard.press("End")
    assert title(page) == ids_shown(page)[-1]  # rows outside the view have been added
    again = opened(report, f"#sequence/{second}")
    assert title(again) == second
    for wrong in ("%E0%A4%A", "unknown-id"):
        lost = opened(report, f"#sequence/{wrong}")
        assert "is not in this report" in lost.text_content("[role=alert]") and title(lost)
        assert lost.url.endswith(f"#sequence/{title(lost)}")
        lost.focus("table[role=grid]")
        lost.keyboard.press("End")
        assert lost.text_content("[role=alert]") == ""


def read_at(page, position):
    """Return the tooltip of a position, numbered from 1."""
    box = page.query_selector(".canvas svg").bounding_box()
    length = 100
    x = box["x"] + 54 + (box["width"] - 54 - 10) * (position - 0.5) / length
    page.mouse.move(x, box["y"] + 40)
    return page.text_content(".readout")


@pytest.mark.full
def test_pointing_reads_the_values_of_the_files(full_report, opened):
    page = opened(full_report)
    name = title(page)
    with Explanation.open(files_of(full_report)["cnn.saliency"]) as e:
        row = e.row_of(name)
        values, x = e.values[row], e.one_hot([row])[0]
        base = e.sequences.alphabet.decode(e.sequences.codes[row])
        interval = e.sequences.interval(row)
    with Explanation.open(files_of(full_report)["rnn.temporal"]) as e:
        trace = e.values[e.row_of(name)]
    for position in (1, 30, 65, 100):
        said = read_at(page, position)
        there = f"{interval.chrom}:{interval.position(position - 1) + 1:,}"
        assert f"position {position}, {base[position - 1]} {there}" in said
        shown = _number(re.search(r"cnn: saliency ([−\d.e]+)", said.replace("cnn-rnn: saliency", ""))[1])
        assert shown == pytest.approx(
            float((values * x)[:, position - 1].sum()), rel=6e-3, abs=float(np.abs(values).max()) / 60000
        )
        rnn = said[re.search(r"(?<!-)rnn: temporal", said).start() :]
        forward = re.search(r"rnn: temporal forward ([−–\d.e]+), backward ([−–\d.e]+)", rnn)
        for got, due in zip(forward.groups(), trace[:, position - 1], strict=True):
            assert (got == "–") == bool(np.isnan(due))
            if got != "–":
                assert _number(got) == pytest.approx(float(due), rel=6e-3, abs=1e-4)


def _number(text):
    return float(text.replace("−", "-"))


def test_zoom_pan_and_the_keys_of_the_tracks(report, opened):
    page = opened(report)
    ticks = lambda: page.eval_on_selector_all(".canvas svg > g:last-child text", "t => t.map((x) => x.textContent)")  # noqa: E731
    before = ticks()
    page.click("button[aria-label='Zoom in']")
    page.click("button[aria-label='Zoom in']")
    closer = ticks()
    assert closer != before and page.query_selector(".canvas.zoomed")
    box = page.query_selector(".canvas").bounding_box()
    page.mouse.move(box["x"] + 400, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_function(
        "(before) => document.querySelector('.canvas svg > g:last-child').textContent !== before", arg="".join(closer)
    )
    page.focus(".canvas")
    page.keyboard.press("0")
    assert ticks() == before
    page.mouse.move(5, 5)
    page.keyboard.press("ArrowRight")
    assert "position 1," in page.text_content(".readout")
    page.keyboard.press("Shift+ArrowRight")
    assert "position 11," in page.text_content(".readout")
    page.keyboard.press("+")
    assert page.query_selector(".canvas.zoomed")


def tracks(page):
    return page.eval_on_selector_all(".canvas svg text[font-weight='600']", "t => t.map((x) => x.textContent)")


def test_models_explainers_and_orders_are_chosen(report, opened):
    page = opened(report)
    runs = [t for t in tracks(page) if ":" in t]
    assert len(runs) == 6
    page.click(".menu summary")
    page.click("[data-group='explainer:temporal']")
    assert [t for t in tracks(page) if "temporal" in t] == []
    page.click("[data-group='model:rnn']")
    assert [t.split(":")[0] for t in tracks(page) if ":" in t] == ["cnn", "cnn-rnn"]
    page.click("li[data-run='cnn: saliency'] .down")
    page.click("[data-group='model:rnn']")
    assert [t.split(":")[0] for t in tracks(page) if "saliency" in t][:2] == ["rnn", "cnn"]
    page.uncheck("li[data-run='rnn: saliency'] input")
    assert not any(t.startswith("rnn: saliency") for t in tracks(page))
    page.keyboard.press("Escape")
    assert not page.is_visible(".panel")
    page.click(".menu summary")
    page.wait_for_selector(".panel.turned")  # towards the free side
    box = page.query_selector(".panel").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
    page.click(".canvas")
    assert not page.is_visible(".panel")


def test_scales_and_ways_to_draw(report, opened):
    page = opened(report)
    drawn = lambda: page.inner_html(".canvas")  # noqa: E731
    seen = {drawn()}
    for key, value in (
        ("attribution", "hypothetical"),
        ("scale", "same"),
        ("attribution", "strip"),
        ("trace", "strip"),
    ):
        page.select_option(f"select[data-setting={key}]", value)
        seen.add(drawn())
    assert len(seen) == 5
    page.select_option("select[data-setting=attribution]", "logo")
    page.select_option("select[data-setting=scale]", "own")
    for _ in range(3):
        page.click("button[aria-label='Zoom in']")
    different = []
    for way in (600, -600):  # the largest value cannot be at both ends
        drag(page, way)
        page.select_option("select[data-setting=scale]", "own")
        whole = drawn()
        page.select_option("select[data-setting=scale]", "view")
        different.append(drawn() != whole)
    assert any(different)
    page.select_option("select[aria-label=Colours]", "safe")
    page.click("button[aria-label='Switch between dark and light colours']")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert drawn() not in seen


@pytest.mark.full
def test_what_is_taken_along(full_report, opened, tmp_path):
    page = opened(full_report)
    name = title(page)
    svg = download(page, "Save the view as SVG", tmp_path)
    text = svg.read_text()
    assert svg.name == f"{name}.svg" and text.startswith("<?xml")
    root = ET.fromstring(text)
    assert any(name in (e.text or "") for e in root.iter() if e.get("font-weight") == "700")
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and " style=" not in text and "<script" not in text
    png = download(page, "Save the view as PNG", tmp_path).read_bytes()
    assert png.startswith(b"\x89PNG")
    wide, high = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    assert (wide, high) == (2 * float(root.get("width")), 2 * float(root.get("height"))) or abs(
        wide - 2 * float(root.get("width"))
    ) <= 1
    table = list(
        csv.DictReader(
            io.StringIO(download(page, "Save the values of the view as TSV", tmp_path).read_text()), delimiter="\t"
        )
    )
    with Explanation.open(files_of(full_report)["cnn.saliency"]) as e:
        row = e.row_of(name)
        actual = (e.values[row] * e.one_hot([row])[0]).sum(0)
        step = np.abs(e.values[row]).max() / 65534
        interval = e.sequences.interval(row)
        sites = e.sequences.sites[row]
    assert np.allclose([float(r["cnn: saliency"]) for r in table], actual, atol=1.01 * step)
    assert [int(r["chrom_position"]) for r in table] == [interval.position(i) for i in range(100)]
    bed = [
        line.split("\t")
        for line in download(page, "Save the sites of this sequence as BED", tmp_path).read_text().splitlines()
    ]
    known = next(line for line in bed if line[3] == "known-site")
    assert (known[0], int(known[1])) == (interval.chrom, interval.start + int(np.flatnonzero(sites)[0]))
    assert any(line[5] in "+-" for line in bed)


@pytest.mark.full
def test_the_page_of_a_model(full_report, opened):
    page = opened(full_report, "#model/0")
    record = json.loads((full_report.parent / "models" / "cnn" / "model.json").read_text())
    text = page.text_content("main")
    assert f"{record['metrics']['validation']['AUROC']:.4g}" in text
    table = (full_report.parent / "motifs" / "motifs.tsv").read_text()
    rows = list(csv.DictReader(io.StringIO(table), delimiter="\t"))
    mine = {r["motif"]: r for r in rows if r["motif"].startswith("cnn.") and r["rank"] == "1"}
    assert mine
    for motif, row in mine.items():
        line = page.text_content(f"tr:has-text('{motif}')")
        assert row["match_name"] in line and row["seqlets"] in line
    assert len(page.query_selector_all("figure svg")) == 3


def test_comparison_and_provenance_are_those_of_the_files(report, opened):
    page = opened(report, "#compare")
    table = {row["model"]: row for row in json.loads((report.parent / "table.json").read_text())}
    for model, row in table.items():
        lines = page.eval_on_selector_all(
            "table.plain tr", "rows => rows.map((r) => [...r.cells].map((c) => c.textContent))"
        )
        found = {line[0]: line[1] for line in lines}
        assert found[f"{model}: saliency"] == f"{row['saliency']:.3f}"
        assert found[f"{model}: temporal"] == f"{row['temporal']:.3f}"
    page.click("nav >> text=Runs")
    page.wait_for_selector(".command")
    text = page.text_content("main")
    for path in files_of(report).values():
        with Explanation.open(path) as e:
            assert e.metadata["model"]["digest"] in text and path.name in text
    assert "demo dashboard" in page.text_content(".command")


def test_patterns_alone(opened, tmp_path):
    run = explain("class-optimization", tiny_model(), restarts=2, steps=3)
    path = tmp_path / "p.html"
    path.write_text(page_html(make_report(_named([run], [Path("p.h5")]), [], Choice(), "demo")))
    page = opened(path)
    assert "Optimised inputs" in page.text_content("main")
    page.click("nav >> text=Compare")
    page.wait_for_selector("main >> text=no explanations of sequences")


def test_interactions_are_maps(opened, tmp_path):
    run = explain("saliency", tiny_model(), tiny_dataset(3))
    retell(run, kind="interaction")
    run.values = np.random.default_rng(0).normal(size=(3, 40, 40)).astype(np.float32)
    path = tmp_path / "i.html"
    path.write_text(page_html(make_report(_named([run], [Path("i.h5")]), [], Choice(), "demo")))
    page = opened(path)
    assert page.query_selector(".canvas svg image").get_attribute("href").startswith("data:image/png")
    box = page.query_selector(".canvas svg").bounding_box()
    page.mouse.move(box["x"] + 54 + 1, box["y"] + 60)
    row = np.abs(run.values[_row(page, run)][0])
    row[0] = -1
    assert f"strongest with position {int(row.argmax()) + 1}:" in page.text_content(".readout")


def test_long_maps_have_fewer_cells_and_stay_small(opened, tmp_path):
    run = explain("input-x-gradient", tiny_model(length=600), tiny_dataset(2, length=600))
    retell(run, kind="interaction")
    run.values = np.random.default_rng(0).normal(size=(2, 600, 600)).astype(np.float32)
    run.values[:, 100, 407] = 40
    path = tmp_path / "i.html"
    path.write_text(page_html(make_report(_named([run], [Path("i.h5")]), [], Choice(), "demo")))
    assert path.stat().st_size < 2 * 200 * 200 * 2.67 + 400_000  # two maps of 200 x 200 cells, and the page itself
    page = opened(path)
    box = page.query_selector(".canvas svg image").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 100.5 / 600, box["y"] + 60)
    assert "strongest with positions 406 to 408: 40" in page.text_content(".readout")


def _row(page, run):
    return run.row_of(title(page))


def test_the_skip_link_leaves_the_page_where_it_is(report, opened):
    page = opened(report, "#compare")
    page.focus(".skip")
    page.keyboard.press("Enter")
    assert page.text_content("main h2") == "Compare"
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.url.endswith("#compare")


def test_paper_is_white_and_holds_the_tracks(report, opened):
    page = opened(report, color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.get_attribute(".canvas svg > rect", "fill") == "#ffffff"
    assert page.get_attribute("html", "data-theme") == "light"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.get_attribute(".canvas svg > rect", "fill") != "#ffffff"
