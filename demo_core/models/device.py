"""Choice of device, exact arithmetic on CUDA, and detection of memory errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from demo_core.errors import UsageProblem

#: Texts in RuntimeErrors of torch's CPU allocator, CUDA, cuBLAS and cuDNN when memory runs out
_OUT_OF_MEMORY = ("DefaultCPUAllocator", "CUDA error: out of memory", "STATUS_ALLOC_FAILED", "HOST_ALLOCATION_FAILED")

# MKL chooses its code for a function in the first call. If two threads make it at once, results can differ in rounding
# (benchmarks/repeatable.py), so one thread makes it here.
for _function in (torch.exp, torch.log, torch.log1p, torch.sqrt, torch.tanh, torch.erf, torch.sin, torch.cos):
    for _dtype in (torch.float32, torch.float64):
        _function(torch.ones(1, dtype=_dtype))


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``cuda:n``.

    Parameters
    ----------
    name
        ``auto``, ``cpu``, ``cuda`` or ``cuda:n``.

    Returns
    -------
    torch.device
        The device. ``auto`` is a GPU if there is one.

    Raises
    ------
    UsageProblem
        If the device does not exist here.

    Examples
    --------
    >>> from demo_core.models import choose_device
    >>> choose_device("cpu")
    device(type='cpu')
    """
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
    """Use full float32 precision on CUDA, so that values do not depend on batch size or device beyond 1e-5.

    PyTorch allows TF32 for convolutions, which has 10 bits of mantissa. ``without_cudnn`` disables cuDNN, which refuses
    the backward pass of recurrent networks in eval mode.

    Parameters
    ----------
    device
        The device of the computation.
    without_cudnn
        Whether to disable cuDNN, for gradients of recurrent networks in eval mode.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models import exact_arithmetic
    >>> with exact_arithmetic(torch.device("cpu")):
    ...     float(torch.ones(2) @ torch.ones(2))
    2.0
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
    """Return whether an exception means that memory ran out. On the CPU and in cuBLAS, torch raises a plain
    RuntimeError.

    Parameters
    ----------
    error
        Any exception.

    Returns
    -------
    bool
        Whether it means that memory ran out.

    Examples
    --------
    >>> from demo_core.models import out_of_memory
    >>> out_of_memory(MemoryError()), out_of_memory(ValueError("shape"))
    (True, False)
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def device_name(device: torch.device) -> str:
    """Return the name of a device for records, with the name of the GPU."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
