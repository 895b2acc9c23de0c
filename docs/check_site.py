"""Check the built documentation site in a real browser.

    python docs/check_site.py docs/_build/html [--pictures FOLDER]

opens every page from disk in a wide and a narrow window, in light and dark colours. It fails if a page is wider than
its window, misses an image, loads something from the network, or is over five screens long without a table of contents.
It also fails if the search finds nothing without a network. With --pictures it saves each page as it was seen.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any

LOOKS = {"wide": (1500, 900, "light"), "dark": (1500, 900, "dark"), "narrow": (390, 844, "light")}
QUERY, EXPECTED = "seqlet", "motifs.html"
#: Facts about a page, as its browser sees them.
FACTS = """() => ({
    overflow: document.documentElement.scrollWidth - window.innerWidth,
    screens: document.documentElement.scrollHeight / window.innerHeight,
    contents: document.querySelectorAll(".toc-tree a").length,
    missing: [...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src),
})"""


def main() -> None:
    """Check all pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    site = given.site.resolve()
    if not (site / "index.html").is_file():
        sys.exit(f"{given.site}: no built site; run make docs first")
    chromium = os.environ.get("DEMO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("Chromium was not found; install it, or set DEMO_CHROMIUM to its path")
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        faults = [fault for look in LOOKS for fault in faults_of_pages(browser, site, look, given.pictures)]
        faults += faults_of_search(browser, site)
        browser.close()
    if faults:
        sys.exit("\n".join(dict.fromkeys(faults)))
    print("the site has no fault, and its search works without a network")


def faults_of_pages(browser: Any, site: Path, look: str, pictures: Path | None) -> list[str]:
    """What is wrong with the pages in one look."""
    width, height, scheme = LOOKS[look]
    faults: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.on("request", lambda r: faults.append(f"{r.url} is loaded") if r.url.startswith("http") else None)
    for path in sorted(p for p in site.rglob("*.html") if "_static" not in p.parts):
        name = str(path.relative_to(site))
        page.goto(path.as_uri())
        facts = page.evaluate(FACTS)
        if facts["overflow"] > 0:
            faults.append(f"{name}, {look}: {facts['overflow']} px wider than the window")
        if look == "wide" and name != "genindex.html" and facts["screens"] > 5 and not facts["contents"]:
            faults.append(f"{name}: {facts['screens']:.1f} screens without a table of contents")
        faults += [f"{name}: no image {url}" for url in facts["missing"]]
        if pictures:
            target = pictures / f"{name.replace('/', '-').removesuffix('.html')}-{look}.png"
            page.screenshot(path=target, full_page=True)
    context.close()
    return faults


def faults_of_search(browser: Any, site: Path) -> list[str]:
    """Whether the search finds a page without a network."""
    from playwright.sync_api import TimeoutError as TooSlow

    page = browser.new_context(offline=True).new_page()
    page.goto(f"{(site / 'search.html').as_uri()}?q={QUERY}")
    try:
        page.wait_for_selector(f'ul.search a[href*="{EXPECTED}"]', timeout=20_000)
    except TooSlow:
        return [f"the search for '{QUERY}' does not find {EXPECTED}"]
    return []


if __name__ == "__main__":
    main()
