"""Fixtures for tests of pages."""

import pytest
from report_files import word

from demo_core.cli import run as run_command


@pytest.fixture
def opened(browser):
    """Open a report in an offline browser. Fails on errors, network requests and other forbidden actions."""
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


@pytest.fixture(scope="session")
def full_report(full_quickstart):
    folder, done = full_quickstart
    assert done.returncode == 0, done.stderr
    return folder / "q" / "report.html"


@pytest.fixture(scope="session")
def files(tmp_path_factory, trained):
    """Return explanations of two models: saliency of all sequences, temporal scores of positives, a pattern."""
    folder = tmp_path_factory.mktemp("explanations")
    for model in ("one", "two"):
        lines = [
            ("saliency", trained / "data.h5", "--split", "all"),
            ("temporal", trained / "data.h5", "--split", "all", "--only-positive"),
            ("class-optimization", "--steps", "3", "--restarts", "4"),
        ]
        for explainer, *rest in lines:
            assert run_command(["explain", explainer, str(trained / model), *map(str, rest), "-o", str(folder)]) == 0
    return sorted(folder.glob("*.h5"))


@pytest.fixture(scope="session")
def scanned(tmp_path_factory, trained):
    folder = tmp_path_factory.mktemp("scanned")
    (folder / "word.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF word WORD\nletter-probability matrix: alength= 4 w= 8 nsites= 20\n"
        + "".join(" ".join("0.97" if x == letter else "0.01" for x in "ACGT") + "\n" for letter in word(trained))
    )
    line = ("motifs", "scan", trained / "data.h5", "word", "--db", folder / "word.meme", "-o", folder / "sites")
    assert run_command([*map(str, line), "--threshold", "1e-3"]) == 0
    return folder / "sites"
