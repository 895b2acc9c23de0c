"""Measure motif discovery on real and planted data: motifs, names, positions of sites, and time.

    python benchmarks/motifs.py --data ../shared/data/encode --work FOLDER [--only PART,...]

FOLDER keeps datasets, models and explanations. Existing files are reused; training takes one to two hours on 2 cores.
The script writes docs/benchmarks/motifs.json, from which docs/generate.py makes the tables in docs/benchmarks.md.
The part "speed" needs modisco-lite.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "benchmarks" / "motifs.json"
#: Accepted database names of the motif of each factor.
EXPECTED = {
    "CTCFL": ("CTCF", "CTCFL"),
    "REST": ("REST",),
    "GABPA": ("GABPA", "ELK1", "ELK3", "ELK4", "ETV1", "ETV2", "ETV3", "ETV4", "ETV5", "ETV6", "ETV7"),
    "USF1": ("USF1", "USF2"),
    "MYC": ("MYC", "MAX::MYC", "MYCN"),
    "ARID3A": ("Arid3a",),
}
MODELS = ("cnn", "cnn-rnn", "rnn")
PLANTED = {"CTCF": "MA0139.2", "REST": "MA0138.3", "GABPA": "MA0062.4", "USF1": "MA0093.4"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("DEMO_TEST_DATA", ROOT.parent / "shared" / "data")) / "encode"
    parser.add_argument("--data", type=Path, default=default, help="folder of the .seq.gz files")
    parser.add_argument("--work", type=Path, required=True, help="folder for datasets, models and explanations")
    parser.add_argument("--only", default="encode,match,planted,shuffled,million,speed", help="parts, comma-separated")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the part speed")
    given = parser.parse_args()
    parts = given.only.split(",")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, measure in (("encode", encode), ("match", match), ("planted", planted), ("shuffled", shuffled)):
        if name in parts:
            results[name] = measure(given.work, given.data)
            keep(results)
    if "million" in parts:
        results["million"] = million(given.work, given.data)
        keep(results)
    if "speed" in parts:
        results["speed"] = speed(given.work, given.data, given.rounds)
        keep(results)


def keep(results: dict[str, Any]) -> None:
    results["versions"] = {n: metadata.version(n) for n in ("deep-motif-dashboard", "memelite", "pyjaspar", "torch")}
    part = RESULTS.with_suffix(".tmp")
    part.write_text(json.dumps(results, indent=1) + "\n")
    part.replace(RESULTS)


def encode(work: Path, data: Path) -> list[dict[str, Any]]:
    """Find the motif with the most seqlets in each dataset, from saliency of the test split."""
    rows = []
    for dataset, names in EXPECTED.items():
        for model in MODELS:
            file = explained(work, data, dataset, model, "saliency")
            out = work / dataset / f"motifs.{model}"
            found = json.loads(demo("motifs", "find", file, "-o", out, "--matches", "100", "--json", "--force"))
            account = demo_h5(out)["explanations"][0]
            row: dict[str, Any] = {
                "dataset": dataset,
                "model": model,
                "motifs": len(found),
                "account": account["account"],
            }
            row["others"] = [
                {"consensus": m["consensus"], "seqlets": m["seqlets"], "match": m["matches"][0]["match_name"],
                 "q": m["matches"][0]["q"]} for m in found[1:]
            ]  # fmt: skip
            if found:
                top = found[0]
                own = [m for m in top["matches"] if m["match_name"] in names]
                row |= {k: top[k] for k in ("consensus", "seqlets", "sequences", "sites_in_seqlets", "sites")}
                row |= {"match": top["matches"][0]["match_name"], "q": top["matches"][0]["q"]}
                row |= {"own": own[0]["match_name"], "own_q": own[0]["q"], "own_rank": own[0]["rank"]} if own else {}
            print(row, flush=True)
            rows.append(row)
    return rows


def match(work: Path, data: Path) -> list[dict[str, Any]]:
    """Make the paper's table: motif matches of each dataset, model and method."""
    rows = []
    for dataset in EXPECTED:
        files = []
        for model in MODELS:
            files += [explained(work, data, dataset, model, x) for x in ("saliency", "temporal", "class-optimization")]
        filters = [word for model in ("cnn", "cnn-rnn") for word in ("--filters", work / dataset / "models" / model)]
        rows += json.loads(demo("motifs", "match", *files, "--tf", dataset, *filters, "--json"))
        print(dataset, flush=True)
    return rows


def planted(work: Path, data: Path) -> list[dict[str, Any]]:
    """Count recovered motifs and sites of data with one of four planted motifs in each positive."""
    source, rows = work / "planted-4.h5", []
    if not source.exists():
        demo("data", "import", "jaspar", "--reader", "planted", "--motifs", ",".join(PLANTED.values()),
             "--plant", "one", "--number", "8000", "-o", source)  # fmt: skip
    for model in ("cnn", "cnn-rnn"):
        trained = work / "planted-4" / model
        file = work / "planted-4" / "explanations" / f"{model}.saliency.h5"
        trained.parent.mkdir(exist_ok=True)
        if not trained.exists():
            demo("train", model, source, "-o", trained, "--device", "cpu")
        if not file.exists():
            demo("explain", "saliency", trained, source, "-o", file.parent, "--device", "cpu")
        out = work / "planted-4" / f"motifs.{model}"
        found = json.loads(demo("motifs", "find", file, "-o", out, "--json", "--force"))
        recovered, false = {}, []
        for motif in found:
            own = [m for m in motif["matches"] if m["match_id"] in PLANTED.values() and m["q"] < 0.01]
            if own:
                recovered.setdefault(own[0]["match_id"], {"motif": motif["motif"], "q": own[0]["q"], **own[0]})
            else:
                false.append(motif["consensus"])
        sites, near = positions(file, out, recovered)
        rows.append(
            {
                "model": model,
                "recovered": {name: recovered.get(i, {}).get("q") for name, i in PLANTED.items()},
                "motifs": len(found),
                "false": false,
                "planted_sites": sites["planted"],
                "sites_found": sites["found"],
                "within_3": near,
            }
        )
        print(rows[-1], flush=True)
    return rows


def positions(file: Path, out: Path, recovered: dict[str, Any]) -> tuple[dict[str, int], int]:
    """Count planted sites that a seqlet overlaps, and those located to within 3 bases."""
    from demo_core.results.explanation import Explanation

    widths = known_widths()
    by_motif = {v["motif"]: v for v in recovered.values()}
    with Explanation.open(file) as explanation:
        marks = explanation.sequences.sites[:]
        ids = {name: i for i, name in enumerate(explanation.sequences.ids[:])}
    planted_sites = int((marks.any(axis=1)).sum())
    best: dict[int, bool] = {}
    with (out / "seqlets.tsv").open() as table:
        for row in csv.DictReader(table, delimiter="\t"):
            known = by_motif.get(row["motif"])
            mark = np.flatnonzero(marks[ids[row["id"]]])
            if known is None or not len(mark):
                continue
            start, end = int(row["start"]), int(row["end"])
            if end <= mark[0] or start > mark[-1]:
                continue
            # start of the known motif, from the offset of the found one in it
            width, offset = widths[known["match_id"]], known["offset"]
            along = row["strand"] == "+"
            begin = start - offset if along else end + offset - width
            best[ids[row["id"]]] = best.get(ids[row["id"]], False) or abs(begin - int(mark[0])) <= 3
    return {"planted": planted_sites, "found": len(best)}, sum(best.values())


def known_widths() -> dict[str, int]:
    rows = json.loads(demo("motifs", "db", *PLANTED.values(), "--json"))
    return {row["id"]: row["width"] for row in rows}


def shuffled(work: Path, data: Path) -> list[dict[str, Any]]:
    """Count seqlets in shuffled test positives, which contain no sites by construction."""
    from demo_core.data.dataset import SequenceDataset
    from demo_core.sequences.shuffling import dinucleotide_shuffle

    rows = []
    for dataset in ("GABPA", "CTCFL", "USF1"):
        imported(work, data, dataset)
        fasta = work / dataset / "shuffles.fa"
        with SequenceDataset.open(work / dataset / "peaks.h5") as peaks:
            test = peaks.take(peaks.rows_of_split("test"))
            positives = test.codes[test.labels[:, 0] > 0.5]
            codes = dinucleotide_shuffle(np.concatenate([positives, positives]), np.random.default_rng(1))
            fasta.write_text("".join(f">s{i}\n{peaks.alphabet.decode(c)}\n" for i, c in enumerate(codes)))
        for model in ("cnn", "cnn-rnn"):
            of_peaks = explained(work, data, dataset, model, "saliency")
            demo("explain", "saliency", work / dataset / "models" / model, fasta, "-o", work / dataset / "shuffles",
                 "--force", "--device", "cpu")  # fmt: skip
            file = work / dataset / "shuffles" / f"{model}.saliency.h5"
            for null, more in (("auto", ()), ("negatives of the peaks", ("--null", of_peaks, "--all-sequences"))):
                out = work / dataset / "shuffles" / "motifs"
                command = [
                    "motifs",
                    "find",
                    file,
                    "-o",
                    out,
                    "--force",
                    "--json",
                    "--no-hits",
                    "--seqlets",
                    "significant",
                ]
                motifs = json.loads(demo(*command, *more))
                with (out / "seqlets.tsv").open() as table:
                    with_seqlet = {row["id"] for row in csv.DictReader(table, delimiter="\t")}
                rows.append(
                    {"dataset": dataset, "model": model, "null": null, "sequences": len(codes),
                     "with_seqlet": len(with_seqlet), "motifs": len(motifs)}
                )  # fmt: skip
                print(rows[-1], flush=True)
    return rows


def speed(work: Path, data: Path, rounds: int) -> dict[str, Any]:
    """Time 2,000 sequences compared with the modisco-lite command on the same values, and 10,000 without it."""
    explained(work, data, "GABPA", "cnn", "saliency")
    few, many = (training_saliency(work, n) for n in (2_000, 10_000))
    if not (few / "cnn.saliency.sequences.npz").exists():
        demo("export", few / "cnn.saliency.h5", "--npz")
    theirs = [
        Path(sys.executable).with_name("modisco"), "motifs",
        "-s", few / "cnn.saliency.sequences.npz", "-a", few / "cnn.saliency.attributions.npz",
        "-n", "20000", "-w", "100", "-o", few / "modisco.h5",
    ]  # fmt: skip
    found = json.loads(demo(*ours(few)))  # compiles both programs
    timed(theirs)
    seconds: dict[str, list[float]] = {"demo": [], "modisco": [], "demo_10000": []}
    for _ in range(rounds):
        for name, folder in (("demo", few), ("demo_10000", many)):
            started = time.perf_counter()
            demo(*ours(folder))
            seconds[name].append(time.perf_counter() - started)
        seconds["modisco"].append(timed(theirs))
        print(seconds, flush=True)
    rival = [*ours(few)[:3], "--patterns", "modisco", "-o", few / "modisco", "--force", "--json", "--no-hits"]
    return {
        "sequences": 2_000,
        "rounds": rounds,
        "seconds": {k: statistics.median(v) for k, v in seconds.items()},
        "ratio": statistics.median(m / d for d, m in zip(seconds["demo"], seconds["modisco"], strict=True)),
        "cores": os.cpu_count(),
        "demo": [summary(m) for m in found],
        "modisco": [summary(m) for m in json.loads(demo(*rival))],
    }


def million(work: Path, data: Path) -> dict[str, Any]:
    """Measure time and memory of a million sequences: those of the part "speed", repeated 100 times."""
    explained(work, data, "GABPA", "cnn", "saliency")
    many, big = training_saliency(work, 10_000), work / "GABPA" / "million.h5"
    with h5py.File(many / "cnn.saliency.h5") as source, h5py.File(big, "w") as copy:
        copy.attrs["demo"] = source.attrs["demo"]
        for name, column in source.items():
            n, rest = column.shape[0], column.shape[1:]
            chunks = (256 if len(rest) > 1 else 4096, *rest)
            there = copy.create_dataset(
                name, (0, *rest), column.dtype, maxshape=(None, *rest), chunks=chunks, compression="gzip",
                compression_opts=1,
            )  # fmt: skip
            rows = column[:]
            for i in range(100):
                there.resize((n * (i + 1), *rest))
                there[n * i :] = rows
    started = time.perf_counter()
    demo("motifs", "find", big, "-o", work / "GABPA" / "million", "--force")
    seconds = time.perf_counter() - started
    big.unlink()
    # largest of all child processes; this one is by far the largest
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"seconds": seconds, "megabytes": megabytes}


def ours(folder: Path) -> list[Any]:
    return ["motifs", "find", folder / "cnn.saliency.h5", "-o", folder / "motifs", "--force", "--json"]


def training_saliency(work: Path, n: int) -> Path:
    folder = work / "GABPA" / str(n)
    if not (folder / "cnn.saliency.h5").exists():
        trained, peaks = work / "GABPA" / "models" / "cnn", work / "GABPA" / "peaks.h5"
        options = ["-o", folder, "--split", "train", "--limit", n, "--device", "cpu"]
        demo("explain", "saliency", trained, peaks, *options)
    return folder


def summary(motif: dict[str, Any]) -> dict[str, Any]:
    best = motif["matches"][0]
    return {"consensus": motif["consensus"], "seqlets": motif["seqlets"], "match": best["match_name"], "q": best["q"]}


def timed(command: list[Any]) -> float:
    started = time.perf_counter()
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def imported(work: Path, data: Path, dataset: str) -> Path:
    peaks = work / dataset / "peaks.h5"
    if not peaks.exists():
        sources = list(data.glob(f"{dataset}_*_AC.seq.gz"))
        if len(sources) != 1:
            sys.exit(f"{data}: there is no {dataset}_*_AC.seq.gz; docs/benchmarks.md says where to get it")
        (work / dataset / "models").mkdir(parents=True, exist_ok=True)
        demo("data", "import", sources[0], "-o", peaks)
    return peaks


def explained(work: Path, data: Path, dataset: str, model: str, explainer: str) -> Path:
    """Return the explanation file. Makes the dataset, model and file if missing."""
    peaks, trained = imported(work, data, dataset), work / dataset / "models" / model
    if not trained.exists():
        demo("train", model, peaks, "-o", trained, "--seed", "0", "--device", "cpu")
    folder = work / dataset / "explanations"
    file = folder / f"{model}.{explainer}.h5"
    if not file.exists():
        source = [] if explainer == "class-optimization" else [peaks]
        demo("explain", explainer, trained, *source, "-o", folder, "--device", "cpu")
    return file


def demo_h5(folder: Path) -> dict[str, Any]:
    from demo_motifs.result import MotifsFile

    with MotifsFile(folder / "motifs.h5") as file:
        return dict(file.metadata)


def demo(*arguments: object) -> str:
    command = [sys.executable, "-m", "demo_core", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[2:])}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
