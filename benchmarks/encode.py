"""Measure the test AUROC of default training on six ENCODE ChIP-seq datasets, through the commands.

    python benchmarks/encode.py --data ../shared/data/encode

Finished rows are skipped, so the script can be stopped and run again. It writes docs/benchmarks/encode.json, from which
docs/generate.py makes the table in docs/benchmarks.md.

The data are DeepBind's (Alipanahi et al. 2015): NAME_AC.seq.gz with training positives, NAME_B.seq.gz with 500 test
positives and their dinucleotide shuffles. docs/benchmarks.md says where to download them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATASETS = ("CTCFL", "REST", "GABPA", "USF1", "ARID3A", "MYC")
THREE_SEEDS = ("CTCFL", "REST", "GABPA")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("DEMO_TEST_DATA", ROOT.parent / "shared" / "data")) / "encode"
    parser.add_argument("--data", type=Path, default=default, help="folder of the .seq.gz files")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "encode.json")
    parser.add_argument("--architectures", default="cnn", help="comma-separated names")
    parser.add_argument("--datasets", default=",".join(DATASETS), help="comma-separated names")
    given = parser.parse_args()
    if not any(given.data.glob("*_AC.seq.gz")):
        sys.exit(f"{given.data}: there are no *_AC.seq.gz files; docs/benchmarks.md says where to get them")
    rows = json.loads(given.results.read_text()) if given.results.exists() else []
    done = {(r["architecture"], r["dataset"], r["seed"]) for r in rows}
    with tempfile.TemporaryDirectory() as folder:
        for architecture in given.architectures.split(","):
            for dataset in given.datasets.split(","):
                for seed in range(3 if dataset in THREE_SEEDS else 1):
                    if (architecture, dataset, seed) in done:
                        print(f"{architecture} {dataset} {seed}: finished already", flush=True)
                        continue
                    row = measure(Path(folder), given.data, architecture, dataset, seed)
                    print(row, flush=True)
                    rows.append(row)
                    given.results.parent.mkdir(parents=True, exist_ok=True)
                    part = given.results.with_suffix(".tmp")
                    part.write_text(json.dumps(rows, indent=1) + "\n")
                    part.replace(given.results)


def measure(folder: Path, data: Path, architecture: str, dataset: str, seed: int) -> dict[str, object]:
    (source,) = data.glob(f"{dataset}_*_AC.seq.gz")
    peaks, model = folder / f"{dataset}.h5", folder / f"{architecture}.{dataset}.{seed}"
    if not peaks.exists():
        demo("data", "import", str(source), "-o", str(peaks))
    started = time.perf_counter()
    demo("train", architecture, str(peaks), "-o", str(model), "--seed", str(seed), "--device", "cpu")
    seconds = time.perf_counter() - started
    found = json.loads(demo("evaluate", str(model), str(peaks), "--json", "--device", "cpu"))
    record = json.loads((model / "model.json").read_text())
    return {
        "architecture": architecture,
        "dataset": dataset,
        "seed": seed,
        **found["targets"]["bound"],
        "training_sequences": json.loads(demo("data", "info", str(peaks), "--json"))["counts"]["train"]["bound"],
        "epochs": record["training"]["planned_epochs"],
        "fit_seconds": round(seconds, 1),
        "cores": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
        "machine": platform.machine(),
        "versions": {name: metadata.version(name) for name in ("deep-motif-dashboard", "torch")},
    }


def demo(*arguments: str) -> str:
    command = [sys.executable, "-m", "demo_core", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


if __name__ == "__main__":
    main()
