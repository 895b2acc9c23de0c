"""Makes the pictures of the docs from a finished quickstart: the figure, and each page of the report in a real browser.

    python docs/make_screenshots.py quickstart [--all FOLDER]

Those that the docs show go to docs/images/. With --all every page is taken light, dark and narrow, to be looked at.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images"
PARTS = {"sequences": "#sequence", "model": "#model/0", "compare": "#compare", "runs": "#runs"}
LOOKS = {"light": ("light", 1400, 860), "dark": ("dark", 1400, 860), "narrow": ("light", 390, 844)}
#: What the docs show.
SHOWN = (("sequences", "light"), ("model", "light"), ("compare", "dark"))


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("quickstart", type=Path, help="folder of demo quickstart")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="take every page in every look, into this folder")
    given = parser.parse_args()
    report = given.quickstart / "report.html"
    if not report.is_file():
        sys.exit(f"{report}: no such file; run demo quickstart first")
    path = os.environ.get("DEMO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        sys.exit("there is no Chromium: install one, or name it with DEMO_CHROMIUM")
    from playwright.sync_api import sync_playwright

    shutil.copy(given.quickstart / "figure.png", IMAGES / "figure.png")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for part, look in SHOWN:
            take(browser, report, part, look, IMAGES / f"dashboard-{part}.png")
        if given.all:
            given.all.mkdir(parents=True, exist_ok=True)
            for part in PARTS:
                for look in LOOKS:
                    take(browser, report, part, look, given.all / f"{part}-{look}.png")
        browser.close()


def take(browser: Any, report: Path, part: str, look: str, target: Path) -> None:
    """One page in one look."""
    scheme, width, height = LOOKS[look]
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    page.goto(report.resolve().as_uri() + PARTS[part])
    page.wait_for_selector("#main > *")
    page.screenshot(path=target, full_page=part != "sequences" or look == "narrow")
    context.close()
    print(target)


if __name__ == "__main__":
    main()
