"""Time `demo --help` with 50 third-party plugins installed, and with none.

    python benchmarks/start_up.py [--plugins 50] [--runs 21]

`demo new-plugin` writes the plugins, of all four kinds, into a temporary folder. The script adds the metadata that pip
would write, so DeMo finds them as installed plugins. Runs with and without them are interleaved. The script prints both
medians and their ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo_new_plugin.command import package

KINDS = ("explainer", "architecture", "reader", "command")


def install(folder: Path, number: int) -> None:
    kind, name = KINDS[number % 4], f"plugin-{number}"
    module = name.replace("-", "_")
    for path, text in package(kind, name):
        if path.parts[0].startswith("demo_"):
            there = folder / path
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(text)
    info = folder / f"demo_{module}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: demo-{name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[demo_core]\n{name} = demo_{module}\n")


def seconds(path: str) -> float:
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("DEMO_")}, "PYTHONPATH": path}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "demo_core", "--help"], env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plugins", type=int, default=50)
    parser.add_argument("--runs", type=int, default=21)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.plugins):
            install(Path(folder), number)
        listed = subprocess.run(
            [sys.executable, "-m", "demo_core", "plugins"], env={**os.environ, "PYTHONPATH": folder}, check=True,
            capture_output=True, text=True,
        ).stdout  # fmt: skip
        found = sum(" installed " in line and " active" in line for line in listed.splitlines())
        times: dict[str, list[float]] = {"none": [], "all": []}
        for _ in range(given.runs + 1):  # the first run writes byte code
            times["all"].append(seconds(folder))
            times["none"].append(seconds(""))
    medians = {name: statistics.median(each[1:]) for name, each in times.items()}
    print(f"{found} plugins found")
    print(f"demo --help with them {medians['all'] * 1000:.0f} ms, without {medians['none'] * 1000:.0f} ms", end=", ")
    print(f"ratio {medians['all'] / medians['none']:.2f}")


if __name__ == "__main__":
    main()
