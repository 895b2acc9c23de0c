"""Detect and undo changes by a plugin of the model and of torch's settings."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from demo_core.models.model import Model

_SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's float32 matmul precision": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "torch.backends.cudnn.enabled": (
        lambda: torch.backends.cudnn.enabled,
        lambda value: setattr(torch.backends.cudnn, "enabled", value),
    ),
    "torch's default device": (
        torch.get_default_device,
        lambda device: torch.set_default_device(None if device.type == "cpu" else device),
    ),
    "torch's deterministic-algorithms setting": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
}


class Guard:
    """State of a model and of torch, for comparing and restoring.

    Weights are compared bit by bit with a copy, so memory holds them twice.
    """

    def __init__(self, model: Model) -> None:
        self._module = model.module
        self._attributes = {name: _attributes(m) for name, m in model.module.named_modules()}
        self._modules = dict(model.module.named_modules())
        self._parameters = {
            name: (p, p.requires_grad, dict(p._backward_hooks or {})) for name, p in model.module.named_parameters()
        }
        self._classes = {name: type(m) for name, m in model.module.named_modules()}
        #: Members of classes and of torch's modules: methods and functions can be replaced there, too
        self._shared = {holder: dict(vars(holder)) for holder in _holders(self._classes.values())}
        self._hooks = {name: dict(hooks) for name, hooks in _global_hooks().items()}
        #: Buffers and settings of modules that the network itself changes when it runs
        self._own: set[str] = set()
        self._own_settings: set[tuple[str, str]] = set()
        self._tensors = _tensors(model.module)
        self._copies = {name: t.detach().clone() for name, t in self._tensors.items()}
        self._settings = {name: read() for name, (read, _) in _SETTINGS.items()}

    def changes(self) -> list[str]:
        """Describe what differs from the saved state; mode, hooks and types before weights."""
        found = [name for name, (read, _) in _SETTINGS.items() if read() != self._settings[name]]
        if any(_identity(dict(h)) != _identity(self._hooks[name]) for name, h in _global_hooks().items()):
            found.append("hooks of all modules")
        if any(type(m) is not self._classes[name] for name, m in self._modules.items()):
            found.append("the class of a module")
        for holder, before in self._shared.items():
            now = vars(holder)
            if len(now) == len(before) and all(map(operator.is_, now.values(), before.values())):
                continue  # much faster than name by name
            members = _members(holder, before).items()
            if changed := [k for k, v in members if _without_dynamo(now.get(k)) is not _without_dynamo(v)]:
                found.append(f"'{changed[0]}' of {holder.__name__}")
        if dict(self._module.named_modules()) != self._modules:
            found.append("the set of modules in the network")
        return list(dict.fromkeys(found + self._changed_modules() + self._changed_tensors()))

    def _changed_modules(self) -> list[str]:
        found = []
        for name, module in self._modules.items():
            now, before = _attributes(module), self._attributes[name]
            if module.training != before["training"]:
                found.append("the training mode of a module")
            elif changed := [k for k in _different(now, before) if (name, k) not in self._own_settings]:
                key = changed[0]
                found.append("the hooks of a module" if key.endswith("hooks") else f"'{key}' of a module")
        for p, requires_grad, hooks in self._parameters.values():
            if p.requires_grad != requires_grad:
                found.append("requires_grad of a parameter")
            if dict(p._backward_hooks or {}) != hooks:
                found.append("the hooks of a parameter")
        return found

    def _changed_tensors(self) -> list[str]:
        found = []
        now_there = _tensors(self._module)
        for name, copy in self._copies.items():
            if name in self._own:
                continue
            tensor = now_there.get(name)
            if tensor is None or tensor.dtype != copy.dtype or tensor.device != copy.device:
                found.append("the dtype or device of the weights")
            elif not _same_bits(tensor, copy):
                found.append("the weights")
        return found

    def note_own_changes(self) -> None:
        """Note, after the core's own forward pass, which buffers and settings the network itself changes."""
        for name, module in self._modules.items():
            now, before = _attributes(module), self._attributes[name]
            self._own_settings |= {
                (name, k) for k in _different(now, before) if k != "training" and _is_plain(now.get(k))
            }
        buffers = dict(self._module.named_buffers())
        for name, tensor in buffers.items():
            if name in self._copies and not _same_bits(tensor, self._copies[name]):
                self._own.add(name)

    def restore(self) -> None:
        """Restore the saved state."""
        for name, (read, write) in _SETTINGS.items():
            if read() != self._settings[name]:
                write(self._settings[name])
        for holder, before in self._shared.items():
            for key, value in _members(holder, before).items():
                if vars(holder).get(key) is not value:
                    setattr(holder, key, value)
        for name, hooks in _global_hooks().items():
            if dict(hooks) != self._hooks[name]:
                hooks.clear()
                hooks.update(self._hooks[name])
        self._restore_modules()
        for p, requires_grad, hooks in self._parameters.values():
            p.requires_grad_(requires_grad)
            if p._backward_hooks is not None:
                p._backward_hooks.clear()
                p._backward_hooks.update(hooks)
        with torch.no_grad():
            for name, tensor in self._tensors.items():
                self._put_back(name, tensor, self._copies[name].clone())

    def _restore_modules(self) -> None:
        for name, module in self._modules.items():
            module.__class__ = self._classes[name]
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
            if isinstance(module, nn.RNNBase):  # which holds its parameters in a list as well
                for key, parameter in before["_parameters"].items():
                    setattr(module, key, parameter)

    def _put_back(self, name: str, tensor: Tensor, copy: Tensor) -> None:
        if tensor.device == copy.device:
            tensor.data = copy
            return
        path, _, key = name.rpartition(".")  # data cannot be set across devices, so replace the tensor
        module = self._module.get_submodule(path)
        setattr(module, key, nn.Parameter(copy, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else copy)


@contextmanager
def guarded(model: Model) -> Iterator[Guard]:
    """Restore the model and torch's settings when the block ends, also on errors."""
    guard = Guard(model)
    try:
        yield guard
    finally:
        if guard.changes() or guard._own or guard._own_settings:
            guard.restore()


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Mode, hooks, plain settings, and replaced methods."""
    found: dict[str, Any] = {"training": module.training}
    for key, value in vars(module).items():
        if isinstance(value, dict) and (key.endswith("hooks") or key in ("_modules", "_parameters")):
            found[key] = dict(value)
        elif _is_plain(value) or (
            callable(value) and not isinstance(value, nn.Module) and callable(getattr(type(module), key, None))
        ):
            found[key] = value
    return found


def _identity(value: Any) -> Any:
    """Identity of an attribute: tensors would be compared number by number."""
    if isinstance(value, dict):
        return {k: id(v) for k, v in value.items()}
    return (type(value), repr(value)) if _is_plain(value) else id(value)


def _different(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    pairs = ((k, now.get(k), before.get(k)) for k in {**before, **now})
    return [k for k, one, other in pairs if one is not other and _identity(one) != _identity(other)]


def _is_plain(value: Any) -> bool:
    """Return whether a value is a number, a text, or a tuple of these: a stride, a rate, a switch."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _holders(classes: Iterable[type]) -> list[Any]:
    """Return the classes of a network with their bases, and torch's modules of functions."""
    every = {base: None for cls in classes for base in cls.__mro__ if base is not object}
    return [*every, nn.functional, torch]


def _without_dynamo(function: Any) -> Any:
    """Return the function behind a wrapper of TorchDynamo, which wraps functions of torch when it is first imported."""
    while getattr(function, "__globals__", {}).get("__name__") == "torch._compile":
        function = function.__wrapped__
    return function


def _members(holder: Any, entries: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in entries.items() if callable(v) and (isinstance(holder, type) or not k.startswith("_"))}


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _global_hooks() -> dict[str, Any]:
    """Return hooks that torch runs for every module, by the name of their dictionary."""
    found = vars(nn.modules.module)
    return {name: found[name] for name in found if name.startswith("_global_") and isinstance(found[name], dict)}


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype or one.device != other.device:
        return False
    pair = [t.detach().contiguous().reshape(-1).view(torch.uint8) for t in (one, other)]
    return torch.equal(*pair)  # NaN equals itself here
