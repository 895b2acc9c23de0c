"""Writes the parts of the documentation that the code itself says.

    python docs/generate.py           write them
    python docs/generate.py --check   fail if they are out of date

Generated are docs/commands.md, and what stands between `<!-- generated: NAME -->` and `<!-- end -->` in README.md
and in the other pages.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/benchmarks.md", "docs/contract.md", "docs/formats.md")


def demo(*arguments: str) -> str:
    """The output of a command, as on a terminal of 100 columns, without third-party plugins."""
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("DEMO_")},
        "COLUMNS": "100",
        "DEMO_LOAD_PLUGINS": "",
    }
    command = [sys.executable, "-m", "demo_core", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


def commands() -> str:
    """The page of all commands."""
    names = lambda command: [row["name"] for row in json.loads(demo(command, "--json"))]  # noqa: E731
    lines: list[list[str]] = [[], ["data", "import"], ["data", "info"]]
    lines += [["train", name] for name in names("architectures")]
    lines += [["evaluate"], ["predict"]]
    lines += [["explain", name] for name in [*names("explainers"), "all"]]
    lines += [["show"], ["export"], ["quickstart"], ["plugins"], ["architectures"], ["readers"], ["explainers"]]
    page = ["# Commands", "", "Made from `--help` by `docs/generate.py`.", ""]
    for words in lines:
        title = " ".join(["demo", *words])
        page += [f"## {title}", "", "```text", demo(*words, "--help").rstrip(), "```", ""]
    return "\n".join(page)


def plugins() -> str:
    """The table of what is built in."""
    rows = ["| kind | name | what it is |", "|---|---|---|"]
    for kind, command in (("reader", "readers"), ("architecture", "architectures"), ("explainer", "explainers")):
        rows += [f"| {kind} | `{r['name']}` | {r['summary']} |" for r in json.loads(demo(command, "--json"))]
    return "\n".join(rows)


def encode() -> str:
    """The table of benchmarks/encode.py."""
    path = ROOT / "docs" / "benchmarks" / "encode.json"
    runs = json.loads(path.read_text()) if path.exists() else []
    rows = [
        "| architecture | dataset | training sequences | seeds | AUROC, median (each) | AUPRC, median | fit, median |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((r["architecture"], r["dataset"]) for r in runs):
        mine = sorted((r for r in runs if (r["architecture"], r["dataset"]) == key), key=lambda r: r["seed"])
        each = ", ".join(f"{r['auroc']:.4f}" for r in mine)
        median = {m: statistics.median(r[m] for r in mine) for m in ("auroc", "auprc", "fit_seconds")}
        size = mine[0]["training_sequences"]
        rows.append(
            f"| {key[0]} | {key[1]} | {size['positive'] + size['negative']:,} | {len(mine)} | "
            f"**{median['auroc']:.4f}** ({each}) | {median['auprc']:.4f} | {median['fit_seconds']:.0f} s |"
        )
    if runs:
        versions = runs[0]["versions"]
        rows += ["", f"{runs[0]['cores']} cores, {runs[0]['machine']}, torch {versions['torch']}, no GPU."]
    return "\n".join(rows)


def hooks() -> str:
    """The hooks, as they stand in the code."""
    text = (ROOT / "demo_core" / "hookspecs.py").read_text()
    return "```python\n" + text[text.index("@hookspec") :].rstrip() + "\n```"


def fields() -> str:
    """The datasets of each HDF5 format."""
    from demo_core import dataset, explanation

    def table(of: dict[str, object]) -> list[str]:
        rows = ["| dataset | type | axes | always there |", "|---|---|---|---|"]
        for name, field in of.items():
            there = "yes" if field.required else "no"  # type: ignore[attr-defined]
            rows.append(f"| `{name}` | {field.dtype} | {field.axes} | {there} |")  # type: ignore[attr-defined]
        return rows

    more = {n: f for n, f in explanation.FIELDS.items() if n not in dataset.FIELDS}
    return "\n".join(
        ["Datasets:", "", *table(dataset.FIELDS), "", "Explanations have these as well:", "", *table(more)]
    )


GENERATED: dict[str, Callable[[], str]] = {
    "plugins": plugins,
    "encode": encode,
    "hooks": hooks,
    "fields": fields,
}


def filled(text: str) -> str:
    """A page with its generated parts made anew."""

    def fill(match: re.Match[str]) -> str:
        return f"<!-- generated: {match[1]} -->\n{GENERATED[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


def main() -> None:
    pages = {ROOT / "docs" / "commands.md": commands()}
    pages |= {ROOT / page: filled((ROOT / page).read_text()) for page in PAGES}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        if stale:
            names = ", ".join(str(p.relative_to(ROOT)) for p in stale)
            sys.exit(f"out of date: {names}; run python docs/generate.py")
        return
    for path in stale:
        path.write_text(pages[path])
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
