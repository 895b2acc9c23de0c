"""Outputs and input gradients of a batch, for all gradient methods."""

from __future__ import annotations

import torch
from torch import Tensor

from demo_core.models.device import exact_arithmetic
from demo_core.models.fast import fast_network
from demo_core.models.model import Model
from demo_core.models.pieces import in_pieces
from demo_core.models.targets import Target


def outputs_and_gradients(model: Model, x: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """Return the outputs of a batch, and the gradient of a target with respect to the input.

    Sequences are independent in eval mode, so the gradient of the sum over sequences holds the gradient of each.
    Weights get no gradients. On a CPU, a network with ``fast_forward`` computes in pieces that fit into the cache, on
    several cores at once.

    Parameters
    ----------
    model
        A model with the capability ``gradients``.
    x
        (B, A, L), inputs: one-hot, or any other values. Not modified.
    target
        A target of the model, bound to the batch if it is the loss.

    Returns
    -------
    Tensor
        (B, T), outputs before activation, without a graph.
    Tensor
        (B, A, L), gradients, in the unit of the target per unit of input.

    Examples
    --------
    >>> from demo_core.models import outputs_and_gradients
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> model, data = tiny_model(), tiny_dataset(4)
    >>> outputs, gradients = outputs_and_gradients(model, model.one_hot(data.codes), model.target())
    >>> outputs.shape, gradients.shape
    (torch.Size([4, 1]), torch.Size([4, 4, 40]))
    """
    fast = fast_network(model.module, x)

    def compute(rows: slice) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            piece = x[rows].detach().clone().requires_grad_(True)
            outputs = model.outputs_of(piece, fast)
            (gradient,) = torch.autograd.grad(target.rows(rows)(outputs).sum(), piece)
        return outputs.detach(), gradient

    with exact_arithmetic(x.device, without_cudnn="recurrent" in model.capabilities):
        per_thread = 4_000 if "recurrent" in model.capabilities else 0
        found = in_pieces(x, compute, at_once=fast is not None, per_thread=per_thread)
    if len(found) == 1:
        return found[0]
    return torch.cat([o for o, _ in found]), torch.cat([g for _, g in found])
