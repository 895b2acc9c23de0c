"""Compare the batch size that `--batch-size auto` measures with a sweep over sizes.

    python benchmarks/batch_sizes.py [--sequences 4096]

Gradients of untrained networks. A network with a hook does not compute in pieces, like one without ``fast_forward``.
The cache is empty for each network. The ratio is the rate of the chosen size divided by the best rate of the sweep.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from gradients import model_of

from demo_core import Model
from demo_core.models import measured_batch_size, outputs_and_gradients
from demo_core.testing import tiny_dataset

ROOT = Path(__file__).parent.parent
SIZES = (1, 4, 16, 64, 256, 1024)
#: Architecture, length, and whether it has a hook
NETWORKS = [
    *((name, length, False) for name in ("cnn", "rnn", "cnn-rnn") for length in (101, 500)),
    *((name, 101, True) for name in ("cnn", "rnn", "cnn-rnn")),
    ("cnn", 2114, False),
]


def rate(model: Model, size: int, n: int) -> float:
    """Return sequences a second, the median of three rounds over about ``n`` sequences."""
    x = model.one_hot(tiny_dataset(size, model.length, unknown=False).codes[:])
    often, seconds = max(1, n // size), []
    outputs_and_gradients(model, x, model.target())
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(often):
            outputs_and_gradients(model, x, model.target())
        seconds.append(time.perf_counter() - started)
    return often * size / statistics.median(seconds)


def row(name: str, length: int, hook: bool, n: int) -> dict[str, object]:
    model = model_of(name, length)
    if hook:
        model.module.register_forward_hook(lambda module, args, outputs: None)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        started = time.perf_counter()
        chosen = measured_batch_size(model, 10**7, gradients=True)
        spent = time.perf_counter() - started
    few = max(64, n * 101 // length // 4)
    rates = {size: rate(model, size, min(few, 32 * size)) for size in sorted({*SIZES, chosen}) if size <= few * 8}
    return {"architecture": name, "length": length, "hook": hook, "chosen": chosen, "seconds": spent,
            "best": max(rates, key=lambda size: rates[size]), "ratio": rates[chosen] / max(rates.values())}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=4096)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "batch_sizes.json")
    given = parser.parse_args()
    rows = []
    for name, length, hook in NETWORKS:
        rows.append(row(name, length, hook, given.sequences))
        print(rows[-1], flush=True)
    given.results.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
