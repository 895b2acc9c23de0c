"""Test each module of the page in a real browser."""

import math

import pytest
from demo_dashboard.numbers import quantised, restored
from demo_dashboard.page import bundle


@pytest.fixture(scope="module")
def run(browser):
    """Evaluate an expression in a page with the modules: ``$scale`` is scale.js, and so on."""
    page = browser.new_page()
    page.set_content("<header id='top'></header><main id='main'></main>")
    page.add_script_tag(content=bundle("main"))
    yield page.evaluate
    page.close()


def test_numbers_are_decoded_as_they_were_coded(run):
    values = [0.5, -1.25, 0.0, math.nan, 3e-7, 2.0]
    coded = quantised(values)
    found = run("(coded) => Array.from($source.decoded(coded), (v) => Number.isNaN(v) ? 'nan' : v)", coded)
    expected = restored(coded)
    assert [f if f != "nan" else None for f in found] == [None if math.isnan(e) else e for e in expected]
    assert run("(c) => $source.rows(c, 3).map((r) => r.length)", coded) == [3, 3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (1234567, "1.2e+6"),
        (0.00001234, "1.2e−5"),
        (-0.12345, "−0.123"),
        (42, "42"),
        (99999, "100000"),
    ],
)
def test_numbers_as_people_read_them(run, value, text):
    assert run("(v) => $numbers.short(v)", value) == text


def test_ticks_are_round(run):
    assert run("$numbers.ticks(0, 1, 5)") == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert run("$numbers.ticks(-3, 97, 4)") == [0, 50] or run("$numbers.ticks(-3, 97, 4)") == [0, 25, 50, 75]
    assert run("$numbers.ticks(2, 2)") == [2]


def test_zoom_keeps_what_is_pointed_at_in_place_and_stays_inside(run):
    shown = run("$scale.zoomed({from: 0, to: 100}, 0.5, 80, 100)")
    assert (80 - shown["from"]) / (shown["to"] - shown["from"]) == pytest.approx(0.8)
    assert run("$scale.zoomed({from: 0, to: 100}, 2, 50, 100)") == {"from": 0, "to": 100}
    closest = run("$scale.zoomed({from: 0, to: 100}, 1e-9, 0, 100)")
    assert closest == {"from": 0, "to": 8}
    assert run("$scale.moved({from: 90, to: 98}, 50, 100)") == {"from": 92, "to": 100}
    assert run("$scale.zoomed({from: 0, to: 5}, 0.5, 0, 5)") == {"from": 0, "to": 5}


@pytest.mark.parametrize(
    ("interval", "place", "position"), [([0, 100, 200, "+"], 5, 106), ([0, 100, 200, "-"], 5, 195), (None, 5, None)]
)
def test_places_in_the_genome_are_those_of_intervals(run, interval, place, position):
    from demo_core.sequences.intervals import Interval

    assert run("([i, p]) => $scale.genomic(i, p)", [interval, place]) == position
    if interval:
        assert Interval("chr1", *interval[1:]).position(place) + 1 == position


def test_a_logo_stacks_letters_by_size_on_both_sides(run):
    found = run(
        """() => {
          const rows = [[0.5, 0], [1, -2], [0, 1], [-0.5, 0]];
          const axis = new $scale.Axis({ from: 0, to: 2 }, 0, 20);
          const at = (v) => 100 - 10 * v;
          const colours = { letters: { A: "a" }, unknown: "u" };
          const svg = $dom.s("svg", {}, $logo.logo(rows, "ACGT", axis, at, 0, 2, colours));
          document.body.append(svg);
          const boxes = Object.entries($logo.logoPaths(rows, "ACGT", axis, at, 0, 1)).map(([letter, d]) => {
            const path = $dom.s("path", { d });
            svg.append(path);
            const box = path.getBBox();
            return [letter, Math.round(box.y), Math.round(box.y + box.height)];
          });
          return [Object.fromEntries(boxes.map(([l, ...yy]) => [l, yy])), $logo.reach(rows, 0, 2)];
        }"""
    )
    # largest next to the axis at 100: C from 90 to 100, A above it, T below the axis
    assert found[0] == {"C": [90, 100], "A": [85, 90], "T": [100, 105]}
    assert found[1] == [-2, 1.5]


def test_bits_are_those_of_the_core(run):
    import numpy as np

    from demo_core.views.drawing import information

    ppm = [[0.7, 0.25, 1], [0.1, 0.25, 0], [0.1, 0.25, 0], [0.1, 0.25, 0]]
    found = run("(p) => $logo.bits(p).map((r) => Array.from(r))", ppm)
    assert np.allclose(found, information(ppm), atol=1e-9)


def test_a_strip_shows_the_furthest_of_what_shares_a_pixel(run):
    assert run("$strip.furthest([0.1, -3, 2, NaN], 0, 4, 0)") == -3
    shades = run(
        """() => { const axis = new $scale.Axis({ from: 0, to: 4 }, 0, 40);
          return [...$strip.stripPaths([0, 1, -1, NaN], axis, 0, 5, 0, 1, 0, 4).keys()]; }"""
    )
    assert shades == [0, 32, -32, "missing"]
    many = run(
        """() => { const axis = new $scale.Axis({ from: 0, to: 10000 }, 0, 500);
          const paths = $strip.stripPaths(new Float64Array(10000), axis, 0, 5, 0, 1, 0, 10000);
          return paths.get(0).split("M").length - 1; }"""
    )
    assert many <= 1000


def test_a_curve_has_gaps(run):
    path = run("""() => $curve.curvePath([1, NaN, 2, 3], new $scale.Axis({ from: 0, to: 4 }, 0, 40), (v) => v, 0, 4)""")
    assert path == "M5 1M25 2L35 3"


def test_sites_that_overlap_get_lanes_and_arrows_point_along_the_strand(run):
    sites = [{"start": 0, "end": 5}, {"start": 3, "end": 8}, {"start": 5, "end": 9}]
    assert run("(s) => $sites.lanes(s)", sites) == [0, 1, 0]
    plus, minus = (run(f"$sites.arrowPath(0, 10, 0, 4, {strand})") for strand in (1, -1))
    assert "L10 2" in plus and "L0 2" in minus


def test_names_are_made_safe(run):
    assert run("(t) => $dom.clean(t)", "a\tb\x1b[31m\u202ec\u200bd") == "ab[31mcd"
    assert run("(t) => $dom.clean(t, 5)", "😀" * 9) == "😀😀😀😀…"
    assert run("(t) => $download.fileName(t, 'svg')", "../../etc/pass wd\x00") == "etc-pass-wd.svg"
    assert run("(t) => $download.fileName(t, 'svg')", "....") == "sequence.svg"


def test_what_is_not_known_is_sorted_last_either_way(run):
    for descending in ("false", "true"):
        order = run(f"$order.sorted([0, 1, 2, 3], (i) => [2, null, 5, 1][i], {descending})")
        assert order == ([3, 0, 2, 1] if descending == "false" else [2, 0, 3, 1])
    assert run("$order.sorted([0, 1, 2], (i) => ['s10', 's9', 's2'][i], false)") == [2, 1, 0]


def test_letters_are_read_on_every_shade(run):
    """Matrix cells have a contrast ratio of at least 4.5 (WCAG AA) with both text colours."""
    ratios = run(
        """() => {
          const part = (p) => (p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4);
          const lum = (c) => {
            const [r, g, b] = [1, 3, 5].map((i) => part(parseInt(c.slice(i, i + 2), 16) / 255));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const found = [];
          for (const theme of ["light", "dark"]) for (const kind of ["paper", "safe"]) {
            const colours = $colours.palette(theme, kind);
            for (let i = -8; i <= 8; i++) {
              const fill = $colours.around(colours, i / 10);
              const [a, b] = [lum(fill), lum($colours.isLight(fill) ? "#000000" : "#ffffff")].sort((x, y) => x - y);
              found.push((b + 0.05) / (a + 0.05));
            }
          }
          return Math.min(...found); }"""
    )
    assert ratios >= 4.5
