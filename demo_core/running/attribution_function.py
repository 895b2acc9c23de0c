"""An explainer as a plain function of a network and one-hot sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from demo_core.data.dataset import SequenceDataset
from demo_core.errors import UsageProblem, unknown_name
from demo_core.models.model import Model
from demo_core.models.outputs import Output
from demo_core.plugins.discovery import installed
from demo_core.plugins.options import options_of
from demo_core.plugins.specs import Explainer
from demo_core.running.explain import explain
from demo_core.sequences.alphabets import DNA


def as_attribution_function(explainer: str, **options: Any) -> Callable[..., Tensor]:
    """Wrap an attribution explainer as a function ``f(model, X)``, as tools such as tangermeme expect.

    Parameters
    ----------
    explainer
        Name of an explainer, as in ``demo explainers``.
    options
        Options of the explainer.

    Returns
    -------
    callable
        ``f(model, X, args=None, target=0, hypothetical=False, batch_size=None, device=None, random_state=None,
        verbose=False)`` returns a tensor (N, 4, L) on the CPU. ``model`` is a network that reads one-hot DNA (N, 4, L)
        and returns (N, T), or a ``Model``. ``target`` is the number (0-based) or the name of an output.
        ``hypothetical=False`` sets values of absent letters to 0. ``args`` must be None, since explainers have one
        input. ``random_state`` is the seed. The network moves to ``device``; None: it stays where it is. ``verbose``
        has no effect.

    Raises
    ------
    UsageProblem
        If the explainer is not of kind attribution. By the function, if ``X`` is not one-hot DNA, there is no such
        target, or ``args`` is given.

    Examples
    --------
    >>> import torch
    >>> from demo_core import as_attribution_function
    >>> from demo_core.testing import tiny_model
    >>> saliency = as_attribution_function("saliency", simplex=True)
    >>> X = torch.eye(4)[torch.randint(0, 4, (2, 40))].transpose(1, 2)
    >>> saliency(tiny_model().module, X).shape
    torch.Size([2, 4, 40])
    """

    spec = installed().find(Explainer, explainer).spec
    if spec.kind != "attribution":
        raise UsageProblem(
            f"'{explainer}' is of kind {spec.kind}; choose an explainer of kind attribution, such as saliency"
        )

    if unknown := set(options) - {o.name for o in options_of(spec.options)}:
        raise UsageProblem(unknown_name("option", min(unknown), [o.name for o in options_of(spec.options)]))

    def attribute(
        model: nn.Module | Model, X: Tensor, args: tuple[Any, ...] | None = None, target: int | str = 0,
        hypothetical: bool = False, batch_size: int | None = None, device: str | torch.device | None = None,
        random_state: int | None = None, verbose: bool = False,
    ) -> Tensor:  # fmt: skip
        if args:
            raise UsageProblem("args must be None: explainers have one input")
        if not (random_state is None or isinstance(random_state, int)):
            raise UsageProblem(f"random_state must be an integer or None, not {type(random_state).__name__}")
        if not isinstance(model, nn.Module | Model):
            raise UsageProblem(f"model must be a torch.nn.Module or a Model, not {type(model).__name__}")
        if not isinstance(target, int | str):
            raise UsageProblem(f"target must be a name or a number, not {target!r}")
        codes, n = _codes(X), len(X)
        network = model.module if isinstance(model, Model) else model
        modes = {module: module.training for module in network.modules()}
        try:
            used = model if isinstance(model, Model) else _wrapped(network, X)
            used = used.to(device) if device is not None else used
            if isinstance(target, int) and not 0 <= target < len(used.outputs):
                raise UsageProblem(
                    f"target must be a name, or a number from 0 to {len(used.outputs) - 1}, not {target}"
                )
            name = used.outputs[target].name if isinstance(target, int) else target
            data = SequenceDataset(
                codes=codes, labels=np.full((n, 1), np.nan, np.float32), targets=(name,), group=np.arange(n),
                ids=np.arange(n).astype(str).astype(object), split=np.zeros(n, np.uint8),
            )  # fmt: skip
            seed = random_state or 0
            found = explain(explainer, used, data, target=name, seed=seed, batch_size=batch_size, **options)
        finally:
            for module, training in modes.items():
                module.training = training
        values = torch.from_numpy(np.asarray(found.values))
        return values if hypothetical else values * X.detach().cpu()

    return attribute


def _codes(X: Tensor) -> NDArray[np.uint8]:
    one_hot = isinstance(X, Tensor) and X.ndim == 3 and X.shape[1] == 4
    if not one_hot or not bool(((X == 0) | (X == 1)).all()) or not bool((X.sum(dim=1) <= 1).all()):
        raise UsageProblem("X must be one-hot DNA (N, 4, L), with columns of zeros for unknown bases")
    return torch.where(X.sum(dim=1) == 1, X.argmax(dim=1), 4).cpu().numpy().astype(np.uint8)


def _wrapped(network: nn.Module, X: Tensor) -> Model:
    provides = set(getattr(network, "provides", {"gradients"}))
    if any(isinstance(module, nn.RNNBase) for module in network.modules()):
        provides.add("recurrent")
    model = Model(network, (), DNA, X.shape[2], frozenset(provides), {"name": type(network).__name__, "plugin": ""}, {})
    with torch.no_grad():
        outputs = network(X[:1].to(model.device, model.dtype))
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        came = f"shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
        raise UsageProblem(f"the network must return a tensor (N, T), not {came}; wrap it in a module that does")
    model.outputs = tuple(Output(str(i), "identity", "output") for i in range(outputs.shape[1]))
    return model
