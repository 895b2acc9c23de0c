"""Read a weights file: check shapes first, and refuse non-finite values."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from demo_core.errors import DemoError, one_line, printable

#: Bytes that a network may use beyond four times its weights file: buffers that are not stored, and initial values.
_SLACK = 1 << 30
_FACTORIES = frozenset({"empty", "empty_strided", "zeros", "ones", "full", "rand", "randn"})


class _Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuse new tensors once more than a number of bytes have been allocated."""

    def __init__(self, most: int, path: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.left, self.most, self.path = most, most, path

    _should_skip_dynamo = classmethod(lambda cls: False)  # or torch imports its compiler, which takes a second

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket.__name__.removeprefix("new_") in _FACTORIES:
            self.left -= 4 * math.prod(next((size for size in args[:2] if isinstance(size, list | tuple)), (0,)))
        if self.left < 0:
            raise DemoError(
                f"{self.path.parent}: the description asks for a network of more than {self.most:,} bytes, "
                f"but the weights file has {self.path.stat().st_size:,}; restore the original model folder"
            )
        return func(*args, **(kwargs or {}))


def allocating_at_most(path: Path) -> AbstractContextManager[Any]:
    """In this context, refuse tensors larger than the network of a weights file can have. Raises DemoError."""
    return _Allocations(4 * path.stat().st_size + _SLACK, path)


def check_shapes(path: Path, there: Mapping[str, Sequence[int]], wanted: Mapping[str, Tensor]) -> None:
    """Raise DemoError unless names and shapes of a file's weights equal those of the network."""
    wrong = [f"{k} is missing" for k in wanted if k not in there]
    wrong += [f"{printable(k, 60)} is not part of the network" for k in there if k not in wanted]
    wrong += [
        f"{k} has shape {list(there[k])}, not {list(v.shape)}"
        for k, v in wanted.items()
        if k in there and list(there[k]) != list(v.shape)
    ]
    if wrong:
        more = f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else ""
        raise DemoError(f"{path} does not fit its architecture: {'; '.join(wrong[:5])}{more}")


def load_weights(module: nn.Module, path: Path) -> None:
    """Load the weights of a file into a network, in their precision. Raises DemoError."""
    try:
        weights = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise DemoError(f"{path} cannot be read: {one_line(error)}") from None
    check_shapes(path, {k: v.shape for k, v in weights.items()}, module.state_dict())
    check_finite(weights, printable(path), {name for name, _ in module.named_parameters()})
    floating = {w.dtype for w in weights.values() if w.is_floating_point()}
    if len(floating) == 1:  # a network saved in another precision is restored in that precision
        module.to(floating.pop())
    module.load_state_dict(weights)


def check_finite(weights: Mapping[str, Tensor], shown: str, parameters: Container[str]) -> None:
    """Raise DemoError on NaN weights, or infinite parameters. A buffer may be infinite, such as a mask."""
    for name, tensor in weights.items():
        if not tensor.is_floating_point():
            continue
        bad = torch.isnan(tensor) if name not in parameters else ~torch.isfinite(tensor)
        if n := int(bad.sum()):
            raise DemoError(
                f"{shown}: {n} of {tensor.numel()} values of {printable(name, 60)} are not finite; retrain with a "
                "lower --learning-rate, or copy the file again"
            )
