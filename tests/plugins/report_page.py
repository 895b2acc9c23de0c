"""Actions on a report in the browser."""


def files_of(report):
    return {p.name.removesuffix(".h5"): p for p in (report.parent / "explanations").glob("*.h5")}


def ids_shown(page):
    return page.eval_on_selector_all("tbody tr[id] td.id", "cells => cells.map((c) => c.textContent)")


def title(page):
    return page.text_content(".viewer h2")


def drag(page, pixels):
    """Scroll the sequence to its end."""
    box = page.query_selector(".canvas").bounding_box()
    start = box["x"] + (100 if pixels > 0 else 700)
    for _ in range(10):
        page.mouse.move(start, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(start + pixels, box["y"] + 40, steps=2)
        page.mouse.up()


def download(page, button, folder):
    with page.expect_download() as waiting:
        page.click(f"button[aria-label='{button}']")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path
