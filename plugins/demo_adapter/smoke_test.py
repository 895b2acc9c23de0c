"""Smoke-test an imported model before it is saved."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from demo_adapter.network import Adapted
from demo_core import DemoError, MisfitError, Model
from demo_core.errors import printable
from demo_core.models import Output

#: Number of random sequences.
RANDOM = 64
_NEARLY_0 = -0.01


def tried(made: Model, again: Model, *, logits: bool) -> tuple[float, float]:
    """Return the range of a model's outputs on random sequences; ``logits`` is whether the user states that they are
    logits.

    ``again`` is the same model, built again from other initial values. Raises MisfitError if its outputs differ, are
    not finite, change between calls or with the batch, or if no gradients reach the input.
    """
    codes = _random(made, made.length)
    with _naming_layouts(made, codes):
        found = made.predict(codes)
    if not np.isfinite(found).all():
        raise MisfitError("the network returns NaN or infinite outputs")
    if not np.allclose(found, made.predict(codes), rtol=1e-3, atol=1e-4):
        raise MisfitError("the network's outputs vary between calls in eval mode; remove dropout that is always on")
    if not np.allclose(made.predict(codes[:4], batch_size=1), found[:4], rtol=1e-3, atol=1e-4):
        raise MisfitError("the network's outputs depend on other sequences of the batch; use eval-mode statistics")
    if not np.allclose(found, again.predict(codes), rtol=1e-3, atol=1e-4):
        raise MisfitError("built again, the network returns other outputs; register all state as parameters or buffers")
    module: Any = made.module
    if isinstance(module, Adapted) and module.options.logit:
        _check_probabilities(made, module, codes)
    elif not logits:
        _check_logits(made, found, codes)
    if "gradients" in made.capabilities:
        _check_gradients(made, codes[:4])
    if "variable-length" in made.capabilities:
        made.predict(_random(made, made.min_length)[:4])
    return float(found.min()), float(found.max())


def with_all_outputs(made: Model) -> Model:
    """Return the model with as many targets as its network has outputs, if none was named."""
    adapted: Any = made.module
    with torch.no_grad(), _naming_layouts(made, _random(made, made.length)):
        n = adapted.reduced(adapted.answer(made.one_hot(_random(made, made.length)[:2])), 2).shape[1]
    adapted.n_targets = len(adapted.options.column) or n
    names = [f"output-{i + 1}" for i in range(adapted.n_targets)] if adapted.n_targets > 1 else ["output"]
    made.outputs = tuple(Output(name) for name in names)
    return made


def _random(made: Model, length: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 4, (RANDOM, length)).astype(np.uint8)


@contextlib.contextmanager
def _naming_layouts(made: Model, codes: NDArray[np.uint8]) -> Iterator[None]:
    """If a network fails on its input, report the layouts with which it runs."""
    try:
        yield
    except MisfitError as error:
        if fitting := _layouts(made, codes[:2]):
            raise MisfitError(f"{error}; it runs with --layout {' or '.join(fitting)}") from None
        raise


def _layouts(made: Model, codes: NDArray[np.uint8]) -> list[str]:
    """Return other input layouts with which a network runs."""
    module: Any = made.module
    if not isinstance(module, Adapted):
        return []
    fitting, asked = [], module.options
    for layout in ("BAL", "BLA", "BA1L", "BAL1", "B1AL", "B1LA"):
        if layout == asked.layout:
            continue
        module.options = replace(asked, layout=layout)
        with contextlib.suppress(DemoError), torch.no_grad():
            module(made.one_hot(codes))
            fitting.append(layout)
    module.options = asked
    return fitting


def _check_logits(made: Model, found: NDArray[np.float32], codes: NDArray[np.uint8]) -> None:
    """Raise MisfitError if an output that should be a logit looks like a probability or its logarithm.

    Logits of random sequences can lie between 0 and 1, or below 0, by chance, but not those of inputs a hundred times
    as large. Logarithms of probabilities then approach 0.
    """
    samples = [found]
    for factor in (10.0, -10.0, 1e4, -1e4):
        with contextlib.suppress(DemoError), torch.no_grad():  # a network may accept only one-hot input
            samples.append(made.module(made.one_hot(codes[:16]) * factor).float().cpu().numpy())
    every = np.concatenate(samples)
    for column, output in enumerate(made.outputs):
        values, low, high = every[:, column], found[:, column].min(), found[:, column].max()
        if output.activation != "sigmoid" or np.isnan(values).all():
            continue
        ranged = f"output '{printable(output.name, 60)}' on {RANDOM} random sequences: {low:.4g} to {high:.4g}"
        ways = "declare a regression (--target NAME:identity:UNIT), or confirm logits (--outputs-are-logits)"
        if np.nanmin(values) >= 0 and np.nanmax(values) <= 1:
            raise MisfitError(
                f"{ranged}, all between 0 and 1, but logits are expected; remove the sigmoid or softmax (--without "
                f"MODULE), convert probabilities (--logit), {ways}"
            )
        if len(samples) > 1 and np.nanmax(values) <= 0 and np.nanmax(values) > _NEARLY_0:
            raise MisfitError(
                f"{ranged}, never above 0, as after a log-softmax or log-sigmoid, but logits are expected; remove that "
                f"layer (--without MODULE), {ways}"
            )


def _check_probabilities(made: Model, module: Adapted, codes: NDArray[np.uint8]) -> None:
    with torch.no_grad():
        raw = module.reduced(module.answer(made.one_hot(codes)), len(codes))
    if raw.min() < 0 or raw.max() > 1:
        raise MisfitError(f"--logit applies to probabilities, but the outputs are {raw.min():.4g} to {raw.max():.4g}")


def _check_gradients(made: Model, codes: NDArray[np.uint8]) -> None:
    x = made.one_hot(codes).requires_grad_(True)
    value = made.module(x).sum()
    if not value.requires_grad or torch.autograd.grad(value, x, allow_unused=True)[0] is None:
        raise MisfitError("no gradient reaches the input; if this is expected, use --no-gradients")
