"""Messages about a new file of patterns."""

from __future__ import annotations

from pathlib import Path

from demo_core.cli import echo, table
from demo_core.errors import printable


def report_patterns(path: Path) -> None:
    """Print the targets of the patterns of a file, those with the best letters first."""
    import numpy as np

    from demo_core import Explanation
    from demo_core.models import logistic

    with Explanation.open(path) as found:
        target = found.provenance.target
        reached, letters = found.target_values[:], found.extra("one-hot")
        ids = found.sequences.ids[:]
    unit = printable(target.outputs[0].unit, 30)
    heads = ["pattern", f"target ({unit})", f"best letters ({unit})"]
    columns = [reached, letters]
    if target.is_logit:
        heads = ["pattern", "output (logit)", "probability", "best letters (logit)", "probability"]
        columns = [reached, logistic(reached), letters, logistic(letters)]
    best = np.argsort(-letters, kind="stable")[:10]
    table(heads, [[ids[row], *(f"{float(c[row]):.4g}" for c in columns)] for row in best])
    if len(ids) > len(best):
        echo(f"the best {len(best)} of {len(ids)}")
