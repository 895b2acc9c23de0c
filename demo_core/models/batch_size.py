"""Measure the fastest batch size and cache it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from demo_core.errors import DemoError
from demo_core.models.device import device_name
from demo_core.models.gradients import outputs_and_gradients
from demo_core.models.model import Model
from demo_core.plugins.interrupts import passes
from demo_core.storage.atomic_files import read_json, write_json

#: Nothing is measured for fewer batches of the size that ``Model.automatic_batch_size`` gives
_FEW = 20
#: Measuring ends after about this many seconds
_SECONDS = 0.6
#: A size that takes more memory than this, in bytes, is not tried
_MEMORY = 2 << 30
_LARGEST, _POSITIONS = 4096, 420_000
#: A larger or smaller size replaces the usual one only if it is 3% or 8% faster: reading a batch is not measured
_GAIN_OF_LARGER, _GAIN_OF_SMALLER = 1.03, 1.08


def measured_batch_size(
    model: Model, n: int, *, gradients: bool, in_pieces: bool = True, about: Mapping[str, Any] | None = None
) -> int:
    """Return the batch size with which outputs, or outputs and gradients, of random sequences are computed fastest.

    With fewer than 20 batches, it is ``Model.automatic_batch_size``, without measuring. Measuring takes about half a
    second, and at most 2 GiB of memory. The size is kept in the user's cache folder, if it can be written. If the
    network fails, nothing is measured; the run meets the same failure, and reports it.

    Parameters
    ----------
    model
        The model.
    n
        Number of sequences.
    gradients
        Whether gradients are needed. They are computed by ``outputs_and_gradients``, otherwise outputs by ``predict``.
    in_pieces
        Whether batches will be computed by these. Otherwise no size above ``Model.automatic_batch_size`` is tried.
    about
        Further parts of the cache key, such as the explainer and its options; JSON-serialisable.

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
    usual = model.automatic_batch_size(in_pieces=in_pieces)
    if n < _FEW * usual:
        return usual
    path = _place(model, {"gradients": gradients, "in pieces": in_pieces, **(about or {})})
    if path is not None and (kept := _kept(path)):
        return kept
    largest = min(_LARGEST, _POSITIONS // model.length) if in_pieces else usual
    try:
        size = _fastest(model, usual, max(usual, largest), gradients=gradients)
    except BaseException as error:
        if passes(error):
            raise
        return usual
    if size and path is not None:
        with contextlib.suppress(OSError, DemoError):  # without it, the next run measures again
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_json(path, {"batch_size": size})
    return size or usual


def _place(model: Model, about: Mapping[str, Any]) -> Path | None:
    """Return the cache file for this model and machine; None without a home folder."""
    key = {
        "architecture": model.running, "options": model.options, "length": model.length, "outputs": len(model.outputs),
        "dtype": str(model.dtype), "device": device_name(model.device), "threads": torch.get_num_threads(),
        "torch": torch.__version__, "version": metadata.version("deep-motif-dashboard"), "about": about,
        "host": platform.node(),
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


def _fastest(model: Model, usual: int, largest: int, *, gradients: bool) -> int:
    """Return the fastest size; 0 if the usual one takes too much time or memory to measure."""
    first, smaller = min(usual, 8), max(1, usual // 4)
    rates: dict[int, float] = {}
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        _seconds(model, first, gradients=gradients)  # loads libraries
        started, before = time.perf_counter(), _memory(model)
        slowest = 2 * first / _seconds(model, first, gradients=gradients)  # larger batches are faster
        for size in (usual, smaller, max(1, usual // 16), min(largest, 4 * usual)):
            best = max(rates, key=lambda s: rates[s], default=usual)
            if size in rates or (size < smaller and best != smaller) or (size > usual and best != usual):
                continue
            expected = size / rates.get(best, slowest)
            needed = (_memory(model) - before) / max(rates, default=first) * size
            if time.perf_counter() - started + expected > _SECONDS or needed > _MEMORY:
                if size == usual:
                    return 0
                continue
            often = 2 if expected > 0.05 else 3  # the first run of a size also allocates memory
            rates[size] = size / min(_seconds(model, size, gradients=gradients) for _ in range(often))
    best = max(rates, key=lambda s: rates[s])
    gain = _GAIN_OF_LARGER if best > usual else _GAIN_OF_SMALLER
    return best if rates[best] > gain * rates[usual] else usual


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
