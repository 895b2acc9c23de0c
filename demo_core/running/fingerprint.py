"""What decides a run's values, and whether a file is of that run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError, printable
from demo_core.results.explanation import Explanation
from demo_core.running.job import Job, describe_job
from demo_core.running.source_digests import editable_source, network_source, option_files
from demo_core.storage.limits import rows_of

#: Rows that are digested at a time, at most.
_BLOCK = 2048


def is_finished(output: Path, fingerprint: Mapping[str, Any], force: bool) -> bool:
    """Whether the output is this very run's; raises DemoError if it is another's and may not be replaced."""
    if force or not output.exists():
        return False
    check_same(output, _fingerprint_in(output), fingerprint)
    return True


def fingerprint_of_run(job: Job) -> dict[str, Any]:
    """Everything but the data that decides a run's values: batch size and device change nothing beyond 1e-5."""
    job_says = describe_job(job)
    return {
        "model": job_says["model"]["digest"],
        "architecture": job.model.running,
        "explainer": job_says["explainer"],
        "options": job_says["options"],
        "files of the options": option_files(job.options),
        "code of the explainer": editable_source(job.registered),
        "code of the network": network_source(job.model.module),
        "target": job_says["target"],
        "seed": job.seed,
        "average_strands": job.average_strands,
        "version of deep-motif-dashboard": metadata.version("deep-motif-dashboard"),
        "version of torch": metadata.version("torch"),
    }


def fingerprint_of_data(
    dataset: SequenceDataset, rows: NDArray[np.int64], index: NDArray[np.int64] | None = None
) -> dict[str, Any]:
    """Which sequences, in which order; ``index`` gives their places in the data, where those are not ``rows``."""
    content = hashlib.sha256()
    size = rows_of(2 * dataset.length, _BLOCK)  # of the length alone, since it is part of the digest
    for start in range(0, len(rows), size):
        content.update(dataset.take(rows[start : start + size]).digest().encode())
    content.update(np.ascontiguousarray(rows if index is None else index).tobytes())
    return {"sequences": content.hexdigest(), "number of sequences": len(rows)}


def _fingerprint_in(output: Path) -> dict[str, Any]:
    try:
        with Explanation.open(output) as finished:
            return dict(finished.metadata["fingerprint"])
    except (DemoError, KeyError, TypeError, ValueError):
        raise DemoError(
            f"{printable(output)} exists and is not an explanation that can be read: "
            "choose another --name, or --force to replace it"
        ) from None


def check_same(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise DemoError, naming what differs, unless both are of one run."""
    differing = [k for k in here if there.get(k) != here[k]]
    if unknown := [k for k in here if k not in there]:
        raise DemoError(
            f"{printable(path)}: does not record the {' or the '.join(unknown)}, so it cannot be matched to this run; "
            "choose another --name or -o, or use --force to replace it"
        )
    if not differing:
        return
    said = [_difference(k, there.get(k), here[k]) for k in differing]
    # a different number of sequences says it all about which they are
    said = [s for s in said if not (s == "sequences" and "number of sequences" in differing)]
    raise DemoError(
        f"{printable(path)} exists, from a run that differs in {'; '.join(said)}: "
        "choose another --name or -o, or --force to replace it"
    )


def _difference(name: str, there: Any, here: Any) -> str:
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [k for k in here if there.get(k) != here[k]]
        parts = (f"{k}: {printable(there.get(k), 80)} there, {printable(here[k], 80)} here" for k in keys)
        return f"{name} ({', '.join(parts)})"
    if name in ("model", "sequences") or name.startswith("code of"):
        return name
    return f"{name} ({printable(there, 80)} there, {printable(here, 80)} here)"
