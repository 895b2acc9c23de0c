"""Time ``explain()`` on the CPU and on a GPU: ``python benchmarks/devices.py [--sequences 4000] [--rounds 3]``.

Uses untrained networks of the built-in architectures and sequences of 101 bases. Devices are timed in turn; medians are
reported. The largest difference between devices is divided by the largest value. Without a GPU, only the CPU is timed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import torch

from demo_core import explain
from demo_core.plugins import installed
from demo_core.testing import tiny_dataset, tiny_model

SIZES: dict[str, dict[str, Any]] = {
    "cnn": {"filters": (128, 128), "widths": (9, 5)},
    "rnn": {"units": 64},
    "cnn-rnn": {"filters": 128, "width": 9, "units": 64},
}


def main() -> None:
    """Time each explainer with each architecture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    names = [f"cpu ({torch.get_num_threads()} threads)", *(torch.cuda.get_device_name(d) for d in devices[1:])]
    print(f"torch {torch.__version__}, {' and '.join(names)}")
    data, few = (tiny_dataset(n, length=101) for n in (given.sequences, given.sequences // 4))
    registry = installed()
    for architecture, options in SIZES.items():
        models = {d: tiny_model(architecture, length=101, registry=registry, **options).to(d) for d in devices}
        jobs: dict[str, tuple[Any, dict[str, Any]]] = {
            "saliency": (data, {}),
            "temporal": (few, {}),
            "class-optimization": (None, {"steps": 100, "restarts": 8}),
        }
        for explainer, (sequences, own) in jobs.items():
            seconds: dict[str, list[float]] = {d: [] for d in devices}
            values = {}
            for turn in range(given.rounds + 1):
                for device, model in models.items():
                    begun = time.perf_counter()
                    found = explain(explainer, model, sequences, registry=registry, **own)
                    if turn:  # the first one warms up
                        seconds[device].append(time.perf_counter() - begun)
                    values[device] = np.asarray(found.values)
            said = ", ".join(f"{d} {statistics.median(taken):.3f} s" for d, taken in seconds.items())
            if len(devices) > 1 and sequences is not None:  # optimised inputs may diverge after many steps
                gap = np.nanmax(np.abs(values["cpu"] - values["cuda"])) / np.nanmax(np.abs(values["cpu"]))
                said += f", largest difference {gap:.1e}"
            print(f"{architecture:8} {explainer:19} {said}", flush=True)


if __name__ == "__main__":
    main()
