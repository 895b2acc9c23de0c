"""The file of a model's weights: read with its sizes known, and refused where it holds no numbers."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from demo_core.errors import DemoError, one_line, printable


def shapes_in(path: Path) -> dict[str, list[int]]:
    """The shapes of the weights in a file, by name; none of them is read. Raises DemoError."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise DemoError(f"{printable(path)} cannot be read: {one_line(error)}") from None


def check_shapes(path: Path, there: Mapping[str, Sequence[int]], wanted: Mapping[str, Tensor]) -> None:
    """Raise DemoError unless a file has just the weights that a network wants, in name and shape."""
    wrong = [f"{k} is missing" for k in wanted if k not in there]
    wrong += [f"{printable(k, 60)} is not part of the network" for k in there if k not in wanted]
    wrong += [
        f"{k} has shape {list(there[k])}, not {list(v.shape)}"
        for k, v in wanted.items()
        if k in there and list(there[k]) != list(v.shape)
    ]
    if wrong:
        more = f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else ""
        raise DemoError(f"{printable(path)} does not fit its architecture: {'; '.join(wrong[:5])}{more}")


def load_weights(module: nn.Module, path: Path) -> None:
    """Put the weights of a file into a network, in the precision they have. Raises DemoError."""
    try:
        weights = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise DemoError(f"{printable(path)} cannot be read: {one_line(error)}") from None
    check_shapes(path, {k: v.shape for k, v in weights.items()}, module.state_dict())
    check_finite(weights, printable(path), {name for name, _ in module.named_parameters()})
    floating = {w.dtype for w in weights.values() if w.is_floating_point()}
    if len(floating) == 1:  # a network kept in another precision comes back in it
        module.to(floating.pop())
    module.load_state_dict(weights)


def check_finite(weights: Mapping[str, Tensor], shown: str, parameters: Container[str]) -> None:
    """Raise DemoError on weights that are NaN, or infinite parameters; a buffer may hold infinities, as a mask does."""
    for name, tensor in weights.items():
        if not tensor.is_floating_point():
            continue
        bad = torch.isnan(tensor) if name not in parameters else ~torch.isfinite(tensor)
        if n := int(bad.sum()):
            raise DemoError(
                f"{shown}: {n} of {tensor.numel()} values of {printable(name, 60)} are not finite numbers, so every "
                "output would be none: train the model again with a lower --learning-rate, or get another copy"
            )
