"""Run every command and snippet of the tutorials, how-to pages, explanations and the gallery, as a reader would.

    python docs/run_pages.py FOLDER            run them in FOLDER, and check that each page's figures are written
    python docs/run_pages.py FOLDER --write    also copy the figures to docs/images/gallery

The ```sh and ```python blocks of a page run in order, in one shell. All pages share one folder, which also has a
finished quickstart. The blocks of a page must write each figure ``images/gallery/NAME.png`` that it shows as NAME.png.
Views of the gallery's report (VIEWS) are taken at the end, and need Chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import make_screenshots

DOCS = Path(__file__).parent
GALLERY = DOCS / "images" / "gallery"
PAGES = (
    "tutorial/first_report.md",
    "tutorial/peaks_to_motifs.md",
    "tutorial/own_model.md",
    "howto/negatives.md",
    "howto/chromosomes.md",
    "howto/compare_models.md",
    "howto/several_targets.md",
    "howto/notebook.md",
    "howto/captum.md",
    "howto/modisco.md",
    "howto/genome_browser.md",
    "howto/publication_figures.md",
    "howto/reproduce.md",
    "howto/cite.md",
    "explanation/choosing.md",
    "explanation/saliency.md",
    "explanation/gradient_methods.md",
    "explanation/deeplift.md",
    "explanation/mutagenesis.md",
    "explanation/dependency_map.md",
    "explanation/attention.md",
    "explanation/temporal.md",
    "explanation/class_optimization.md",
    "explanation/disagreement.md",
    "explanation/paper.md",
    "gallery.md",
)
#: Figures that are a view of a report: the report, the part of the page, and the look.
VIEWS = {
    "report-sequences": ("sequences.html", "sequences", "light"),
    "report-sequences-dark": ("sequences.html", "sequences", "dark"),
    "report-model": ("sequences.html", "model", "light"),
    "report-model-dark": ("sequences.html", "model", "dark"),
    "report-compare": ("sequences.html", "compare", "light"),
    "report-compare-dark": ("sequences.html", "compare", "dark"),
}


def blocks(text: str) -> list[tuple[str, str]]:
    """The blocks of a page that are run, as (language, code)."""
    return re.findall(r"^```(sh|python)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def figures(text: str) -> list[str]:
    """Names of the gallery's figures that a page shows."""
    return re.findall(r"\]\((?:\.\./)?images/gallery/([\w-]+)\.png\)", text)


def run(found: list[tuple[str, str]], folder: Path) -> None:
    """Run blocks in a folder, in one shell. Exits with the output if one fails."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("DEMO_") or k == "DEMO_CHROMIUM"}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}", "MPLBACKEND": "agg", "COLUMNS": "80"}
    script = "\n".join(c if language == "sh" else f"python - << 'OF_BLOCK'\n{c}OF_BLOCK" for language, c in found)
    command = ["bash", "-vxeuo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=1200)
    with (folder / "log.txt").open("a") as log:
        log.write(done.stdout + done.stderr)
    if done.returncode:
        sys.exit(f"a block failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def prepare(folder: Path) -> Path:
    """Make the folder that the pages run in; a finished quickstart beside it is kept."""
    work = folder / "pages"
    shutil.rmtree(work, ignore_errors=True)
    (work / "figures").mkdir(parents=True)
    run([("sh", f"demo quickstart -o '{folder}/quickstart'")], work)
    for name, target in (("quickstart", folder / "quickstart"), ("docs", DOCS)):
        (work / name).symlink_to(target.resolve(), target_is_directory=True)
    return work


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG in pixels."""
    return struct.unpack(">II", path.read_bytes()[16:24])  # type: ignore[return-value]


def check(name: str, work: Path, write: bool) -> None:
    """Check one figure, or copy it. Exits if it was not written or has another shape than the one in the docs."""
    made, kept = work / "figures" / f"{name}.png", GALLERY / f"{name}.png"
    if write:
        GALLERY.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, kept)
    elif not kept.is_file():
        sys.exit(f"{name}.png is not in the docs; run python docs/run_pages.py FOLDER --write")
    elif made.stat().st_size < kept.stat().st_size / 3:
        sys.exit(f"{name}.png is nearly empty, compared with the one in the docs")
    elif any(abs(a - b) > 0.2 * b for a, b in zip(size(made), size(kept), strict=True)):
        sys.exit(f"{name}.png has another shape than in the docs; run python docs/run_pages.py FOLDER --write")


def main() -> None:
    """Run the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="copy the figures to docs/images/gallery")
    given = parser.parse_args()
    folder = given.folder.resolve()
    work = prepare(folder)
    shown: list[str] = []
    for page in PAGES:
        text, start = (DOCS / page).read_text(), time.perf_counter()
        own = [name for name in figures(text) if name not in VIEWS]
        for name in own:
            (work / "figures" / f"{name}.png").unlink(missing_ok=True)
        run(blocks(text), work)
        for path in work.glob("*.png"):
            path.replace(work / "figures" / path.name)
        if missing := [name for name in own if not (work / "figures" / f"{name}.png").is_file()]:
            sys.exit(f"{page} shows {missing[0]}.png, but none of its blocks writes it")
        shown += figures(text)
        print(f"{page}: {len(blocks(text))} blocks, {time.perf_counter() - start:.0f} s", flush=True)
    views = [n for shown_name in shown for n in (shown_name, f"{shown_name}-dark") if n in VIEWS]
    reports = {name: (str(work / html), part, look) for name, (html, part, look) in VIEWS.items()}
    make_screenshots.take_views(work / "figures", {name: reports[name] for name in views})
    for name in [*dict.fromkeys([*shown, *views])]:
        check(name, work, given.write)


if __name__ == "__main__":
    main()
