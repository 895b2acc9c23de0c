"""Compare explanations with those of another checkout, for the same weights and sequences.

    python benchmarks/values.py OTHER [--tolerance 1e-5]

The other checkout runs ``demo quickstart --small`` and makes untrained networks of all architectures. Both checkouts
then explain the same sequences with each network in four variants: float32, float64, bfloat16, and with a forward hook.
Some sequences repeat one base, so that maxima have ties. A third-party network is explained too. Differences are
relative to the largest value. bfloat16 has a tolerance of 0.05, since its values have 8 significant bits. Class
optimisation is compared in float64 only: in float32, rounding grows with each step. Exits with code 1 if a difference
is above the tolerance.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[1]
#: Makes the networks, and a dataset of 24 sequences, the last 8 with one base only
MAKE = """
import sys
from pathlib import Path
import numpy as np
import torch
from demo_core import Model, SequenceDataset
from demo_core.testing import tiny_dataset, tiny_model
folder = Path(sys.argv[1])
for name in ("cnn", "rnn", "cnn-rnn"):
    torch.manual_seed(0)
    tiny_model(name).save(folder / name)
data = tiny_dataset(24)
data.codes[16:] = np.arange(8)[:, None] % 4
data.save(folder / "data.h5")
"""
#: Explains all sequences with one network; the arguments are data, network, variant and result
EXPLAIN = """
import sys
from pathlib import Path
import numpy as np
import torch
from torch import nn
from demo_core import Model, SequenceDataset, explain
path, name, variant, result = sys.argv[1:]
class ThirdParty(nn.Module):
    def __init__(self, length):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 8, 3), nn.ReLU(),
                                    nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1))
    def forward(self, x):
        return self.layers(x)
with SequenceDataset.open(path) as opened:
    data = opened.take(slice(0, 48))
third = name == "third-party"
model = Model.load(Path(path).parent / ("cnn" if third else name), device="cpu")
if third:
    model.module = ThirdParty(model.length).eval()
    model.capabilities = frozenset({"gradients"})
if variant in ("float64", "bfloat16"):
    model.module.to(getattr(torch, variant))
elif variant == "hook":
    layer = next(m for m in model.module.modules() if isinstance(m, (nn.Linear, nn.LSTM)))
    layer.register_forward_hook(lambda module, given, made: made)
found = {}
for explainer in ("saliency", "temporal", "class-optimization"):
    if explainer == "temporal" and third or explainer == "class-optimization" and variant != "float64":
        continue
    options = {"steps": 20} if explainer == "class-optimization" else {}
    made = explain(explainer, model, None if options else data, **options)
    found[explainer] = np.asarray(made.values[:], np.float64)
    found[explainer + " outputs"] = np.asarray(made.outputs[:], np.float64)
np.savez(result, **found)
"""
VARIANTS = ("float32", "float64", "bfloat16", "hook")
#: Tolerance of bfloat16, whose values have 8 significant bits
ROUGH = 0.05


def run(tree: Path, code: str, *words: object) -> None:
    """Run code with a checkout, on one thread."""
    paths = os.pathsep.join((str(tree), str(tree / "plugins")))
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "DEMO_DEVICE": "cpu", "DEMO_LOAD_PLUGINS": ""}
    check = f"import demo_core\nassert demo_core.__file__.startswith({str(tree)!r}), demo_core.__file__\n"
    line = [sys.executable, "-W", "ignore", "-c", check + code, *map(str, words)]
    done = subprocess.run(line, env=env, cwd=tempfile.gettempdir(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{tree}: failed\n{done.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    given = parser.parse_args()
    other, failed = given.other.resolve(), False
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        quickstart = (
            "import runpy, sys; sys.argv = ['demo', *sys.argv[1:]]; runpy.run_module('demo_core', run_name='__main__')"
        )
        run(other, quickstart, "quickstart", "--small", "-o", place / "q")
        (place / "plain").mkdir()
        run(other, MAKE, place / "plain")
        trained = place / "trained"
        trained.mkdir()
        (place / "q" / "models" / "cnn").rename(trained / "cnn")
        next((place / "q").glob("*.h5")).rename(trained / "data.h5")
        cases = [(place / "plain", name) for name in ("cnn", "rnn", "cnn-rnn", "third-party")] + [(trained, "cnn")]
        for source, name in cases:
            for variant in VARIANTS:
                results = []
                for number, tree in enumerate((HERE, other)):
                    results.append(place / f"{number}.npz")
                    run(tree, EXPLAIN, source / "data.h5", name, variant, results[-1])
                ours, theirs = (dict(np.load(path)) for path in results)
                for key, values in theirs.items():
                    gap = np.nanmax(np.abs(ours[key] - values)) / max(np.nanmax(np.abs(values)), 1e-30)
                    wrong = gap > (ROUGH if variant == "bfloat16" else given.tolerance)
                    wrong |= not np.array_equal(np.isnan(ours[key]), np.isnan(values))
                    failed |= wrong
                    print(
                        f"{source.name} {name}, {variant}, {key}: {gap:.1e}{'  DIFFERENT' if wrong else ''}", flush=True
                    )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
