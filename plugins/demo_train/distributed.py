"""Distributed training: one process, or those started by ``torchrun``. Imports nothing heavy until they join."""

from __future__ import annotations

import gc
import importlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo_core.errors import DemoError, UsageProblem

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def several() -> bool:
    """Return whether torchrun started this process with others; a scheduler may set some of these variables itself."""
    known = all(os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))
    return known and os.environ["WORLD_SIZE"] != "1"


def first() -> bool:
    """Return whether this process writes: the only one, or the first of several."""
    return not several() or os.environ["RANK"] == "0"


@dataclass
class Ranks:
    """Communication between processes. With one process, each method does nothing."""

    rank: int = 0
    size: int = 1
    #: Set by a signal in this process; ``agree_to_stop`` shares it with all
    stopping: bool = False

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module whose backward pass averages gradients over all processes."""
        if self.size == 1:
            return module
        from torch import nn

        device = next(module.parameters()).device
        return nn.parallel.DistributedDataParallel(module, device_ids=[device] if device.type == "cuda" else None)

    def total(self, value: Tensor) -> Tensor:
        """Sum over processes, for all of them."""
        if self.size == 1:
            return value
        from torch import distributed

        summed = value.clone()
        distributed.all_reduce(summed)
        return summed

    def agree_to_stop(self, weight: Tensor) -> Tensor:
        """Sum a number over processes; raise KeyboardInterrupt in all of them if one was told to stop.

        Both use one message, so stopping together needs no message of its own.
        """
        if self.size == 1:
            return weight
        import torch

        both = self.total(torch.stack([weight, weight.new_tensor(float(self.stopping))]))
        if both[1] > 0:
            raise KeyboardInterrupt
        return both[0]

    def from_first(self, values: list[float], device: torch.device) -> list[float]:
        """Return numbers of the first process in all processes."""
        if self.size == 1:
            return values
        import torch
        from torch import distributed

        sent = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.broadcast(sent, 0)
        return [float(v) for v in sent]

    def gathered(self, state: Tensor, device: torch.device) -> list[Tensor]:
        """Return a tensor of each process, in the order of ranks."""
        if self.size == 1:
            return [state]
        import torch
        from torch import distributed

        mine = state.to(device)
        found = [torch.empty_like(mine) for _ in range(self.size)]
        distributed.all_gather(found, mine)
        return [f.cpu() for f in found]


ALONE = Ranks()


def device_of_rank(name: str) -> str:
    """Under torchrun, make ``auto`` and ``cuda`` mean each process's own GPU. Raises UsageProblem if one is named."""
    if not several():
        return name
    if name.startswith("cuda:"):
        raise UsageProblem(f"under torchrun, --device {name} would put every process on one GPU; omit it")
    import torch

    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if name != "cpu" and torch.cuda.is_available() else name


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join all processes that torchrun started for a training; one process without torchrun.

    SIGINT and SIGTERM then wait for the end of a step, so that all processes stop together. Release wrapped modules
    before the end: the threads of the group end only with the last reference to it.
    """
    if not several():
        yield Ranks()
        return
    import torch
    from torch import distributed

    if device.type == "cuda":
        torch.cuda.set_device(device)
    # DistributedDataParallel imports this module, whose default arguments keep the group of that moment forever. Its
    # threads then outlive the interpreter, and sometimes abort the process when they release a tensor. Imported before
    # a group exists, it keeps none.
    importlib.import_module("torch.distributed.nn.functional")
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    ranks = Ranks(distributed.get_rank(), distributed.get_world_size())

    def stop(number: int, frame: object) -> None:
        ranks.stopping = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ranks
    except RuntimeError as error:
        if "onnection" in str(error):  # gloo has no error of its own for a process that has ended
            raise DemoError("another process of this training failed; see its message") from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        gc.collect()  # a wrapped network is in reference cycles, and holds the group
        distributed.destroy_process_group()
