"""Measure where the time goes: steps of a network, and parts of commands.

    python benchmarks/where.py [--sequences 50000]

Steps are those of PyTorch's profiler for untrained default networks, 101 bases and one calling thread and all
cores. Their limit is the rate of a product of two matrices of 2,048 x 2,048 in float32 on the same cores. Parts of
commands are cumulative times of their functions, for a trained cnn and data with a motif.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import io
import json
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from demo_train.settings import TrainingSettings
from demo_train.training import train
from gradients import model_of
from growth import trained, write_fasta
from torch.profiler import profile

from demo_core import Model, SequenceDataset, explain
from demo_core.models import fast_convolution, outputs_and_gradients
from demo_core.testing import tiny_dataset

ROOT = Path(__file__).parent.parent
N = 1024
#: Sequences for temporal scores, which take longer
TEMPORAL = 64
#: Groups of operators, by parts of their names
GROUPS = {
    "convolutions": ("convolution", "::mm"),
    "recurrent layers": ("rnn", "lstm"),
    "pooling and ReLU": ("pool", "threshold", "relu", "maximum", "clamp", "::sub"),
    "random numbers": ("bernoulli", "random", "uniform"),
}
#: Parts of commands, by file and function. The last is the whole command, without the time to import modules
PARTS = {
    "data import": {
        "reading FASTA": ("reader.py", "read"),
        "hashes of sequences": ("strand_free.py", "strand_free_keys"),
        "ids": ("collecting.py", "_named"),
        "groups and splits": [("collecting.py", "numbers"), ("splits.py", "assign_splits")],
        "writing": ("dataset.py", "append"),
        "everything": ("importing.py", "import_records"),
    },
    "explain saliency": {
        "gradients": ("gradients.py", "outputs_and_gradients"),
        "reading sequences": ("dataset.py", "take"),
        "checks of the plugin": ("guard.py", "changes"),
        "choice of the batch size": ("batch_size.py", "measured_batch_size"),
        "final file": ("writer.py", "write_explanation"),
        "everything": ("pipeline.py", "run"),
    },
    "motifs find": {
        "seqlets": ("finding.py", "_seqlets"),
        "clustering": ("finding.py", "_motifs"),
        "reading the database": ("databases.py", "load"),
        "comparison with the database": ("tomtom.py", "compare"),
        "scan for sites, and tables": ("hits.py", "scan_sequences"),
        "everything": ("find.py", "find"),
    },
    "dashboard": {
        "alignment of runs": ("alignment.py", "align"),
        "sites of motifs": ("motifs.py", "read_motifs"),
        "sequences": ("sequence.py", "sequence_data"),
        "comparison": ("agreement.py", "compare_runs"),
        "page": ("page.py", "page_html"),
        "everything": ("report.py", "make_report"),
    },
}


def rate(work: Callable[[], object], operations: float) -> float:
    """Return GFLOP/s, the best of five."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return operations / best / 1e9


def limits() -> dict[str, float]:
    """Return GFLOP/s of a large matrix product, and of the cnn's second convolution for 257 sequences."""
    a = torch.randn(2048, 2048)
    convolution = torch.nn.Conv1d(128, 128, 5)
    x = torch.randn(257, 46, 128).transpose(1, 2)
    with torch.no_grad():
        return {
            "matrix product": rate(lambda: a @ a, 2 * 2048**3),
            "convolution": rate(lambda: fast_convolution(convolution, x), 2 * 257 * 42 * 128 * 128 * 5),
        }


def steps(work: Callable[[], object]) -> dict[str, float]:
    """Return the share of each group in the time of all operators."""
    work()
    with profile() as found:
        work()
    times = {event.key: event.self_cpu_time_total for event in found.key_averages()}
    shares = dict.fromkeys((*GROUPS, "other"), 0.0)
    for key, spent in times.items():
        group = next((g for g, parts in GROUPS.items() if any(part in key.lower() for part in parts)), "other")
        shares[group] += spent / sum(times.values())
    return shares


def jobs(model: Model, data: SequenceDataset) -> dict[str, Callable[[], object]]:
    x = model.one_hot(data.codes[:])
    return {
        "predict": lambda: model.predict(data.codes[:]),
        "saliency": lambda: outputs_and_gradients(model, x, model.target()),
        "temporal": lambda: explain("temporal", model, data.take(slice(0, TEMPORAL))),
        "class-optimization": lambda: explain("class-optimization", model, steps=20),
        "train": lambda: train(model, data, TrainingSettings(epochs=1)),
    }


def parts(n: int) -> dict[str, dict[str, float]]:
    """Return seconds of the parts of each command, for a trained cnn and n sequences, half of them with a motif."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        trained(place).save(place / "cnn")
        write_fasta(place / "data.fa", n, 101)
        data, explanation, motifs = place / "data.h5", place / "cnn.saliency.h5", place / "motifs"
        lines = {
            "data import": (place / "data.fa", "-o", data, "--negatives", "none"),
            "explain saliency": (place / "cnn", data, "--split", "all", "-o", place),
            "motifs find": (explanation, "-o", motifs),
            "dashboard": (explanation, "--motifs", motifs, "-o", place / "report.html"),
        }
        return {command: spent(command, line) for command, line in lines.items()}


def spent(command: str, line: tuple[object, ...]) -> dict[str, float]:
    """Run a command in this process. Return the seconds of its parts."""
    from demo_core.__main__ import main as demo

    sys.argv = ["demo", *command.split(), *map(str, line)]
    profiler = cProfile.Profile()
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            profiler.runcall(demo)
        except SystemExit as ended:
            if ended.code:
                raise
    stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    times: dict[tuple[str, str], float] = {}
    for (path, _, function), entry in stats.items():
        key = (path.rpartition("/")[2], function)
        times[key] = max(times.get(key, 0.0), entry[3])
    return {
        part: sum(times[one] for one in (of if isinstance(of, list) else [of])) for part, of in PARTS[command].items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=50_000)
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks" / "where.json")
    given = parser.parse_args()
    found: dict[str, object] = {"limits": limits(), "threads": torch.get_num_threads(), "sequences": given.sequences}
    data, rows = tiny_dataset(N, 101, unknown=False), []
    data.split[:] = 0
    for name in ("cnn", "rnn", "cnn-rnn"):
        for what, work in jobs(model_of(name), data).items():
            rows.append({"what": what, "architecture": name, **steps(work)})
            print(rows[-1], flush=True)
    found |= {"steps": rows, "parts": parts(given.sequences)}
    print(found["limits"], found["parts"])
    given.results.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
