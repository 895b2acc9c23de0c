"""Where to compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from demo_core.errors import UsageProblem

#: Texts in RuntimeErrors of torch's CPU allocator, CUDA, cuBLAS and cuDNN when memory runs out
_OUT_OF_MEMORY = ("DefaultCPUAllocator", "CUDA error: out of memory", "STATUS_ALLOC_FAILED", "HOST_ALLOCATION_FAILED")


def choose_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:n`` means here. Raises UsageProblem."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise UsageProblem(f"unknown device '{name}'; use auto, cpu, cuda or cuda:n")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageProblem(f"{name} does not exist; this machine has {torch.cuda.device_count()} CUDA devices; use cpu")
    return device


@contextmanager
def exact_arithmetic(device: torch.device, *, without_cudnn: bool = False) -> Iterator[None]:
    """On CUDA, full float32 precision, so that values do not depend on batch size or device beyond 1e-5.

    TF32, which PyTorch allows for convolutions, keeps 10 bits of mantissa. cuDNN is switched off for the
    gradients of recurrent networks, ``without_cudnn``: it refuses their backward pass in eval mode.
    """
    if device.type != "cuda":
        yield
        return
    cudnn = torch.backends.cudnn
    on = cudnn.enabled and not without_cudnn
    matmul = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with cudnn.flags(enabled=on, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matmul


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out; on the CPU and in cuBLAS torch raises a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def device_name(device: torch.device) -> str:
    """A device as records name it, with the name of the GPU."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
