"""Class optimisation by gradient ascent on the input, from many random starts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from demo_core import DemoError, Model, PatternExplainer, Result, RunRandom, Target
from demo_core.models import one_core, outputs_and_gradients

if TYPE_CHECKING:
    from demo_class_optimization.options import ClassOptimizationOptions

# Torch 7's defaults of RMSProp, which the authors used
_SMOOTHING = 0.99
_EPSILON = 1e-8
# With nearly equal letters a network has almost no gradient: the start before a softmax is therefore steeper
_SPREAD = 3.0


class ClassOptimization(PatternExplainer):
    """Class optimisation, kind pattern: argmax over x of S(x) - penalty * ||x||^2.

    ``values[r]`` is the final matrix (A, L) of restart r. With ``parameters="input"`` its values are unconstrained and
    can be negative; figures convert it to a logo (clamp to [0, 1], divide by the maximum, add 0.01, normalise each
    position). Further numbers of each restart: final ``objective`` and number of ``steps``.

    The same seed and number of restarts repeat a run exactly. A single restart follows the same path as among others
    for some dozens of steps; after that float32 rounding, which RMSProp amplifies, separates them.

    Source: Simonyan, Vedaldi & Zisserman, arXiv 1312.6034; for DNA, Lanchantin et al., PSB 2017. Starts are uniform in
    [0, 1), or, with softmax, uniform in [-3, 3) before it. The steps are those of PyTorch's RMSprop with the smoothing
    and epsilon of Torch 7.

    When not to use it: to find what a network uses in given sequences. The optimum has no context of a real sequence.
    If several motifs support a class, a restart shows only some of them.
    """

    def __init__(self, options: ClassOptimizationOptions) -> None:
        self.options = options

    def explain(self, model: Model, target: Target, random: RunRandom) -> Result:
        """Return optimised inputs (R, A, L)."""
        options = self.options
        letters, length = len(model.alphabet.letters), model.length
        uniform = random.rows(options.restarts).uniform(letters * length)
        free = uniform.view(-1, letters, length).to(model.dtype)
        if options.parameters == "softmax":
            free = (free * 2 - 1) * _SPREAD
        free = free.clone()
        squares = torch.zeros_like(free)
        ends = _Ends(options.restarts, options.patience, free.device)
        for step in range(options.steps):
            random.progress(step, options.steps)
            objective, gradient = self._objective_and_gradient(model, target, free)
            running = ends.running(objective, free)
            if not running.any():
                break
            with torch.no_grad(), one_core():  # RMSprop, in the operations of torch.optim
                squares.mul_(_SMOOTHING).addcmul_(gradient, gradient, value=1 - _SMOOTHING)
                further = free.addcdiv(gradient, squares.sqrt().add_(_EPSILON), value=options.step_size)
                # a finished restart does not change while others run
                free = further if running.all() else torch.where(running[:, None, None], further, free)
            ends.steps += running
        with torch.no_grad():
            if options.patience:
                ends.running(self._objective(model, target, free), free)
                free = ends.best_free
            reached = self._objective(model, target, free)
        if not torch.isfinite(reached).all():
            raise DemoError(
                f"class-optimization: values became infinite or NaN; use a --step-size below {options.step_size:g}"
            )
        return Result(self._input(free).detach(), per_sequence={"objective": reached, "steps": ends.steps})

    def _input(self, free: Tensor) -> Tensor:
        return free.softmax(dim=1) if self.options.parameters == "softmax" else free

    def _objective_and_gradient(self, model: Model, target: Target, free: Tensor) -> tuple[Tensor, Tensor]:
        """Return objectives (R,), and their gradients with respect to ``free``."""
        if self.options.parameters == "input":
            outputs, gradient = outputs_and_gradients(model, free, target)
            norm = self.options.penalty * free.square().sum(dim=(1, 2))
            return target(outputs) - norm, torch.sub(gradient, free, alpha=2 * self.options.penalty)
        start = free.detach().requires_grad_(True)
        with torch.enable_grad():
            x = self._input(start)
            norm = self.options.penalty * x.square().sum(dim=(1, 2))
        outputs, gradient = outputs_and_gradients(model, x.detach(), target)
        (found,) = torch.autograd.grad([x, norm], start, [gradient, -torch.ones_like(norm)])
        return target(outputs) - norm.detach(), found

    def _objective(self, model: Model, target: Target, free: Tensor) -> Tensor:
        x = self._input(free)
        return target(model.outputs_without_gradients(x)) - self.options.penalty * x.square().sum(dim=(1, 2))


class _Ends:
    """Return which restarts still run (their objective grew within the last ``patience`` steps), and their best
    objective.
    """

    def __init__(self, restarts: int, patience: int, device: torch.device) -> None:
        self.patience = patience
        self.best = torch.full((restarts,), -torch.inf, device=device)
        self.since = torch.zeros(restarts, dtype=torch.long, device=device)
        self.steps = torch.zeros(restarts, dtype=torch.long, device=device)
        self.best_free = torch.empty(0)

    def running(self, objective: Tensor, free: Tensor) -> Tensor:
        grown = objective > self.best
        if self.patience:
            self.best_free = torch.where(grown[:, None, None], free, self.best_free) if len(self.best_free) else free
        self.best = torch.maximum(self.best, objective)
        self.since = torch.where(grown, 0, self.since + 1)
        return self.since < self.patience if self.patience else torch.ones_like(grown)
