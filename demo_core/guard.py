"""What a plugin may not change for those that run after it: the model, and torch's own settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from demo_core.model import Model

_SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "torch's default type": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's precision of matrix products": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "whether cuDNN is enabled": (
        lambda: torch.backends.cudnn.enabled,
        lambda value: setattr(torch.backends.cudnn, "enabled", value),
    ),
    "whether deterministic algorithms are asked for": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
}


class Guard:
    """The state of a model and of torch, to be compared with and put back.

    Weights are compared bit by bit with a copy, so memory holds them twice.
    """

    def __init__(self, model: Model) -> None:
        self._module = model.module
        self._attributes = {name: _attributes(m) for name, m in model.module.named_modules()}
        self._modules = dict(model.module.named_modules())
        self._parameters = {
            name: (p, p.requires_grad, dict(p._backward_hooks or {})) for name, p in model.module.named_parameters()
        }
        self._tensors = _tensors(model.module)
        self._copies = {name: t.detach().clone() for name, t in self._tensors.items()}
        self._settings = {name: read() for name, (read, _) in _SETTINGS.items()}

    def changes(self) -> list[str]:
        """What is not as it was, in words; mode, hooks and types before weights."""
        found = [name for name, (read, _) in _SETTINGS.items() if read() != self._settings[name]]
        if dict(self._module.named_modules()) != self._modules:
            found.append("which modules the network has")
        for name, module in self._modules.items():
            now, before = _attributes(module), self._attributes[name]
            if module.training != before["training"]:
                found.append("the training mode of a module")
            elif changed := [k for k in {**before, **now} if _identity(now.get(k)) != _identity(before.get(k))]:
                key = changed[0]
                found.append("hooks: it left one" if key.endswith("hooks") else f"'{key}' of a module")
        for p, requires_grad, hooks in self._parameters.values():
            if p.requires_grad != requires_grad:
                found.append("requires_grad of a parameter")
            if dict(p._backward_hooks or {}) != hooks:
                found.append("hooks of a parameter: it left one")
        now_there = _tensors(self._module)
        for name, copy in self._copies.items():
            tensor = now_there.get(name)
            if tensor is None or tensor.dtype != copy.dtype or tensor.device != copy.device:
                found.append("the type or the device of the weights")
            elif not _same_bits(tensor, copy):
                found.append("the weights")
        return list(dict.fromkeys(found))

    def restore(self) -> None:
        """Put all of it back."""
        for name, (_, write) in _SETTINGS.items():
            write(self._settings[name])
        for name, module in self._modules.items():
            before = self._attributes[name]
            for key in [k for k in _attributes(module) if k not in before]:
                del module.__dict__[key]
            for key, value in before.items():
                there = module.__dict__.get(key)
                if isinstance(value, dict) and isinstance(there, dict):
                    there.clear()
                    there.update(value)
                else:
                    module.__dict__[key] = value
        for p, requires_grad, hooks in self._parameters.values():
            p.requires_grad_(requires_grad)
            if p._backward_hooks is not None:
                p._backward_hooks.clear()
                p._backward_hooks.update(hooks)
        with torch.no_grad():
            for name, tensor in self._tensors.items():
                self._put_back(name, tensor, self._copies[name].clone())

    def _put_back(self, name: str, tensor: Tensor, copy: Tensor) -> None:
        if tensor.device == copy.device:
            tensor.data = copy
            return
        path, _, key = name.rpartition(".")  # data cannot be set across devices: another tensor takes the place
        module = self._module.get_submodule(path)
        setattr(module, key, nn.Parameter(copy, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copy)


@contextmanager
def guarded(model: Model) -> Iterator[Guard]:
    """Put the model and torch's settings back, whatever ends the block."""
    guard = Guard(model)
    try:
        yield guard
    finally:
        if guard.changes():
            guard.restore()


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Mode, hooks, and what stands in the place of methods; not what a network notes down for itself."""
    found: dict[str, Any] = {"training": module.training}
    for key, value in vars(module).items():
        if isinstance(value, dict) and (key.endswith("hooks") or key in ("_modules", "_parameters")):
            found[key] = dict(value)
        elif callable(value) and not isinstance(value, nn.Module) and callable(getattr(type(module), key, None)):
            found[key] = value
    return found


def _identity(value: Any) -> Any:
    """What tells one attribute from another: tensors would be compared number by number."""
    return {k: id(v) for k, v in value.items()} if isinstance(value, dict) else id(value)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {name: t for name, t in module.state_dict(keep_vars=True).items() if isinstance(t, Tensor)}


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    pair = [t.detach().contiguous().reshape(-1).view(torch.uint8) for t in (one, other)]
    return torch.equal(*pair)  # NaN is equal to itself here
