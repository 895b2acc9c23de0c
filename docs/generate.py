"""Writes the parts of the documentation that the code itself says.

    python docs/generate.py           write them
    python docs/generate.py --check   fail if they are out of date

Generated are docs/commands.md, and what stands between `<!-- generated: NAME -->` and `<!-- end -->` in README.md
and in the other pages.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import method_tables
import motif_tables
import reference_tables

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from minimums import minimum_of  # noqa: E402 - is found there only

PAGES = (
    "README.md", "docs/benchmarks.md", "docs/performance.md", "docs/contract.md", "docs/formats.md", "docs/motifs.md",
    "docs/api.md", "docs/plugins.md", "docs/tutorial/architecture.md", "docs/tutorial/explainer.md",
    "docs/tutorial/reader.md", "docs/howto/captum.md",
)  # fmt: skip


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
    names = lambda command: [row["name"] for row in json.loads(demo(command, "--json"))[command]]  # noqa: E731
    lines: list[list[str]] = [[], ["data"], ["data", "import"], ["data", "info"], ["train"]]
    lines += [["train", name] for name in names("architectures")]
    lines += [["evaluate"], ["predict"], ["bench"], ["explain"]]
    lines += [["explain", name] for name in [*names("explainers"), "all"]]
    lines += [["show"], ["figure"], ["dashboard"], ["export"], ["motifs"]]
    lines += [["motifs", name] for name in ("find", "match", "scan", "dependencies", "db")]
    lines += [
        ["quickstart"],
        ["plugins"],
        ["completion"],
        ["check"],
        ["new-plugin"],
        ["model"],
        ["model", "import"],
        ["architectures"],
        ["readers"],
        ["explainers"],
    ]
    about = "Help of every command. [Plugins](plugins.md) lists environment variables of options."
    page = ["# Commands", "", about, ""]
    for words in lines:
        title = " ".join(["demo", *words])
        page += [f"## {title}", "", "```text", demo(*words, "--help").rstrip(), "```", ""]
    return "\n".join(page)


def plugins() -> str:
    """The table of built-in plugins."""
    rows = ["| kind | name | description |", "|---|---|---|"]
    for kind, command in (("reader", "readers"), ("architecture", "architectures"), ("explainer", "explainers")):
        rows += [f"| {kind} | `{r['name']}` | {r['summary']} |" for r in json.loads(demo(command, "--json"))[command]]
    return "\n".join(rows)


def encode() -> str:
    """The table of benchmarks/encode.py."""
    runs = _rows("encode")
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
        cores = {a: "/".join(sorted({str(r["cores"]) for r in runs if r["architecture"] == a})) for a in
                 dict.fromkeys(r["architecture"] for r in runs)}  # fmt: skip
        used = ", ".join(f"{a} on {n}" for a, n in cores.items())
        machine, torch = runs[0]["machine"], runs[0]["versions"]["torch"]
        rows += ["", f"{machine}, torch {torch}, no GPU; cores that a fit could use: {used}."]
    return "\n".join(rows)


def _rows(name: str) -> list[dict[str, Any]]:
    path = ROOT / "docs" / "benchmarks" / f"{name}.json"
    return list(json.loads(path.read_text())) if path.exists() else []


def ranking() -> str:
    """Architectures compared over the datasets of benchmarks/encode.py, each with its median AUROC."""
    runs = _rows("encode")
    datasets = list(dict.fromkeys(r["dataset"] for r in runs))
    median = {
        (a, d): statistics.median(r["auroc"] for r in runs if (r["architecture"], r["dataset"]) == (a, d))
        for a, d in dict.fromkeys((r["architecture"], r["dataset"]) for r in runs)
    }
    rows = ["| | mean difference of AUROC | better on | p, signed-rank |", "|---|---|---|---|"]
    for one, other in itertools.combinations(("cnn-rnn", "cnn", "rnn"), 2):
        both = [d for d in datasets if (one, d) in median and (other, d) in median]
        if not both:
            continue
        gaps = [median[one, d] - median[other, d] for d in both]
        better = f"{sum(g > 0 for g in gaps)} of {len(both)}"
        rows.append(f"| {one} against {other} | {statistics.mean(gaps):+.4f} | {better} | {_signed_rank(gaps):.3f} |")
    apart = [
        max(each) - min(each)
        for key in median
        if len(each := [r["auroc"] for r in runs if (r["architecture"], r["dataset"]) == key]) > 1
    ]
    rows += ["", f"Seeds of one architecture on one dataset differ by up to {max(apart):.4f} in AUROC."]
    return "\n".join(rows)


def _signed_rank(gaps: list[float]) -> float:
    """Exact two-sided p of Wilcoxon's signed-rank test, by enumeration; ties in size share a rank."""
    sizes = sorted(map(abs, gaps))
    ranks = [statistics.mean(i + 1 for i, s in enumerate(sizes) if s == abs(g)) for g in gaps]
    seen = sum(r for g, r in zip(gaps, ranks, strict=True) if g > 0)
    far = abs(seen - sum(ranks) / 2)
    every = [
        sum(r for r, up in zip(ranks, ups, strict=True) if up) for ups in itertools.product((0, 1), repeat=len(gaps))
    ]
    return sum(abs(total - sum(ranks) / 2) >= far - 1e-9 for total in every) / len(every)


def sites() -> str:
    """The table of benchmarks/sites.py."""
    runs = _rows("sites")
    rows = [
        "| factor | architecture | training positives | seeds | test AUROC, median (each) | "
        "site recovery of saliency | with `--simplex` |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys((r["factor"], r["architecture"], tuple(r["options"])) for r in runs):
        mine = [r for r in runs if (r["factor"], r["architecture"], tuple(r["options"])) == key]
        each = ", ".join(f"{r['auroc']:.3f}" for r in mine)
        found = [f"{statistics.median(r[k]['mean'] for r in mine):.3f}" for k in ("saliency", "saliency_simplex")]
        name = " ".join(f"`{word}`" if word.startswith("--") else word for word in key[1:2] + key[2])
        rows.append(
            f"| {key[0]} | {name} | {mine[0]['training_sequences']['positive']:,} | {len(mine)} | "
            f"**{statistics.median(r['auroc'] for r in mine):.3f}** ({each}) | {found[0]} | {found[1]} |"
        )
    return "\n".join(rows)


def planted() -> str:
    """The table of benchmarks/planted.py."""
    rows = [
        "| architecture | positives | predicted positive | forward score last crosses 0.5 at the site | backward "
        "| either | both | motif similarity of 8 restarts (Pearson r), best (median) | r at random starts | "
        "with `--parameters softmax` | r at random starts |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in _rows("planted"):
        kinds = ("input", "input_start", "softmax", "softmax_start")
        like = " | ".join(f"{max(r[k]):.2f} ({statistics.median(r[k]):.2f})" for k in kinds)
        flips = " | ".join(str(r[k]) for k in ("sequences", "called_positive", "forward", "backward", "either", "both"))
        rows.append(f"| {r['architecture']} | {flips} | {like} |")
    return "\n".join(rows)


def speed() -> str:
    """The table of benchmarks/speed.py."""
    rows = ["| what | median | beside | median | ratio, median |", "|---|---|---|---|---|"]
    for r in _rows("speed"):
        there = ["", "", ""]
        if r["rival"]:
            there = [r["rival"], f"{r['rival_milliseconds']:,.1f} ms", f"{r['ratio']:.3g}"]
        rows.append(f"| {r['ours']} | {r['milliseconds']:,.1f} ms | {' | '.join(there)} |")
    return "\n".join(rows)


def _ratio(table: str, row: dict[str, Any]) -> str:
    """Return the ratio of a row with its minimum."""
    minimum = minimum_of(table, row)
    return f"{row['ratio']:.2f}" + (f" ({minimum:g})" if minimum else "")


def gradients() -> str:
    """The tables of benchmarks/gradients.py."""
    found, rows = _rows("gradients"), []
    for what, rivals in (
        ("saliency", ("plain loop", "Captum", "tangermeme")),
        ("predict", ("plain loop", "tangermeme")),
    ):
        head = " | ".join((what, "DeMo", *rivals, "DeMo against the best (minimum)"))
        rows += [f"| {head} |", "|---" * (len(rivals) + 3) + "|"]
        for r in (r for r in found if r["what"] == what):
            beside = " | ".join(f"{r[name]:,.0f} ({r[f'{name} batch']:,})" for name in rivals)
            rows.append(f"| {r['architecture']} | {r['DeMo']:,.0f} | {beside} | {_ratio('gradients', r)} |")
        rows.append("")
    r = found[0]
    numbers = " and ".join(f"{n:,}" for n in sorted({r["sequences"] for r in found}))
    run = f"{numbers} sequences of 101 bases, {r['rounds']} rounds, {r['threads']} threads"
    return "\n".join([*rows, f"{run}, {r['machine']}, torch {r['torch']}."])


def explainers() -> str:
    """The tables of benchmarks/explainers.py."""
    rows = ["| temporal scores | DeMo | loop over prefixes | ratio (minimum) |", "|---|---|---|---|"]
    for r in (r for r in _rows("explainers") if r["what"] == "temporal"):
        rows.append(f"| {r['architecture']} | {r['DeMo']:,.0f} | {r['loop']:,.0f} | {_ratio('explainers', r)} |")
    rows += ["", "| class optimisation | DeMo | gradients alone | ratio (minimum) |", "|---|---|---|---|"]
    for r in (r for r in _rows("explainers") if r["what"] == "class-optimization"):
        rows.append(f"| {r['architecture']} | {r['DeMo']:,.0f} | {r['gradients']:,.0f} | {_ratio('explainers', r)} |")
    return "\n".join(rows)


def training() -> str:
    """The table of benchmarks/training.py."""
    rows = ["| network | DeMo | plain loop | ratio (minimum) |", "|---|---|---|---|"]
    rows += [
        f"| {r['architecture']} | {r['DeMo']:,.0f} | {r['plain']:,.0f} | {_ratio('training', r)} |"
        for r in _rows("training")
    ]
    return "\n".join(rows)


def whole_commands() -> str:
    """The table of benchmarks/commands.py."""
    rows = [
        "| command | network | sequences | command, s | computation alone, s | ratio (minimum) |",
        "|---|---|---|---|---|---|",
    ]
    for r in _rows("commands"):
        beside = f"{r['alone']:.1f} | {_ratio('commands', r)}" if "alone" in r else " | "
        what = r["what"] if "alone" in r else "demo explain"
        rows.append(f"| {what} | {r['architecture']} | {r['sequences']:,} | {r['seconds']:.2f} | {beside} |")
    return "\n".join(rows)


def where() -> str:
    """The tables of benchmarks/where.py."""
    found = json.loads((ROOT / "docs" / "benchmarks" / "where.json").read_text())
    groups = [key for key in found["steps"][0] if key not in ("what", "architecture")]
    rows = [f"| share of the time | {' | '.join(groups)} |", "|---" * (len(groups) + 1) + "|"]
    for r in found["steps"]:
        rows.append(f"| {r['what']}, {r['architecture']} | {' | '.join(f'{r[g]:.0%}' for g in groups)} |")
    for command, parts in found["parts"].items():
        rows += ["", f"| part of `demo {command}` | seconds | share |", "|---|---|---|"]
        whole = parts["everything"]
        rest = whole - sum(spent for name, spent in parts.items() if name != "everything")
        listed = {**{name: spent for name, spent in parts.items() if name != "everything"}, "other": rest}
        rows += [f"| {name} | {spent:.2f} | {spent / whole:.0%} |" for name, spent in listed.items()]
        rows.append(f"| everything | {whole:.2f} | 100% |")
    product, convolution = (f"{found['limits'][name]:,.0f}" for name in ("matrix product", "convolution"))
    rates = (
        f"A large matrix product reaches {product} GFLOP/s, and the second convolution of the cnn {convolution} GFLOP/s"
    )
    rows += ["", f"{found['sequences']:,} sequences for each command. {rates}, on {found['threads']} cores."]
    return "\n".join(rows)


def batch_sizes() -> str:
    """The table of benchmarks/batch_sizes.py."""
    rows = [
        "| network | length | computes in pieces | chosen | seconds | best of the sweep | share of the best rate |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in _rows("batch_sizes"):
        pieces = "no" if r["hook"] else "yes"
        found = f"{r['chosen']:,} | {r['seconds']:.2f} | {r['best']:,} | {r['ratio']:.0%}"
        rows.append(f"| {r['architecture']} | {r['length']:,} | {pieces} | {found} |")
    return "\n".join(rows)


def importing() -> str:
    """The table of benchmarks/importing.py."""
    rows = ["| source | bases | sequences | seconds | million bases/s (minimum) | start-up, s |", "|---" * 6 + "|"]
    for r in _rows("importing"):
        rate = f"{r['megabases_per_second']:.0f}"
        rate += f" ({r['megabases_per_second'] / r['ratio']:.0f})" if "ratio" in r else ""
        numbers = f"{r['sequences']:,} | {r['seconds']:.2f} | {rate} | {r['start_up']:.2f}"
        rows.append(f"| {r['what']} | {r['length']:,} | {numbers} |")
    return "\n".join(rows)


def growth() -> str:
    """The tables of benchmarks/growth.py."""
    rows: list[str] = []
    for by, heading in (("sequences", "sequences of 101 bases"), ("length", "bases, 10,000,000 in total")):
        mine = [r for r in _rows("growth") if r["by"] == by]
        names = list(dict.fromkeys(r["what"] for r in mine))
        rows += [f"| {heading} | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
        for size in dict.fromkeys(r[by] for r in mine):
            cells = {r["what"]: f"{r['seconds']:.1f} s, {r['megabytes']:.0f} MiB" for r in mine if r[by] == size}
            rows.append(f"| {size:,} | {' | '.join(cells[name] for name in names)} |")
        rows.append("")
    return "\n".join(rows).rstrip()


def files() -> str:
    """The table of benchmarks/files.py."""
    rows = [
        "| numbers | filter | chunk, KiB | size | write, MB/s | read, MB/s | one sequence, ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in _rows("files"):
        numbers = f"{r['size']:.2f} | {r['write']:,.0f} | {r['read']:,.0f} | {r['single_ms']:.2f}"
        rows.append(f"| {r['column']} | {r['filter']} | {r['chunk'] // 1024:,} | {numbers} |")
    return "\n".join(rows)


def dashboard() -> str:
    """The table of benchmarks/dashboard.py."""
    rows = ["| what | median | logomaker | ratio, median |", "|---|---|---|---|"]
    for r in _rows("dashboard"):
        there = f"{r['rival_milliseconds']:,.0f} ms | {r['ratio']:,.0f}" if r.get("rival") else " | "
        rows.append(f"| {r['what']} | {r['milliseconds']:,.3g} ms | {there} |")
    return "\n".join(rows)


def known_sites() -> str:
    """The table of benchmarks/known_sites.py."""
    rows = [
        "| factor | motif | architecture | true positives | with a site | signed sum on site "
        "| magnitude sum on site | expected by chance |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in sorted(_rows("known_sites"), key=lambda r: (r["factor"], r["architecture"])):
        cells = ("factor", "motif", "architecture", "true_positives", "with_site", "signed", "size", "chance")
        rows.append("| " + " | ".join(str(r[cell]) for cell in cells) + " |")
    return "\n".join(rows)


def code(words: list[str]) -> str:
    """A file of a package, or some classes and functions of it."""
    path, *names = words
    text = (ROOT / path if path.startswith("plugins/") else ROOT / "docs" / "tutorial" / path).read_text()
    if names:
        nodes = [n for name in names for n in ast.parse(text).body if getattr(n, "name", None) == name]
        assert len(nodes) == len(names), f"{path} has not all of {names}"
        lines = text.split("\n")
        text = "\n\n\n".join("\n".join(lines[n.lineno - 1 : n.end_lineno]) for n in nodes)
    return f"`{path}`\n\n```{path.rpartition('.')[2].replace('py', 'python')}\n{text.rstrip()}\n```"


GENERATED: dict[str, Callable[[], str]] = {
    "plugins": plugins,
    "encode": encode,
    "ranking": ranking,
    "sites": sites,
    "planted": planted,
    "speed": speed,
    "gradients": gradients,
    "explainers": explainers,
    "training": training,
    "whole_commands": whole_commands,
    "files": files,
    "growth": growth,
    "importing": importing,
    "batch_sizes": batch_sizes,
    "where": where,
    "dashboard": dashboard,
    "known_sites": known_sites,
    "captum": method_tables.captum_classes,
    "methods": method_tables.methods,
    "mutagenesis": method_tables.mutagenesis,
    "rivals": method_tables.rivals,
    **motif_tables.TABLES,
    **reference_tables.TABLES,
}


def filled(text: str) -> str:
    """A page with its generated parts renewed."""

    def fill(match: re.Match[str]) -> str:
        name, *words = match[1].split()
        made = code(words) if name == "code" else GENERATED[name]()
        return f"<!-- generated: {match[1]} -->\n{made}\n<!-- end -->"

    return re.sub(r"<!-- generated: ([^>]+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


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
