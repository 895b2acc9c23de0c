"""Count calls between modules during one command: ``python benchmarks/walk.py [--tree FOLDER]``.

Runs ``demo explain saliency MODEL DATA --limit 64`` in this process. Counts calls from one module of ``demo_core`` or
the plugins to another. Also counts reads of the sequences, digests of the weights, constructions of the explainer and
forward passes. ``--tree`` takes another checkout for comparison.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tree", type=Path, default=HERE)
    tree = parser.parse_args().tree.resolve()
    sys.path[:0] = [str(tree), str(tree / "plugins")]

    import numpy as np

    from demo_core import Model, SequenceDataset
    from demo_core.cli import run
    from demo_core.testing import tiny_dataset, tiny_model

    assert Path(sys.modules["demo_core"].__file__).is_relative_to(tree), "another demo_core was imported"
    read, calls = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        tiny_dataset(400, 40).save(Path(folder) / "d.h5")
        tiny_model().save(Path(folder) / "m")
        line = ["explain", "saliency", f"{folder}/m", f"{folder}/d.h5", "-o", f"{folder}/out", "--limit", "64"]

        def counted(owner: type, name: str, note) -> None:
            real = getattr(owner, name)

            def wrapped(self, *arguments, **given):
                note(self, *arguments)
                return real(self, *arguments, **given)

            setattr(owner, name, wrapped)

        def taken(dataset, rows) -> None:
            if dataset._file is not None and dataset._file.filename.endswith("d.h5"):
                read.update(np.arange(len(dataset))[rows].tolist())

        switches, modules = walked(lambda: run(line), tree)
        Path(f"{folder}/out/m.saliency.h5").unlink()
        counted(SequenceDataset, "take", taken)
        counted(Model, "digest", lambda *_: calls.update(["digests of the weights"]))
        counted(Model, "outputs_of", lambda model, x, *_: calls.update({"sequences the core itself runs": len(x)}))
        from demo_saliency.explainer import Saliency

        counted(Saliency, "__init__", lambda *_: calls.update(["explainers made"]))
        run(line)
    found = {"switches": switches, "modules": modules, "reads of each sequence": max(read.values()), **calls}
    print(json.dumps(found, indent=1))


def walked(run, tree: Path) -> tuple[int, int]:
    """Return the number of calls between modules, and the number of modules called."""
    switches, modules = 0, set()
    names: dict[str, str | None] = {}

    def own(frame) -> str | None:
        path = frame.f_code.co_filename
        if path not in names:
            inside = path.startswith(str(tree)) and "site-packages" not in path and "benchmarks" not in path
            names[path] = path if inside else None
        return names[path]

    def profile(frame, event, argument) -> None:
        nonlocal switches
        if event != "call" or (here := own(frame)) is None:
            return
        caller = frame.f_back
        there = own(caller) if caller is not None else None
        if there is not None and there != here:
            switches += 1
            modules.update((here, there))

    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(None)
    return switches, len(modules)


if __name__ == "__main__":
    main()
