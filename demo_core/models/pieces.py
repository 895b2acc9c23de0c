"""Compute a batch in pieces that fit into a CPU's cache, on several threads."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor

R = TypeVar("R")

#: Positions that are computed at a time on a CPU, on all cores: 257 sequences of 101 bases
POSITIONS = 26_000
#: Positions for which threads cost more than they save
_FEW = 3_300


def in_pieces(x: Tensor, compute: Callable[[slice], R], *, at_once: bool, per_thread: int = 0) -> list[R]:
    """Return ``compute(rows)`` for consecutive rows of a batch, in order.

    Parameters
    ----------
    x
        (B, A, L), a batch; only its shape is read.
    compute
        Called with slices of rows.
    at_once
        Whether ``compute`` may be called for parts of the batch, from several threads at once, on a CPU. Otherwise the
        whole batch is one piece.
    per_thread
        Positions that each of several threads computes at a time with one core, which is faster for recurrent layers.
        0: all cores compute a piece of about 26,000 positions.

    Returns
    -------
    list
        The results.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models.pieces import in_pieces
    >>> in_pieces(torch.zeros(3, 4, 3000), lambda rows: rows.stop, at_once=False)
    [3]
    """
    n, threads = len(x), torch.get_num_threads() if per_thread else 1
    size = max(1, (per_thread or POSITIONS) // max(1, x.shape[2]))
    single = not at_once or n * x.shape[2] <= _FEW
    count = 1 if single else min(n, threads * max(1, round(n / size / threads)))  # equal number per thread
    bounds = [n * i // count for i in range(count + 1)]
    pieces = [slice(start, end) for start, end in itertools.pairwise(bounds)]
    if at_once:
        _keep_freed_memory()
    if min(threads, count) == 1:
        with one_core() if at_once and per_thread else nullcontext():
            return [compute(piece) for piece in pieces]
    found: dict[int, R] = {}
    left = iter(enumerate(pieces))

    def work() -> None:
        torch.set_num_threads(1)
        try:
            for number, piece in left:
                found[number] = compute(piece)
        except BaseException:
            for _ in left:  # so that the other threads stop, too
                pass
            raise

    try:
        # The threads end with the call. While they exist, OpenMP counts the cores as busy, and recurrent layers in the
        # calling thread are several times as slow (benchmarks/worker_threads.py).
        with ThreadPoolExecutor(more := min(threads, count) - 1, "demo-piece") as pool:
            others = [pool.submit(work) for _ in range(more)]
            work()
            for other in others:
                other.result()
    finally:
        torch.set_num_threads(threads)  # also for threads that start later
    return [found[number] for number in range(count)]


@contextmanager
def one_core() -> Iterator[None]:
    """Let PyTorch compute small steps with one core.

    OpenMP's other threads spin for some milliseconds after a step, and slow down recurrent networks, which compute in
    threads of their own.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models import one_core
    >>> with one_core():
    ...     torch.get_num_threads()
    1
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@functools.cache
def _keep_freed_memory() -> None:
    """Make glibc reuse freed memory instead of returning it to the system after each piece.

    It keeps twice the size of the largest block that a program freed, if that block had at most 32 MiB. This block is
    never written, so it takes no memory.
    """
    torch.empty(31 << 20, dtype=torch.uint8)
