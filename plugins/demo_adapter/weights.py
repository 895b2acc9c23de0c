"""Load weights from a file of another program into a network, by name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from demo_adapter.formats import inflated, other_format
from demo_core import DemoError, MisfitError, UsageProblem
from demo_core.errors import one_line, printable
from demo_core.storage import check_regular

#: Names under which training frameworks store a state dict in a checkpoint.
_USUAL = ("state_dict", "model_state_dict", "model", "net", "weights")
_LISTED = 12


def read_weights(path: Path, key: str | None) -> tuple[dict[str, Tensor], list[str]]:
    """Return tensors by name, and remarks on how they were found.

    Reads safetensors, or files of ``torch.save`` with ``weights_only=True``: no code in the file is run. ``key`` names
    the entry of a checkpoint that holds the weights. Raises DemoError.
    """
    shown = printable(path)
    if other := other_format(path):
        raise DemoError(f"{shown}: this is {other}")
    check_regular(path)
    if inflated(path):
        raise DemoError(f"{shown} holds compressed records far larger than itself; save the weights with torch.save")
    if path.suffix == ".safetensors":
        import safetensors.torch

        try:
            found: Any = safetensors.torch.load_file(path)
        except (OSError, safetensors.SafetensorError) as error:
            raise DemoError(f"{shown} is not a readable safetensors file: {one_line(error)}") from None
    else:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns about formats; the error below is sufficient
                found = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001 - of many types, and all mean the same here
            raise DemoError(
                f"{shown} is not a weights file, is damaged, or holds more than weights: where it "
                f"was made, write torch.save(model.state_dict(), ...) or safetensors ({type(error).__name__})"
            ) from None
    return _state_dict(found, shown, key)


def _state_dict(found: Any, shown: str, key: str | None) -> tuple[dict[str, Tensor], list[str]]:
    notes = []
    if key is not None:
        if not isinstance(found, Mapping) or key not in found:
            there = ", ".join(printable(k, 40) for k in list(found)[:_LISTED]) if isinstance(found, Mapping) else ""
            raise UsageProblem(f"{shown} has no entry '{printable(key, 40)}'; entries are {there or 'none'}")
        found = found[key]
    elif isinstance(found, Mapping) and (
        any(isinstance(found.get(k), Mapping) for k in _USUAL) or not any(isinstance(v, Tensor) for v in found.values())
    ):
        inner = [k for k in _USUAL if isinstance(found.get(k), Mapping)]
        if len(inner) != 1:
            there = ", ".join(printable(k, 40) for k in list(found)[:_LISTED])
            raise UsageProblem(
                f"{shown} holds no weights at the top level; choose an entry with --key: {there or 'none'}"
            )
        notes.append(f"weights are read from its entry '{inner[0]}'")
        found = found[inner[0]]
    if not isinstance(found, Mapping):
        raise DemoError(f"{shown} holds a {type(found).__name__}, not a state dict")
    weights = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
    if not weights:
        raise DemoError(f"{shown} contains no tensor")
    odd = [k for k, v in weights.items() if v.layout != torch.strided or v.is_complex() or v.is_quantized]
    if odd:
        raise MisfitError(f"{shown}: {printable(odd[0], 60)} is sparse, complex or quantized, which is not supported")
    return weights, notes


def renamed(weights: Mapping[str, Tensor], rules: Sequence[str]) -> dict[str, Tensor]:
    """Rename weights by rules OLD=NEW: a regular expression, replaced at each match. Raises UsageProblem."""
    found = dict(weights)
    for rule in rules:
        old, equals, new = rule.partition("=")
        if not equals or not old:
            raise UsageProblem(f"--rename must look like OLD=NEW, not '{printable(rule, 60)}'")
        try:
            named = [(re.sub(old, new, name), tensor) for name, tensor in found.items()]
        except (re.error, IndexError) as error:
            raise UsageProblem(f"--rename '{printable(rule, 60)}': {one_line(error)}") from None
        if all(name in found for name, _ in named):
            raise UsageProblem(
                f"--rename '{printable(rule, 60)}' changes no name, such as {printable(next(iter(found)))}"
            )
        if len(dict(named)) < len(named):
            raise UsageProblem(f"--rename '{printable(rule, 60)}' gives two weights the same name")
        found = dict(named)
    return found


def dropped(weights: Mapping[str, Tensor], patterns: Sequence[str]) -> dict[str, Tensor]:
    """Drop entries that match a regular expression. Raises UsageProblem if one matches nothing."""
    kept = dict(weights)
    for pattern in patterns:
        try:
            matching = [name for name in kept if re.search(pattern, name)]
        except re.error as error:
            raise UsageProblem(f"--drop '{printable(pattern, 60)}': {one_line(error)}") from None
        if not matching:
            few = ", ".join(printable(name, 60) for name in list(kept)[:_LISTED])
            raise UsageProblem(f"--drop '{printable(pattern, 60)}' matches no entry; entries include {few}")
        for name in matching:
            del kept[name]
    if not kept:
        raise UsageProblem("--drop: no entry remains; use narrower patterns")
    return kept


def put(weights: Mapping[str, Tensor], network: nn.Module, *, ignore: Sequence[str], of: str) -> list[str]:
    """Load all weights into a network; return remarks.

    Parameters
    ----------
    ignore
        Modules that were removed from the network: their weights may be present.
    of
        Name of the network in messages.

    Raises MisfitError, listing missing weights, unexpected weights and differing shapes.
    """
    notes = []
    wanted = network.state_dict()
    if lazy := [k for k, v in wanted.items() if nn.parameter.is_lazy(v)]:
        raise MisfitError(f"{printable(lazy[0], 60)} of {of} is a lazy layer without a shape; give the layer its size")
    given = dict(weights)
    prefix = "module."
    if all(k.startswith(prefix) for k in given) and not any(k.startswith(prefix) for k in wanted):
        given = {k.removeprefix(prefix): v for k, v in given.items()}
        notes.append("'module.' is removed from the names; training on several GPUs adds it")
    for name in [k for k in given if any(k == i or k.startswith(f"{i}.") for i in ignore)]:
        del given[name]
    for name, tensor in wanted.items():  # older versions of torch did not write it
        if name.endswith("num_batches_tracked") and name not in given:
            given[name] = tensor
    problems = [
        _listed("missing", [k for k in wanted if k not in given]),
        _listed("no part of the network", [k for k in given if k not in wanted]),
        _listed("of another shape", [
            f"{k} {list(given[k].shape)} not {list(v.shape)}"
            for k, v in wanted.items() if k in given and given[k].shape != v.shape
        ]),
        _listed("of another type", [
            f"{k} {given[k].dtype} not {v.dtype}" for k, v in wanted.items()
            if k in given and given[k].is_floating_point() != v.is_floating_point()
        ]),
    ]  # fmt: skip
    if any(problems):
        raise MisfitError(
            f"the weights do not fit {of}: {'; '.join(filter(None, problems))} "
            "(rename entries with --rename OLD=NEW, drop them with --drop REGEX, or change the network with --option)"
        )
    if any(v.dtype in (torch.float16, torch.bfloat16) for v in given.values()):
        notes.append("weights in half precision are converted to single precision")
        given = {k: v.float() if v.dtype in (torch.float16, torch.bfloat16) else v for k, v in given.items()}
    wide = {v.dtype for v in given.values() if v.is_floating_point()}
    if wide == {torch.float64}:
        network.double()
    elif torch.float64 in wide:
        notes.append("weights in double precision among single precision are converted to single precision")
    network.load_state_dict(given)
    return notes


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{what}: {', '.join(printable(n, 80) for n in names[:_LISTED])}{more}"
