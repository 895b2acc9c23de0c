"""Attributions of Captum."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from demo_captum.methods import Method, find_method
from demo_core import Batch, Model, Result, SequenceExplainer, Target, Unsuitable
from demo_core.errors import one_line
from demo_core.models import out_of_memory
from demo_core.running import Background

if TYPE_CHECKING:
    from demo_captum.options import CaptumOptions

#: Classes that draw random numbers or fit a model: one sequence at a time, each with its own seed.
_SINGLE = {"GradientShap", "KernelShap", "Lime", "ShapleyValueSampling"}
#: Classes that take all references of one sequence at once.
_DISTRIBUTION = {"DeepLiftShap", "GradientShap"}
#: Classes whose values are gradients: the value of a position is that of the letter that is present.
_GRADIENTS = {"Deconvolution", "GuidedBackprop", "Saliency"}
#: Default window of Occlusion, in bases.
_WINDOW = 11


class Captum(SequenceExplainer):
    """Attribution classes of Captum, kind attribution, for the letters that are present.

    ``values`` holds the value of each position, at the letter that is present. Perturbation classes: the value shared
    by all letters of the position (each position is one feature). Gradient classes: the gradient at the letter that is
    present. Others: the sum over letters. With several baselines, values are averaged. The extra ``convergence-delta``
    is the sum of attributions minus the output difference, for classes that report it.

    Source: Kokhlikyan et al., arXiv 2009.07896, and the source of each class.

    When not to use it: if DeMo has the method. ``integrated-gradients`` chooses its steps, ``deeplift`` has rules for
    recurrent layers and attention, and ``occlusion`` uses realistic backgrounds. Captum's DeepLift treats operations
    without a rule as linear and does not say so.
    """

    def __init__(self, options: CaptumOptions) -> None:
        self.options = options
        file = options.background_file
        kind = "shuffle" if file is not None and options.background == "uniform" else options.background
        self._background = Background(kind, options.references, file)

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return attributions (B, A, L) of the letters that are present."""
        method = find_method(self.options.method, model.length)
        of_class, of_call = method.parse(self.options.parameters)
        uses = "baselines" in method.takes
        if method.name == "DeepLiftShap" and self._background.n < 2:
            raise Unsuitable("DeepLiftShap needs several baselines; use --background shuffle or --background-file")
        references = self._background.draw(model, batch) if uses else batch.x[:, None]
        seeds = batch.random.bits(1)[:, 0]
        single = method.name in _SINGLE | _DISTRIBUTION or target.labels is not None
        size = 1 if single else len(batch)
        found, deltas = [], []
        for start in range(0, len(batch), size):
            rows = slice(start, start + size)
            network = _Targeted(model, target.rows(rows))
            with _seeded(int(seeds[start] % 2**32)), warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # hooks that it sets and removes, and inputs that it lets have gradients
                runner = method.cls(network, **of_class)
                each = [
                    _run(method, runner, of_call, batch.x[rows], some, model.automatic_batch_size())
                    for some in (_references(method, references[rows]) if uses else [None])
                ]
            found.append(torch.stack([values for values, _ in each]).mean(dim=0))
            if each[0][1] is not None:
                deltas.append(torch.stack([delta for _, delta in each if delta is not None]).mean(dim=0))
            batch.progress(min(start + size, len(batch)), len(batch))
        values = torch.cat(found).to(batch.x.dtype)
        values = _per_position(method, values, batch.x, gradient=of_class.get("multiply_by_inputs") is False)
        return Result(
            values[:, None, :] * batch.x, per_sequence={"convergence-delta": torch.cat(deltas)} if deltas else {}
        )


class _Targeted(nn.Module):
    """The target of a model as a network: (B, A, L) to (B,)."""

    def __init__(self, model: Model, target: Target) -> None:
        super().__init__()
        self.network, self._model, self._target = model.module, model, target
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        target = self._target
        if target.labels is not None:  # of one sequence, whose copies these are
            target = target.repeat(len(x))
        return target(self._model.outputs_of(x))


def _references(method: Method, references: Tensor) -> Iterator[Tensor]:
    """Yield the baselines of each call, of references (B, n, A, L)."""
    if method.name in _DISTRIBUTION:
        yield references[0]
    else:
        yield from references.unbind(dim=1)


def _run(
    method: Method, runner: Any, parameters: dict[str, Any], x: Tensor, baselines: Tensor | None, at_once: int
) -> tuple[Tensor, Tensor | None]:
    """Return attributions (B, A, L), and convergence deltas (B,) if there are any."""
    given = dict(parameters)
    if baselines is not None:
        given["baselines"] = baselines
    if "feature_mask" in method.takes:
        given["feature_mask"] = torch.arange(x.shape[2], device=x.device).repeat(1, x.shape[1], 1)
    if "sliding_window_shapes" in method.takes:
        given.setdefault("sliding_window_shapes", (x.shape[1], min(_WINDOW, x.shape[2])))
    if "internal_batch_size" in method.takes:
        given["internal_batch_size"] = max(at_once, len(x))
    with_delta = "return_convergence_delta" in method.takes
    try:
        found = runner.attribute(x, **given, **({"return_convergence_delta": True} if with_delta else {}))
    except (ArithmeticError, AssertionError, RuntimeError, TypeError, ValueError) as error:
        if out_of_memory(error) or not _from_captum(error):
            raise
        raise Unsuitable(
            f"Captum's {method.name} cannot explain this network: {one_line(error)}; change --parameters or --method"
        ) from error
    if not with_delta:
        return found.detach(), None
    return found[0].detach(), found[1].detach().reshape(len(x), -1).mean(dim=1)


def _from_captum(error: BaseException) -> bool:
    """Return whether Captum raised an exception, not the network that it called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] == "captum"


def _per_position(method: Method, values: Tensor, x: Tensor, *, gradient: bool) -> Tensor:
    """Return the contribution (B, L) of each position."""
    if method.perturbs:
        return values.mean(dim=1)
    return (values * x).sum(dim=1) if gradient or method.name in _GRADIENTS else values.sum(dim=1)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the random numbers of PyTorch and NumPy, which Captum uses, and restore them."""
    state = np.random.get_state()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(state)
