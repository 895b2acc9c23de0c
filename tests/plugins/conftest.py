"""Fixtures of the tests that look at pages."""

import pytest


@pytest.fixture
def opened(browser):
    """Opens a report from disk in a browser without a network; fails on anything that a page should not do."""
    contexts = []
    wrong = []

    def call(path, part="", **settings):
        context = browser.new_context(offline=True, accept_downloads=True, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.on("dialog", lambda d: (wrong.append(f"dialog {d.message}"), d.dismiss()))
        page.on(
            "request", lambda r: None if r.url.startswith((path.as_uri(), "data:", "blob:")) else wrong.append(r.url)
        )
        page.goto(path.as_uri() + part)
        page.wait_for_selector("#main > *")
        return page

    yield call
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="session")
def report(quickstart):
    folder, done = quickstart
    assert done.returncode == 0, done.stderr
    return folder / "q" / "report.html"
