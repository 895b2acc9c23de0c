"""Fingerprint a run and compare files with it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from demo_core.errors import DemoError, printable
from demo_core.plugins.source_digests import editable_source, network_source, option_files
from demo_core.results.explanation import Explanation
from demo_core.running.job import Job


def fingerprint_of_run(job: Job, described: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that determines the values of a run, except the data. Batch size and device change at most
    1e-5.

    ``described`` is the result of ``describe_job``.
    """
    return {
        "model": described["model"]["digest"],
        "architecture": job.model.running,
        "explainer": described["explainer"],
        "options": described["options"],
        "files of the options": option_files(job.options),
        "code of the explainer": editable_source(job.registered),
        "code of the network": network_source(job.model.module),
        "target": described["target"],
        "seed": job.seed,
        "average_strands": job.average_strands,
        "version of deep-motif-dashboard": metadata.version("deep-motif-dashboard"),
        "version of torch": metadata.version("torch"),
        **{f"version of {name}": metadata.version(name) for name in distributions_of(job.spec.requires)},
    }


def fingerprint_in(output: Path) -> dict[str, Any]:
    """Return the fingerprint of a file. Raises DemoError if it is no explanation."""
    try:
        with Explanation.open(output) as finished:
            return dict(finished.metadata["fingerprint"])
    except (DemoError, KeyError, TypeError, ValueError):
        raise DemoError(
            f"{output} exists and is not a readable explanation; choose another --name, or use --force to replace it"
        ) from None


def check_same(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise DemoError, naming the differences, unless both are of the same run."""
    differing = [k for k in here if there.get(k) != here[k]]
    if unknown := [k for k in here if k not in there]:
        raise DemoError(
            f"{path}: does not record the {' or the '.join(unknown)}, so it cannot be matched to this run; "
            "choose another --name or -o, or use --force to replace it"
        )
    if not differing:
        return
    said = [_difference(k, there.get(k), here[k]) for k in differing]
    # a different number of sequences implies a different choice
    if "number of sequences" in differing:
        said = [s for s in said if s not in ("sequences", "choice of sequences")]
    raise other_run(path, "; ".join(said))


def other_run(path: Path, difference: str) -> DemoError:
    """Make the error for an output of another run."""
    return DemoError(
        f"{path} holds a run that differs in {difference}; choose another --name or -o, or use --force to replace it"
    )


def _difference(name: str, there: Any, here: Any) -> str:
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [k for k in here if there.get(k) != here[k]]
        parts = (f"{k}: {printable(there.get(k), 80)} there, {printable(here[k], 80)} here" for k in keys)
        return f"{name} ({', '.join(parts)})"
    if name in ("model", "sequences", "choice of sequences") or name.startswith("code of"):
        return name
    return f"{name} ({printable(there, 80)} there, {printable(here, 80)} here)"


def distributions_of(modules: tuple[str, ...]) -> list[str]:
    """Return the distributions of the modules that a plugin requires."""
    if not modules:
        return []
    bring = metadata.packages_distributions()
    return sorted({name for module in modules for name in bring.get(module.partition(".")[0], ())})
