"""Adapter from a network outside DeMo to the contract: one-hot (B, A, L) to outputs (B, T)."""

from __future__ import annotations

import hashlib
import importlib
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from demo_adapter.attention import recorded_attention
from demo_core import DemoError, MisfitError, Network, UsageProblem
from demo_core.errors import one_line, printable
from demo_core.models import check_code_allowed, out_of_memory

if TYPE_CHECKING:
    from demo_adapter.options import AdapterOptions

_log = logging.getLogger(__name__)

_OURS = "ACGT"
_REDUCTIONS: dict[str, Callable[..., Tensor]] = {"mean": torch.mean, "sum": torch.sum, "logsumexp": torch.logsumexp}


class Adapted(nn.Module, Network):
    """Rearrange inputs and outputs of a network; gradients pass through.

    The rearrangement is fixed, so values are those of the original network.

    Raises
    ------
    UsageProblem
        If code has not been allowed, the class cannot be found or constructed, or its outputs do not match the options.
    """

    def __init__(self, options: AdapterOptions, *, letters: int, length: int, n_targets: int) -> None:
        super().__init__()
        check_code_allowed(f"{options.network} called with {options.arguments}")
        self.options = options
        self.n_targets = n_targets
        self.extra = [options.extra(text) for text in options.extra_input]
        make = _found(options)
        self.class_digest = _source_digest(make)
        if options.class_digest not in ("", self.class_digest):
            _log.warning("%s has changed since this model was made", options.network)
        self.network = _made(make, options, {"letters": letters, "length": length, "targets": n_targets})
        for name in options.without:
            _leave_out(self.network, name)
        self.provides = _offers(self.network, options)
        self.min_length = options.shortest or length
        if options.first_layer and not isinstance(self.first_layer, nn.Conv1d | nn.Conv2d):
            raise UsageProblem(
                f"--first-layer {options.first_layer}: a {type(self.first_layer).__name__} is not a convolution"
            )
        if options.shortest is not None and options.shortest > length:
            raise UsageProblem(f"--shortest {options.shortest} is more than the {length} bases of its sequences")

    @property
    def first_layer(self) -> nn.Module:
        """Convolution that reads the sequence."""
        return _submodule(self.network, self.options.first_layer)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs (B, T) of one-hot (B, A, L)."""
        outputs = self.reduced(self.answer(x), len(x))
        if self.options.column:
            last = max(self.options.column)
            if last >= outputs.shape[1]:
                raise UsageProblem(f"--column {last}: the network has outputs 0 to {outputs.shape[1] - 1}")
            outputs = outputs[:, list(self.options.column)]
        if outputs.shape[1] != self.n_targets:
            raise UsageProblem(
                f"the network has {outputs.shape[1]} outputs, but {self.n_targets} targets are named; use --target"
            )
        if self.options.logit:
            tiny = torch.finfo(outputs.dtype).eps
            return torch.logit(outputs, eps=tiny)
        return outputs

    def attention_maps(self, x: Tensor) -> Tensor:
        """Return attention (B, layers, heads, P, P): of the network's own method, or of its nn.MultiheadAttention."""
        own = getattr(self.network, "attention_maps", None)
        if not callable(own):
            return recorded_attention(self.network, lambda: self.answer(x))
        try:
            return cast("Tensor", own(self.fed(x)))
        except Exception as error:
            if isinstance(error, DemoError) or out_of_memory(error):
                raise
            said = f"attention_maps of network {self.options.network} fails: {one_line(error)}"
            raise MisfitError(said) from error

    @property
    def attention_positions(self) -> Callable[[int], Any] | None:
        """Function from a length to the bounds (P, 2) of the bases of each position; None if positions are bases."""
        own, inner = getattr(self.network, "attention_positions", None), self.options.network_length
        if inner is None:
            return own if callable(own) else None

        def bounds(length: int) -> Tensor:
            found = own(inner) if callable(own) else [[place, place + 1] for place in range(inner)]
            gap = inner - length  # as in _fitted: added around the sequence, or cut off
            return (torch.as_tensor(found) - (gap // 2 if gap >= 0 else -(-gap // 2))).clamp(0, length)

        return bounds

    def fed(self, x: Tensor) -> Tensor:
        """Convert one-hot (B, A, L) to the input of the network."""
        if self.options.network_length is not None:
            x = _fitted(x, self.options.network_length)
        if self.options.bases != _OURS:
            unknown = 1 - x.sum(dim=1, keepdim=True).detach()
            rows = [unknown if base == "N" else x[:, _OURS.index(base)].unsqueeze(1) for base in self.options.bases]
            x = torch.cat(rows, dim=1)
        axes = [a for a in self.options.layout if a != "1"]
        x = x.permute(*("BAL".index(a) for a in axes))
        for place, axis in enumerate(self.options.layout):
            if axis == "1":
                x = x.unsqueeze(place)
        return x.clone()  # a network may modify its input

    def answer(self, x: Tensor) -> Any:
        """Return the chosen part of the network's outputs."""
        fed = self.fed(x)
        sizes = {"L": self.options.network_length or x.shape[2]}
        extra = {
            name: torch.full(
                (len(x), *(sizes.get(s) or int(s) for s in shape)),
                value,
                dtype=torch.int64 if isinstance(value, int) else x.dtype,
                device=x.device,
            )
            for name, shape, value in self.extra
        }
        try:
            found = self.network(fed, **extra)
        except DemoError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            said = f"fails on {tuple(fed.shape)}: {one_line(error)}"
            if "indices" in str(error) and "Long" in str(error):
                said = (
                    "expects integer tokens but gets one-hot floats; wrap it in a class whose forward takes one-hot "
                    "(B, 4, L) and multiplies it by the embedding matrix"
                )
            raise MisfitError(f"network {self.options.network} {said}") from error
        for step in filter(None, self.options.take.split(".")):
            found = _part(found, step)
        if not isinstance(found, Tensor):
            raise UsageProblem(f"the network returns a {_told(found)}; choose a part with --take")
        return found

    def reduced(self, found: Tensor, n: int) -> Tensor:
        """Convert the chosen part of the outputs for n sequences to (B, T)."""
        how = self.options.reduce
        if how == "none":
            shape = list(found.shape)
            while found.ndim > 2 and found.shape[-1] == 1:
                found = found.squeeze(-1)
            if found.ndim < 2 and found.numel() == n:  # also if squeeze() has removed the axis of a single sequence
                return found.reshape(n, 1)
            if found.ndim != 2:
                raise UsageProblem(f"the network returns shape {shape}, not (B, T); choose --reduce or --take")
            return found
        if found.ndim == 2:
            found = found.unsqueeze(2 if self.options.channels == "last" else 1)
        if found.ndim != 3:
            raise UsageProblem(f"--reduce {how} applies to outputs (B, T, L), but these have shape {list(found.shape)}")
        if self.options.channels == "last":
            found = found.transpose(1, 2)
        if how in ("profile", "profile-detached"):
            flat = found.flatten(1)
            flat = flat - flat.mean(dim=1, keepdim=True)
            weights = flat.softmax(dim=1)
            return (flat * (weights if how == "profile" else weights.detach())).sum(dim=1, keepdim=True)
        if how == "max":
            return found.amax(dim=2)
        return _REDUCTIONS[how](found, dim=2)


def _found(options: AdapterOptions) -> Any:
    """Import the class or function."""
    module, _, name = options.network.partition(":")
    try:
        make = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        where = "" if module != getattr(error, "name", None) else ": install it, or put its folder on PYTHONPATH"
        raise UsageProblem(f"network {options.network} cannot be imported ({one_line(error)}){where}") from error
    if not _makes_networks(make):
        raise UsageProblem(f"{options.network} is neither a torch.nn.Module class nor a function that returns a module")
    return make


def _made(make: Any, options: AdapterOptions, known: Mapping[str, int]) -> nn.Module:
    try:
        network = make(**{k: _filled(v, known) for k, v in options.call().items()})
    except (Exception, SystemExit) as error:
        said = f"cannot be made with {options.arguments}: {one_line(error)}"
        raise UsageProblem(f"network {options.network} {said}") from error
    if not isinstance(network, nn.Module):
        raise UsageProblem(f"{options.network} makes a {type(network).__name__}, not a torch.nn.Module")
    return network


def _makes_networks(make: object) -> bool:
    """Return whether a folder may call it, with the arguments that it names: only networks may be reached."""
    if isinstance(make, type):
        return issubclass(make, nn.Module)
    return isinstance(make, FunctionType) and make.__module__.partition(".")[0] not in sys.stdlib_module_names


def _source_digest(make: Any) -> str:
    """SHA-256 of the file that defines a class or function; '' if it has none."""
    path = getattr(sys.modules.get(make.__module__), "__file__", None)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path and Path(path).is_file() else ""


def _filled(value: Any, known: Mapping[str, int]) -> Any:
    """Replace placeholders such as "$length" by the values of the data."""
    if isinstance(value, str) and value.startswith("$") and value[1:] in known:
        return known[value[1:]]
    return value


def _submodule(network: nn.Module, name: str) -> nn.Module:
    try:
        return network.get_submodule(name)
    except AttributeError:
        names = [n for n, _ in network.named_modules() if n]
        listed = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
        raise UsageProblem(f"the network has no module '{printable(name, 60)}'; it has {listed}") from None


def _leave_out(network: nn.Module, name: str) -> None:
    _submodule(network, name)
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, nn.Identity())


def _offers(network: nn.Module, options: AdapterOptions) -> frozenset[str]:
    found = {*options.offers} | ({"gradients"} if options.gradients else set())
    if options.shortest is not None:
        found.add("variable-length")
    if options.first_layer:
        found.add("conv-filters")
    if any(isinstance(m, nn.RNNBase) for m in network.modules()):
        found.add("recurrent")
    layers = any(isinstance(m, nn.MultiheadAttention) for m in network.modules())
    if layers or callable(getattr(network, "attention_maps", None)):
        found.add("attention")
    return frozenset(found)


def _part(found: Any, step: str) -> Any:
    if isinstance(found, Tensor):
        raise UsageProblem(f"--take: a tensor has no entry '{printable(step, 40)}'; omit it, or use --column")
    try:
        if isinstance(found, Mapping):
            return found[step] if step in found else found[int(step)]
        return found[int(step)] if step.isdecimal() else getattr(found, step)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        raise UsageProblem(f"--take: no entry '{printable(step, 40)}' in a {_told(found)}") from None


def _told(answer: Any) -> str:
    kind = type(answer).__name__
    if isinstance(answer, Mapping):
        return f"{kind} of {', '.join(printable(key, 40) for key in answer)}"
    return f"{kind} of {len(answer)}" if isinstance(answer, tuple | list) else kind


def _fitted(x: Tensor, length: int) -> Tensor:
    """Pad with unknown bases or crop around the centre, as ``demo data import --length`` does."""
    gap = length - x.shape[2]
    if gap >= 0:
        return nn.functional.pad(x, (gap // 2, gap - gap // 2))
    start = -gap // 2
    return x[:, :, start : start + length]
