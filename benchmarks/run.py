"""Run the speed benchmarks, all or by name, and mark the ratios below their minimum.

    python benchmarks/run.py [NAME ...] [--quick]

Each table is a script of this folder, which writes docs/benchmarks/NAME.json. Machine, versions and commit of each are
written to docs/benchmarks/runs.json. ``--quick`` runs those with a quick form on less data, in under 3 minutes, and
writes no files. The exit code is 1 if a ratio is below its minimum.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from minimums import minimum_of

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "benchmarks"
#: Arguments of the quick form of each table; None if it has none
TABLES: dict[str, list[str] | None] = {
    "gradients": ["--sequences", "512", "--rounds", "3"],
    "explainers": ["--sequences", "64", "--rounds", "3"],
    "training": ["--sequences", "4096", "--rounds", "3"],
    "commands": None,
    "importing": ["--megabases", "4", "--rounds", "3"],
    "mutagenesis": ["--rounds", "1"],
    "speed": None,
    "files": None,
    "batch_sizes": None,
    "where": None,
    "growth": None,
}


def about() -> dict[str, object]:
    """Return machine, versions and commit."""
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    packages = ("deep-motif-dashboard", "torch", "numpy", "h5py", "captum", "tangermeme")
    versions = {d.metadata["Name"]: d.version for d in metadata.distributions() if d.metadata["Name"] in packages}
    return {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version(),
            "versions": dict(sorted(versions.items())), "commit": commit.stdout.strip(),
            "date": datetime.date.today().isoformat()}  # fmt: skip


def run(table: str, results: Path, *, quick: bool) -> list[dict[str, object]]:
    words = [sys.executable, str(ROOT / "benchmarks" / f"{table}.py"), "--results", str(results)]
    subprocess.run([*words, *(TABLES[table] or [] if quick else [])], check=True, stdout=subprocess.DEVNULL)
    found = json.loads(results.read_text())
    return found if isinstance(found, list) else []  # shares of time have no ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", choices=[[], *TABLES], metavar="NAME", help=f"benchmark to run: {', '.join(TABLES)}"
    )
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    low = False
    record = RESULTS / "runs.json"
    runs = json.loads(record.read_text()) if record.exists() else {}
    for table in given.names or TABLES:
        if given.quick and TABLES[table] is None:
            continue
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "table.json" if given.quick else RESULTS / f"{table}.json"
            rows = run(table, results, quick=given.quick)
        seconds = round(time.perf_counter() - started)
        for row in rows:
            if (bar := minimum_of(table, row)) is None:
                continue
            below = float(str(row["ratio"])) < bar
            low |= below
            names = " ".join(str(row[key]) for key in ("what", "ours", "architecture", "length") if key in row)
            print(f"{table}: {names}: {row['ratio']:.2f} (minimum {bar}){'  BELOW' if below else ''}", flush=True)
        print(f"{table}: {seconds} s", flush=True)
        if not given.quick:
            runs[table] = {**about(), "seconds": seconds}
            record.write_text(json.dumps(runs, indent=1, sort_keys=True) + "\n")
    sys.exit(int(low))


if __name__ == "__main__":
    main()
