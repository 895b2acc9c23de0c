"""Measure what idle threads cost: gradients of an LSTM before, while and after other threads exist.

    python benchmarks/worker_threads.py

Two threads compute once and then wait. Sequences a second of the calling thread are printed. This is why worker threads
of demo_core/models/pieces.py end with each batch.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import torch
from gradients import bare, model_of
from reference_networks import plain_network

from demo_core.testing import tiny_dataset


def main() -> None:
    model = model_of("rnn")
    module, x = plain_network(model), model.one_hot(tiny_dataset(1024, 101, unknown=False).codes)
    threads = torch.get_num_threads()

    def report(when: str) -> None:
        seconds = []
        for _ in range(7):
            started = time.perf_counter()
            bare(module, x, 64)
            seconds.append(time.perf_counter() - started)
        print(f"{when}: {len(x) / statistics.median(seconds):,.0f} sequences a second", flush=True)

    report("no other threads")
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(lambda piece: bare(module, piece, 32), x.split(32)))
        torch.set_num_threads(threads)
        report("two idle threads that have computed")
    report("after they ended")


if __name__ == "__main__":
    main()
