"""Compare all values with another checkout: ``python benchmarks/same_values.py OTHER [--small]``.

Runs ``demo quickstart`` with this checkout and with the other one, each in a process with one thread. Compares
datasets, weights and explanations bit for bit. Exits with code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import safetensors.numpy

HERE = Path(__file__).parents[1]


def made_by(tree: Path, folder: Path, *options: str) -> Path:
    """Run the quickstart of a checkout and return its folder."""
    paths = os.pathsep.join((str(tree), str(tree / "plugins")))
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "DEMO_DEVICE": "cpu", "DEMO_LOAD_PLUGINS": ""}
    code = "import demo_core, sys; assert demo_core.__file__.startswith(sys.argv[1]), demo_core.__file__"
    subprocess.run([sys.executable, "-c", code, str(tree)], env=env, cwd=folder, check=True)
    line = [sys.executable, "-m", "demo_core", "quickstart", *options, "-o", "q"]
    subprocess.run(line, env=env, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "q"


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of a file."""
    if path.suffix == ".safetensors":
        return safetensors.numpy.load_file(path)
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--small", action="store_true", help="run the small quickstart, with one model")
    given = parser.parse_args()
    other, options = given.other.resolve(), ["--small"] if given.small else []
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        here, there = made_by(HERE, Path(one), *options), made_by(other, Path(two), *options)
        kept = ("*.h5", "models/*/weights.safetensors", "explanations/**/*.h5")
        files = sorted({p.relative_to(there) for pattern in kept for p in there.glob(pattern)})
        compared, different = 0, []
        for name in files:
            mine, theirs = arrays(here / name), arrays(there / name)
            for key in sorted({*mine, *theirs}):
                compared += 1
                a, b = mine.get(key), theirs.get(key)
                if a is None or b is None or a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
                    if a is not None and b is not None and a.dtype == object and a.tolist() == b.tolist():
                        continue
                    gap = (
                        "" if a is None or b is None or a.dtype.kind != "f" else f", by {np.nanmax(np.abs(a - b)):.3g}"
                    )
                    different.append(f"{name}: {key}{gap}")
    print(f"{compared} arrays of {len(files)} files, {len(different)} differ")
    print("\n".join(different))
    return int(bool(different) or not compared)


if __name__ == "__main__":
    sys.exit(main())
