"""Number of cores for training recurrent networks on a CPU."""

from __future__ import annotations

import copy
import os
import time

import torch
from torch import Tensor

from demo_core.models import Model, blaming_network

_ROUNDS = 2


def cores_for(model: Model, x: Tensor) -> int:
    """Return the number of cores with which training is faster now: 1, or as many as PyTorch uses.

    The threads of OpenMP wait for each other at every base of a recurrent network. If other programs use the cores,
    they wait long. Networks without recurrent layers use all cores. OMP_NUM_THREADS also decides without a measurement.

    Parameters
    ----------
    model
        The model; a copy of its network is used.
    x
        (B, A, L), inputs of a batch.
    """
    most = torch.get_num_threads()
    if (
        most == 1
        or model.device.type != "cpu"
        or "recurrent" not in model.capabilities
        or "OMP_NUM_THREADS" in os.environ
    ):
        return most
    network = copy.deepcopy(model.module).train()
    times: dict[int, list[float]] = {most: [], 1: []}
    try:
        with torch.random.fork_rng(devices=[]), blaming_network(model):
            for number in range(_ROUNDS + 1):
                for cores, seconds in times.items():
                    torch.set_num_threads(cores)
                    started = time.perf_counter()
                    network(x).sum().backward()
                    if number:  # the first step also allocates memory
                        seconds.append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(most)
    return min(times, key=lambda cores: sum(times[cores]))
