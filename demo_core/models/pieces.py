"""Compute a batch in pieces that fit into a CPU's cache, on several threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

R = TypeVar("R")

#: Positions that are computed at a time on a CPU: 32 sequences of 101 bases
POSITIONS = 3_300


def in_pieces(x: Tensor, compute: Callable[[slice], R], *, at_once: bool) -> list[R]:
    """Return ``compute(rows)`` for consecutive rows of a batch, in order.

    Parameters
    ----------
    x
        (B, A, L), a batch; only its shape is read.
    compute
        Called with slices of rows.
    at_once
        Whether several threads may call ``compute`` at once, on a CPU. The pieces then have about 3,300 positions, and
        each thread computes with one core. Otherwise the whole batch is one piece.

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
    n, threads = len(x), torch.get_num_threads()
    size = max(1, POSITIONS // max(1, x.shape[2])) if at_once else n
    count = 1 if n <= size else min(n, threads * max(1, round(n / size / threads)))  # as many for each thread
    bounds = [n * i // count for i in range(count + 1)]
    pieces = [slice(start, end) for start, end in itertools.pairwise(bounds)]
    if min(threads, count) == 1:
        return [compute(piece) for piece in pieces]
    try:
        # The threads end with the call. While they exist, OpenMP takes the cores for busy, and recurrent layers in the
        # calling thread are several times as slow (benchmarks/worker_threads.py).
        with ThreadPoolExecutor(threads, "demo-piece", torch.set_num_threads, (1,)) as pool:
            return list(pool.map(compute, pieces))
    finally:
        torch.set_num_threads(threads)  # those above set it for threads that start later, too
