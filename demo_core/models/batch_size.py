"""Batch size chosen by measuring, and kept in the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from demo_core.errors import DemoError
from demo_core.models.device import device_name, out_of_memory
from demo_core.models.gradients import outputs_and_gradients
from demo_core.models.model import Model
from demo_core.storage.atomic_files import read_json, write_json

#: Nothing is measured for fewer batches of the size that ``Model.automatic_batch_size`` gives
_FEW = 20
#: Measuring ends after about this many seconds
_SECONDS = 0.6
#: A size that takes more memory than this, in bytes, is not tried
_MEMORY = 2 << 30
_LARGEST, _POSITIONS = 4096, 420_000
#: Another size must be this much faster
_GAIN = 1.03


def measured_batch_size(model: Model, n: int, *, gradients: bool, about: Mapping[str, Any] | None = None) -> int:
    """Return the batch size with which outputs, or outputs and gradients, of random sequences are computed fastest.

    For fewer than 20 batches it is ``Model.automatic_batch_size``. Measuring takes about half a second, and at most
    2 GiB of memory. The size is kept in the user's cache folder, if it can be written.

    Parameters
    ----------
    model
        The model.
    n
        Number of sequences.
    gradients
        Whether gradients are needed. They are computed by ``outputs_and_gradients``, otherwise outputs by ``predict``.
    about
        What else decides the best size, such as the explainer and its options, as JSON.

    Returns
    -------
    int
        Number of sequences in a batch.

    Examples
    --------
    >>> from demo_core.models import measured_batch_size
    >>> from demo_core.testing import tiny_model
    >>> measured_batch_size(tiny_model(), 100, gradients=True)
    1024
    """
    usual = model.automatic_batch_size(in_pieces=gradients or about is None)
    if n < _FEW * usual:
        return usual
    path = _place(model, {"gradients": gradients, **(about or {})})
    if path is not None and (kept := _kept(path)):
        return kept
    size = _fastest(model, usual, gradients=gradients)
    if path is not None:
        with contextlib.suppress(OSError, DemoError):  # without it, the next run measures again
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_json(path, {"batch_size": size})
    return size


def _place(model: Model, about: Mapping[str, Any]) -> Path | None:
    """Return the file of what decides the best size; None without a home folder."""
    key = {
        "architecture": model.running, "options": model.options, "length": model.length, "outputs": len(model.outputs),
        "dtype": str(model.dtype), "device": device_name(model.device), "threads": torch.get_num_threads(),
        "torch": torch.__version__, "version": metadata.version("deep-motif-dashboard"), "about": about,
    }  # fmt: skip
    name = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without an account, as in some containers
        return None
    return cache / "deep-motif-dashboard" / "batch-sizes" / f"{name[:32]}.json"


def _kept(path: Path) -> int:
    """Return the size in a file; 0 if there is none."""
    try:
        size = read_json(path, "batch size")["batch_size"]
    except (OSError, DemoError, KeyError, TypeError):
        return 0
    return size if type(size) is int and 1 <= size <= _LARGEST else 0


def _fastest(model: Model, usual: int, *, gradients: bool) -> int:
    largest = max(usual, min(_LARGEST, _POSITIONS // model.length))
    started, before, first = time.perf_counter(), _memory(model), min(usual, 8)
    rates: dict[int, float] = {}
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        slowest = first / _seconds(model, first, gradients=gradients)  # includes loading of libraries
        smaller = max(1, usual // 4)
        for size in (usual, smaller, max(1, usual // 16), min(largest, 4 * usual)):
            best = max(rates, key=lambda s: rates[s], default=usual)
            if size in rates or (size < smaller and best != smaller) or (size > usual and best != usual):
                continue
            expected = size / rates.get(best, slowest)
            needed = (_memory(model) - before) / max(rates, default=first) * size
            if time.perf_counter() - started + expected > _SECONDS or needed > _MEMORY:
                if size == usual:
                    return usual
                continue
            try:
                often = 1 if expected > 0.05 else 3
                rates[size] = size / min(_seconds(model, size, gradients=gradients) for _ in range(often))
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
    best = max(rates, key=lambda s: rates[s], default=usual)
    return best if rates.get(best, 0.0) > _GAIN * rates.get(usual, 0.0) else usual


def _seconds(model: Model, size: int, *, gradients: bool) -> float:
    codes = np.random.default_rng(0).integers(0, len(model.alphabet.letters), (size, model.length), np.uint8)
    started = time.perf_counter()
    if gradients:
        target = model.target(model.outputs[0].name)
        outputs_and_gradients(model, model.one_hot(codes), target)[1].cpu()
    else:
        model.predict(codes, size)
    return time.perf_counter() - started


def _memory(model: Model) -> int:
    """Return the largest number of bytes that this process has used."""
    if model.device.type == "cuda":
        return torch.cuda.max_memory_allocated(model.device)
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
