"""What the paper's explainers find in planted data: how often temporal scores flip at the site, whether optimised
inputs show the motif.

    demo quickstart -o quickstart
    python benchmarks/planted.py quickstart

Results are kept in docs/benchmarks/planted.json; the table in docs/benchmarks.md is made from them by docs/generate.py.

A score flips where it last comes to above 0.5 as bases are read: forward from the left, backward from the right. It
flips at the site if that base lies on the site or within 5 bases behind it in the direction of reading (convolutions
and pooling report a little late). Counted are all held-out positives; those that a network does not call positive
cannot flip. How well a pattern shows the motif is the best Pearson correlation, over all placements on both strands, of
the letter probabilities that its logo is drawn from with the motif's own; the random starts of the same patterns say
the chance level.
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
    parser.add_argument("folder", type=Path, help="what demo quickstart made")
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
    """In how many of the positives each direction's last rise above 0.5 is at the site."""
    positive = found.sequences.labels[:, 0] > 0.5
    sites = found.sequences.sites[:][positive] > 0
    values = np.asarray(found.values[:][positive], float)
    start, end = sites.argmax(axis=1), sites.shape[1] - 1 - sites[:, ::-1].argmax(axis=1)
    above = np.nan_to_num(values) > 0.5  # what is too short to be scored is not above
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
    """The last position (N,) at which a score has come to be above, having been below; 0 if it always is above."""
    length = above.shape[1]
    rises = above & ~np.pad(above, ((0, 0), (1, 0)))[:, :length]
    return length - 1 - rises[:, ::-1].argmax(axis=1)


def likeness(values: np.ndarray, ppm: np.ndarray) -> float:
    """The best correlation of a pattern with a motif, on either strand."""
    drawn = pattern_probabilities(values)
    width = ppm.shape[1]
    windows = [drawn[:, start : start + width] for start in range(drawn.shape[1] - width + 1)]
    varied = [w.ravel() for w in windows if np.ptp(w) > 1e-9]  # of a constant there is no correlation
    return max(float(np.corrcoef(w, m.ravel())[0, 1]) for w in varied for m in (ppm, ppm[::-1, ::-1]))


if __name__ == "__main__":
    main()
