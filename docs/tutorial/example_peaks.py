"""Write a small simulated genome and ChIP-seq peaks, for the tutorials and how-to pages.

    python docs/tutorial/example_peaks.py

writes into the current folder (sites are on either strand):

genome.fa        four chromosomes of 400,000 random bases
ctcf.narrowPeak  1,200 peaks; 1,080 contain a CTCF site (JASPAR MA0139.2) within 20 bases of the summit
rest.narrowPeak  1,200 peaks; 1,080 contain a REST site (MA0138.3)
closed.bed       1,200 intervals without a planted site
both.bed         all of these intervals; column 4 is 1 for CTCF peaks, column 5 for REST peaks
"""

from __future__ import annotations

from pathlib import Path

import demo_planted
import numpy as np

from demo_core.sequences import DNA, Motif, read_meme

CHROMOSOMES = ("chr1", "chr2", "chr8", "chr9")
BASES = 400_000
SPACING = 400  # distance between neighbouring windows, in bases
PEAKS = 1_200


def main() -> None:
    """Write the files. The same files are written each time."""
    random = np.random.default_rng(0)
    codes = random.choice(4, size=(len(CHROMOSOMES), BASES), p=(0.29, 0.21, 0.21, 0.29)).astype(np.uint8)
    motifs = {m.id: m for m in read_meme(Path(demo_planted.__file__).with_name("jaspar.meme"))}
    centres = [(c, p) for c in range(len(CHROMOSOMES)) for p in range(SPACING, BASES - SPACING, SPACING)]
    chosen = [centres[i] for i in random.permutation(len(centres))[: 3 * PEAKS]]
    for name, motif, places in (
        ("ctcf", motifs["MA0139.2"], chosen[:PEAKS]),
        ("rest", motifs["MA0138.3"], chosen[PEAKS : 2 * PEAKS]),
    ):
        lines = []
        for number, (chromosome, centre) in enumerate(places):
            if number % 10:
                plant(codes[chromosome], motif, centre + int(random.integers(-20, 21)), random)
            strength = float(random.gamma(4.0, 20.0)) * (1.0 if number % 10 else 0.25)
            fields = (CHROMOSOMES[chromosome], centre - 150, centre + 150, f"{name}_{number}", 0, ".")
            lines.append("\t".join(map(str, (*fields, f"{strength:.2f}", -1, -1, 150))))
        Path(f"{name}.narrowPeak").write_text("\n".join(lines) + "\n")
    bed = [f"{CHROMOSOMES[c]}\t{p - 150}\t{p + 150}" for c, p in chosen]
    Path("closed.bed").write_text("\n".join(bed[2 * PEAKS :]) + "\n")
    labels = PEAKS * ["1\t0"] + PEAKS * ["0\t1"] + PEAKS * ["0\t0"]
    Path("both.bed").write_text("".join(f"{line}\t{label}\n" for line, label in zip(bed, labels, strict=True)))
    letters = np.frombuffer(b"ACGT", np.uint8)
    Path("genome.fa").write_text(
        "".join(f">{name}\n{letters[row].tobytes().decode()}\n" for name, row in zip(CHROMOSOMES, codes, strict=True))
    )


def plant(sequence: np.ndarray, motif: Motif, centre: int, random: np.random.Generator) -> None:
    """Write one draw of the motif into the sequence, on a random strand."""
    site = np.array([random.choice(4, p=column) for column in motif.ppm.T], np.uint8)
    if random.random() < 0.5:
        site = DNA.reverse_complement(site)
    start = centre - len(site) // 2
    sequence[start : start + len(site)] = site


if __name__ == "__main__":
    main()
