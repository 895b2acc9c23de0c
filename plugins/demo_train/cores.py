"""Number of cores for training recurrent networks on a CPU."""

from __future__ import annotations

import copy
import os
import time

import torch
from torch import Tensor

from demo_core.models import Model

_ROUNDS = 2


def cores_for(model: Model, x: Tensor) -> int:
    """Measure whether training is faster with one core now. Return 1, the number that PyTorch uses, or 0.

    The threads of OpenMP wait for each other at every base of a recurrent network. If other programs use the cores,
    they wait long. 0 means that nothing was measured: for other networks, on a GPU, if OMP_NUM_THREADS is set, or if
    the network cannot be copied or fails, which the training then reports.

    Parameters
    ----------
    model
        The model; a copy of its network is used.
    x
        (B, A, L), inputs of a batch.
    """
    most = torch.get_num_threads()
    measurable = (
        model.device.type == "cpu" and "recurrent" in model.capabilities and "OMP_NUM_THREADS" not in os.environ
    )
    if most == 1 or not measurable:
        return 0
    times: dict[int, list[float]] = {most: [], 1: []}
    try:
        with torch.random.fork_rng(devices=[]):
            network = copy.deepcopy(model.module).train()
            for number in range(_ROUNDS + 1):
                for cores, seconds in times.items():
                    torch.set_num_threads(cores)
                    started = time.perf_counter()
                    network(x).sum().backward()
                    if number:  # the first step also allocates memory
                        seconds.append(time.perf_counter() - started)
    except (AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError):
        return 0  # the training meets a failure of the network again, and names its plugin
    finally:
        torch.set_num_threads(most)
    return min(times, key=lambda cores: sum(times[cores]))
