"""Measure how often the window of highest saliency overlaps the best known site, on real ChIP-seq data.

    python benchmarks/known_sites.py --work FOLDER

FOLDER is the work folder of benchmarks/motifs.py, with FACTOR/explanations/ARCHITECTURE.saliency.h5 for each factor.

- Sequences: the 100 most confident true positives of the test split.
- Known site: the match of lowest p to the factor's motif in JASPAR 2024 (demo motifs scan, p <= 1e-4, null model with
  the base composition of the sequences).
- Window: the 9 bases of highest saliency. Saliency is summed with its sign, as in demo motifs, and as absolute values,
  as in the paper's figures.
- Overlap: at least half of the bases of the site or of the window are shared. The chance level uses random windows on
  the same sequences.

The script writes docs/benchmarks/known_sites.json, from which docs/generate.py makes the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
#: Accepted motif names of each factor. CTCFL binds the same motif as CTCF.
FACTORS = {"CTCFL": "CTCF", "USF1": "USF1"}
WIDTH, MOST = 9, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="work folder of benchmarks/motifs.py")
    given = parser.parse_args()
    rows = []
    for factor, motif in FACTORS.items():
        files = sorted((given.work / factor / "explanations").glob("*.saliency.h5"))
        if not files:
            sys.exit(
                f"{given.work / factor / 'explanations'}: there is no *.saliency.h5; run benchmarks/motifs.py first"
            )
        for path in files:
            row = {"factor": factor, "motif": motif, **measure(path, motif)}
            print(row, flush=True)
            rows.append(row)
    results = ROOT / "docs" / "benchmarks" / "known_sites.json"
    part = results.with_suffix(".tmp")
    part.write_text(json.dumps(rows, indent=1) + "\n")
    part.replace(results)


def measure(path: Path, motif: str) -> dict[str, object]:
    from demo_dashboard.alignment import align
    from demo_dashboard.motifs import read_motifs
    from demo_dashboard.runs import open_runs
    from demo_dashboard.sequence import Shown
    from demo_dashboard.sequence_selection import ranking

    from demo_core.cli import run

    with tempfile.TemporaryDirectory() as folder, open_runs([path]) as runs:
        if run(["motifs", "scan", str(path), motif, "-o", f"{folder}/sites"]):
            sys.exit("demo motifs scan failed")
        aligned = align(runs)
        name = runs[0].output["name"]
        called = runs[0].explanation.predictions[:, 0] >= 0.5
        positive = np.nan_to_num(aligned.labels(name)) > 0.5
        order = ranking(aligned, "top")
        chosen = np.array([i for i in order if positive[i] and called[i]][:MOST])
        sites = read_motifs([Path(folder) / "sites"], runs, aligned, chosen)
        shown = Shown.load(aligned.take(chosen), sites)
        x = runs[0].explanation.sequences.alphabet.one_hot(shown.aligned.codes)
    signed = (shown.values[0] * x).sum(axis=1)
    counts = {"signed": 0, "size": 0}
    there, chance = 0, 0.0
    for place in range(len(chosen)):
        best = next(iter(sites.known_sites(place)), None)
        if best is None:
            continue
        there += 1
        starts = np.arange(signed.shape[1] - WIDTH + 1)
        on_it = np.minimum(starts + WIDTH, best.end) - np.maximum(starts, best.start)
        on_it = on_it * 2 >= min(WIDTH, best.end - best.start)
        chance += float(on_it.mean())
        for key, line in (("signed", signed[place]), ("size", np.abs(signed[place]))):
            sums = np.convolve(line, np.ones(WIDTH), mode="valid")
            counts[key] += bool(on_it[int(sums.argmax())])
    return {
        "architecture": path.name.split(".")[0],
        "true_positives": len(chosen),
        "with_site": there,
        **counts,
        "chance": round(chance, 1),
    }


if __name__ == "__main__":
    main()
