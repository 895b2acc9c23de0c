"""Measure recovery of known binding sites by saliency, and training on small datasets.

    python benchmarks/sites.py --data ../shared/data/sites

Trains every architecture with its default options on GATA2, EGR1 and ZBTB33, through the commands, on the CPU, and
explains the held-out positives. On ZBTB33 (705 positives), the rnn is also trained without its warm start, and with
half as many steps. Finished rows are skipped, so the script can be stopped and run again. It writes
docs/benchmarks/sites.json, from which docs/generate.py makes the table in docs/benchmarks.md. That page says where to
download the data.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ARCHITECTURES = ("cnn", "rnn", "cnn-rnn")
FITS = [
    *((factor, architecture, 0, ()) for factor in ("GATA2", "EGR1") for architecture in ARCHITECTURES),
    *(("GATA2", "cnn-rnn", seed, ()) for seed in (1, 2)),
    *(("ZBTB33", architecture, seed, ()) for architecture in ARCHITECTURES for seed in (0, 1, 2)),
    *(
        ("ZBTB33", "rnn", seed, how)
        for how in (("--no-warm-start",), ("--most-epochs", "100"), ("--most-epochs", "100", "--no-warm-start"))
        for seed in (0, 1, 2)
    ),
    ("ZBTB33", "cnn-rnn", 0, ("--no-warm-start",)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("DEMO_TEST_DATA", ROOT.parent / "shared" / "data")) / "sites"
    parser.add_argument("--data", type=Path, default=default, help="folder of FACTOR/sequence.txt.gz and label.txt.gz")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "sites.json")
    parser.add_argument("--factors", default="GATA2,EGR1,ZBTB33", help="comma-separated names")
    given = parser.parse_args()
    if not (given.data / "GATA2" / "sequence.txt.gz").exists():
        sys.exit(f"{given.data}: there is no GATA2/sequence.txt.gz; docs/benchmarks.md says where to get it")
    rows = json.loads(given.results.read_text()) if given.results.exists() else []
    done = {(r["factor"], r["architecture"], r["seed"], tuple(r["options"])) for r in rows}
    with tempfile.TemporaryDirectory() as folder:
        for fit in FITS:
            if fit[0] not in given.factors.split(","):
                continue
            if fit in done:
                print(*fit, "finished already", flush=True)
                continue
            rows.append(measure(Path(folder), given.data, *fit))
            print(rows[-1], flush=True)
            part = given.results.with_suffix(".tmp")
            part.write_text(json.dumps(rows, indent=1) + "\n")
            part.replace(given.results)


def measure(
    folder: Path, data: Path, factor: str, architecture: str, seed: int, options: tuple[str, ...]
) -> dict[str, object]:
    peaks = folder / f"{factor}.h5"
    if not peaks.exists():
        demo("data", "import", str(data / factor / "sequence.txt.gz"), "--pairs", "-o", str(peaks))
    model = folder / "-".join([factor, architecture, str(seed), *options])
    started = time.perf_counter()
    demo("train", architecture, str(peaks), "-o", str(model), "--seed", str(seed), "--device", "cpu", *options)
    seconds = time.perf_counter() - started
    measured = json.loads(demo("evaluate", str(model), str(peaks), "--json", "--device", "cpu"))["targets"]["bound"]
    record = json.loads((model / "model.json").read_text())
    row = {
        "factor": factor,
        "architecture": architecture,
        "seed": seed,
        "options": list(options),
        "auroc": measured["auroc"],
        "epochs": record["training"]["planned_epochs"],
        "training_sequences": json.loads(demo("data", "info", str(peaks), "--json"))["counts"]["train"]["bound"],
        "fit_seconds": round(seconds, 1),
    }
    for name, how in (("saliency", ()), ("saliency_simplex", ("--simplex",))):
        demo("explain", "saliency", str(model), str(peaks), "--only-positive", "-o", str(folder), "--name", "run",
             "--force", "--device", "cpu", *how)  # fmt: skip
        row[name] = recovery(folder / "run.h5")
    return row


def recovery(path: Path) -> dict[str, float]:
    from demo_core import Explanation
    from demo_core.metrics import site_recovery

    with Explanation.open(path) as found:
        measured = site_recovery(found.values[:], found.one_hot(slice(None)), found.sequences.sites[:])
    return {"mean": measured.mean, "low": measured.low, "high": measured.high, "n": measured.n}


def demo(*arguments: str) -> str:
    command = [sys.executable, "-m", "demo_core", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


if __name__ == "__main__":
    main()
