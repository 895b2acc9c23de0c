"""Compare all attribution methods on real data with known sites: time, memory, completeness and site recovery.

    python benchmarks/methods.py --work FOLDER [--data ../shared/data/sites] [--sequences 100]

Trains each architecture with its default options on each factor, in FOLDER, unless the model is there already. Then it
runs every attribution method on the first held-out positives, each in its own process, on the CPU. Finished rows are
skipped. It writes docs/benchmarks/methods.json, from which docs/generate.py makes the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
ARCHITECTURES = ("cnn", "rnn", "cnn-rnn")
METHODS = (
    "saliency", "input-x-gradient", "smooth-grad", "deeplift", "deeplift-shap", "integrated-gradients",
    "expected-gradients", "ism", "occlusion",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("DEMO_TEST_DATA", ROOT.parent / "shared" / "data")) / "sites"
    parser.add_argument("--data", type=Path, default=default, help="folder of FACTOR/sequence.txt.gz and label.txt.gz")
    parser.add_argument("--work", type=Path, required=True, help="folder for data, models and explanations")
    parser.add_argument("--factors", default="EGR1,ZBTB33", help="comma-separated names")
    parser.add_argument("--sequences", type=int, default=100)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "methods.json")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    rows = json.loads(given.results.read_text()) if given.results.exists() else []
    done = {(r["factor"], r["architecture"], r["method"]) for r in rows}
    for factor in given.factors.split(","):
        for architecture in ARCHITECTURES:
            if all((factor, architecture, method) in done for method in METHODS):
                continue
            model, peaks = trained(given.work, given.data, factor, architecture)
            for method in METHODS:
                if (factor, architecture, method) in done:
                    continue
                about = {"factor": factor, "architecture": architecture, "method": method}
                rows.append({**about, **measure(given.work, model, peaks, method, given.sequences)})
                print(rows[-1], flush=True)
                part = given.results.with_suffix(".tmp")
                part.write_text(json.dumps(rows, indent=1) + "\n")
                part.replace(given.results)


def trained(work: Path, data: Path, factor: str, architecture: str) -> tuple[Path, Path]:
    """Return the model and the dataset of a factor."""
    peaks, model = work / f"{factor}.h5", work / f"{factor}-{architecture}"
    if not peaks.exists():
        demo("data", "import", str(data / factor / "sequence.txt.gz"), "--pairs", "-o", str(peaks))
    if not model.exists():
        demo("train", architecture, str(peaks), "-o", str(model), "--device", "cpu")
    return model, peaks


def measure(work: Path, model: Path, peaks: Path, method: str, n: int) -> dict[str, object]:
    from demo_core import Explanation
    from demo_core.metrics import site_recovery
    from demo_core.results import completeness_errors

    memory = demo("explain", method, str(model), str(peaks), "--only-positive", "--limit", str(n), "-o", str(work),
                  "--name", "run", "--force", "--device", "cpu")  # fmt: skip
    with Explanation.open(work / "run.h5") as found:
        measured = site_recovery(found.values[:], found.one_hot(slice(None)), found.sequences.sites[:])
        errors = completeness_errors(found)
        return {
            "sequences": len(found),
            "seconds_per_1000": round(1000 * found.metadata["wall_seconds"] / len(found), 1),
            "peak_mebibytes": round(memory),
            "recovery": measured.mean, "low": measured.low, "high": measured.high,
            "median_error": None if errors is None else float(np.median(errors)),
            "largest_error": None if errors is None else float(errors.max()),
        }  # fmt: skip


def demo(*arguments: str) -> float:
    """Run a command in a new process. Return its peak memory in MiB."""
    command = [sys.executable, "-m", "demo_core", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed; run it to see why")
    return used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
