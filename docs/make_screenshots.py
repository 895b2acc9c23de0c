"""Take pictures of a report's pages in a real browser.

    python docs/make_screenshots.py quickstart FOLDER

takes each page of quickstart/report.html in light and dark colours and on a narrow screen, into FOLDER.
``docs/run_pages.py`` takes those that the docs show.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PARTS = {"sequences": "#sequence", "model": "#model/0", "compare": "#compare", "runs": "#runs"}
LOOKS = {"light": ("light", 1400, 860), "dark": ("dark", 1400, 860), "narrow": ("light", 390, 844)}


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("quickstart", type=Path, help="folder of demo quickstart")
    parser.add_argument("folder", type=Path, help="folder for the pictures")
    given = parser.parse_args()
    report = given.quickstart.resolve() / "report.html"
    if not report.is_file():
        sys.exit(f"{report}: no such file; run demo quickstart first")
    given.folder.mkdir(parents=True, exist_ok=True)
    take_views(given.folder, {f"{part}-{look}": (str(report), part, look) for part in PARTS for look in LOOKS})


def take_views(folder: Path, views: Mapping[str, tuple[str, str, str]]) -> None:
    """Write NAME.png for each view: an HTML file (relative to the folder), the part of it, and the look."""
    if not views:
        return
    path = os.environ.get("DEMO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        sys.exit("Chromium was not found; install it, or set DEMO_CHROMIUM to its path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, (html, part, look) in views.items():
            take(browser, folder / html, part, look, folder / f"{name}.png")
        browser.close()


def take(browser: Any, html: Path, part: str, look: str, target: Path) -> None:
    """Take one page in one look."""
    scheme, width, height = LOOKS[look]
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    page.goto(html.resolve().as_uri() + PARTS.get(part, ""))
    page.wait_for_selector("#main > *" if part else "body")
    page.screenshot(path=target, full_page=part != "sequences" or look == "narrow")
    context.close()


if __name__ == "__main__":
    main()
