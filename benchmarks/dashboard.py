"""Time the dashboard: logos in the browser and in matplotlib compared with logomaker, and reports.

    python benchmarks/dashboard.py [--rounds 7]

- Logos have 100 positions. Browser times run from letter heights to elements in the page, in Debian's Chromium
  (DEMO_CHROMIUM names another browser).
- The report covers 3 models x 3 attributions of 100 sequences of 101 bases. Times run from open files to HTML, without
  imports.
- For 1,000 sequences, the script reports the size of the report and the time from opening it to a drawn view.

Measurements are interleaved; medians are reported. The script writes docs/benchmarks/dashboard.json, from which
docs/generate.py makes the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
LENGTH = 101


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    path = os.environ.get("DEMO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        sys.exit("there is no Chromium: install one, or name it with DEMO_CHROMIUM")
    if not importlib.util.find_spec("logomaker"):
        sys.exit("logomaker is the rival here: pip install logomaker")
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        rows += logos(browser, given.rounds)
        files = explanations(Path(folder), 1000)
        rows += reports(files, given.rounds)
        rows += pages(browser, Path(folder), files, given.rounds)
        browser.close()
    for row in rows:
        print(row, flush=True)
    results = ROOT / "docs" / "benchmarks" / "dashboard.json"
    part = results.with_suffix(".tmp")
    part.write_text(json.dumps(rows, indent=1) + "\n")
    part.replace(results)


def timed(jobs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Return the median time of each function in milliseconds. They run in turn, after a warm-up round."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            found = job()
            if number:
                taken[name].append(found)
    return {name: statistics.median(values) for name, values in taken.items()}


def clocked(job: Callable[[], object], times: int = 1) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        for _ in range(times):
            job()
        return 1000 * (time.perf_counter() - started) / times

    return run


def logos(browser: object, rounds: int) -> list[dict[str, object]]:
    import logomaker
    import pandas
    from demo_dashboard.page import bundle
    from matplotlib.figure import Figure

    from demo_core.views.drawing import draw_logo

    random = np.random.default_rng(0)
    heights = random.normal(size=(4, 100)) * (random.random((4, 100)) < 0.25)
    page = browser.new_page()  # type: ignore[attr-defined]
    page.set_content("<main></main>")
    page.add_script_tag(content=bundle("main"))
    page.evaluate("(rows) => { window.rows = rows.map((r) => Float64Array.from(r)); }", heights.tolist())
    script = """() => {
      const axis = new $scale.Axis({ from: 0, to: 100 }, 40, 1000);
      const colours = $colours.palette("light", "paper");
      const svg = $dom.s("svg", { width: 1000, height: 80 });
      document.querySelector("main").replaceChildren(svg);
      const started = performance.now();
      const y = (v) => 40 - 9 * v;
      for (let i = 0; i < 200; i++) svg.replaceChildren(...$logo.logo(window.rows, "ACGT", axis, y, 0, 100, colours));
      return (performance.now() - started) / 200;
    }"""
    axes = Figure().subplots()  # made once: axes take longer than a logo
    table = pandas.DataFrame(heights.T, columns=list("ACGT"))
    found = timed(
        {
            "browser": lambda: float(page.evaluate(script)),
            "matplotlib": clocked(lambda: draw_logo(axes, heights)),
            "logomaker": clocked(lambda: logomaker.Logo(table, ax=axes)),
        },
        rounds,
    )
    page.close()
    rival = found["logomaker"]
    return [
        {"what": f"a logo of 100 positions, {where}", "milliseconds": found[key], "rival": "logomaker",
         "rival_milliseconds": rival, "ratio": rival / found[key]}
        for key, where in (("browser", "SVG in the browser"), ("matplotlib", "matplotlib"))
    ]  # fmt: skip


def explanations(folder: Path, number: int) -> list[Path]:
    """Write three attributions for each of three untrained models. Times do not depend on the values."""
    from demo_core.cli import run
    from demo_core.testing import tiny_dataset, tiny_model

    tiny_dataset(number, LENGTH).save(folder / "data.h5")
    files = []
    for model in range(3):
        tiny_model(length=LENGTH, seed=model).save(folder / f"m{model}")
        for kind, options in (("plain", ()), ("simplex", ("--simplex",)), ("strands", ("--average-strands",))):
            name = f"m{model}.{kind}"
            line = ["explain", "saliency", str(folder / f"m{model}"), str(folder / "data.h5"), "--split", "all"]
            if run([*line, *options, "--name", name, "-o", str(folder)]):
                sys.exit("demo explain failed")
            files.append(folder / f"{name}.h5")
    return files


def report_text(files: list[Path], number: int) -> str:
    from demo_dashboard.page import page_html
    from demo_dashboard.report import Choice, make_report
    from demo_dashboard.runs import open_runs

    with open_runs(files) as runs:
        return page_html(make_report(runs, [], Choice(number), "demo dashboard"))


def reports(files: list[Path], rounds: int) -> list[dict[str, object]]:
    found = timed({"report": clocked(lambda: report_text(files, 100))}, rounds)
    return [{"what": "report of 100 sequences x 3 models x 3 attributions", "milliseconds": found["report"]}]


def pages(browser: object, folder: Path, files: list[Path], rounds: int) -> list[dict[str, object]]:
    path = folder / "thousand.html"
    path.write_text(report_text(files, 1000), encoding="utf-8")

    def opened() -> float:
        page = browser.new_page(viewport={"width": 1400, "height": 900})  # type: ignore[attr-defined]
        started = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector(".canvas svg")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        taken = 1000 * (time.perf_counter() - started)
        page.close()
        return taken

    megabytes = path.stat().st_size / 1e6
    found = timed({"open": opened}, rounds)
    what = f"from opening the report of 1,000 x 3 x 3 ({megabytes:.1f} MB) to a drawn page"
    return [{"what": what, "milliseconds": found["open"], "megabytes": megabytes}]


if __name__ == "__main__":
    main()
