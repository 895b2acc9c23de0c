"""Interleaved timing of jobs that do the same work, for the tables of docs/benchmarks.md."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Times = dict[str, list[float]]


def interleaved(jobs: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Return seconds of each job in each round. Each runs once before, so that nothing is loaded while it is timed."""
    for job in jobs.values():
        job()
    times: Times = {name: [] for name in jobs}
    for number in range(rounds):
        order = list(jobs) if number % 2 == 0 else list(jobs)[::-1]
        for name in order:
            started = time.perf_counter()
            jobs[name]()
            times[name].append(time.perf_counter() - started)
    return times


def ratio(times: Times, ours: str, rival: str) -> float:
    """Return how many times as long the rival takes: the median over rounds."""
    return statistics.median(b / a for a, b in zip(times[ours], times[rival], strict=True))


def best_of(times: Times, names: list[str]) -> str:
    """Return the job with the lowest median time."""
    return min(names, key=lambda name: statistics.median(times[name]))
