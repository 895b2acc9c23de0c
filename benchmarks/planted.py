"""Measure how often temporal scores flip at planted sites, and whether optimised inputs show the motif.

    demo quickstart -o quickstart
    python benchmarks/planted.py quickstart

The script writes docs/benchmarks/planted.json, from which docs/generate.py makes the table in docs/benchmarks.md.

- A temporal score flips at its last rise above 0.5: forward scores read from the left, backward scores from the right.
- The flip is at the site if that base lies on the site or up to 5 bases after it in the reading direction, because
  convolution and pooling delay the response. All held-out positives count, including those predicted negative, which
  cannot flip.
- The agreement of a pattern with the motif is the best Pearson correlation of their base probabilities, over all
  offsets on both strands. The chance level uses the random starts of the same patterns.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import demo_planted
import numpy as np

from demo_core import Explanation, Model, explain
from demo_core.sequences.motif import read_meme
from demo_core.views.drawing import pattern_probabilities

ROOT = Path(__file__).parent.parent
MODELS = ("cnn", "rnn", "cnn-rnn")
LATE = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder written by demo quickstart")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "planted.json")
    given = parser.parse_args()
    (motif,) = [m for m in read_meme(Path(demo_planted.__file__).parent / "jaspar.meme") if m.id == "MA0496.2"]
    rows = []
    for name in MODELS:
        row: dict[str, object] = {"architecture": name}
        with Explanation.open(given.folder / "explanations" / f"{name}.temporal.h5") as found:
            row |= flips(found)
        model = Model.load(given.folder / "models" / name)
        for parameters in ("input", "softmax"):
            for kind, steps in (("", 1000), ("_start", 1)):
                pattern = explain("class-optimization", model, parameters=parameters, steps=steps)
                row[parameters + kind] = [round(likeness(v, motif.ppm), 3) for v in pattern.values]
        print(row, flush=True)
        rows.append(row)
    given.results.write_text(json.dumps(rows, indent=1) + "\n")


def flips(found: Explanation) -> dict[str, int]:
    """Count the positives whose last rise above 0.5 is at the site, for each direction."""
    positive = found.sequences.labels[:, 0] > 0.5
    sites = found.sequences.sites[:][positive] > 0
    values = np.asarray(found.values[:][positive], float)
    start, end = sites.argmax(axis=1), sites.shape[1] - 1 - sites[:, ::-1].argmax(axis=1)
    above = np.nan_to_num(values) > 0.5  # prefixes too short for a score count as below
    forward = last_rise(above[:, 0])
    backward = sites.shape[1] - 1 - last_rise(above[:, 1, ::-1])
    said = found.predictions[positive, 0] > 0.5
    ahead = said & (forward >= start) & (forward <= end + LATE)
    back = said & (backward <= end) & (backward >= start - LATE)
    return {
        "sequences": len(sites),
        "called_positive": int(said.sum()),
        "forward": int(ahead.sum()),
        "backward": int(back.sum()),
        "either": int((ahead | back).sum()),
        "both": int((ahead & back).sum()),
    }


def last_rise(above: np.ndarray) -> np.ndarray:
    """Return the last position (N,) at which a score rises above 0.5; 0 if it is always above."""
    length = above.shape[1]
    rises = above & ~np.pad(above, ((0, 0), (1, 0)))[:, :length]
    return length - 1 - rises[:, ::-1].argmax(axis=1)


def likeness(values: np.ndarray, ppm: np.ndarray) -> float:
    """Return the best correlation of a pattern with a motif, on either strand."""
    drawn = pattern_probabilities(values)
    width = ppm.shape[1]
    windows = [drawn[:, start : start + width] for start in range(drawn.shape[1] - width + 1)]
    varied = [w.ravel() for w in windows if np.ptp(w) > 1e-9]  # the correlation with a constant is undefined
    return max(float(np.corrcoef(w, m.ravel())[0, 1]) for w in varied for m in (ppm, ppm[::-1, ::-1]))


if __name__ == "__main__":
    main()
