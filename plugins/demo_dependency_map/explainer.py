"""Dependency maps by substitution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from demo_core import Batch, Model, Result, SequenceExplainer, Target, Unsuitable
from demo_core.models import outputs_and_gradients
from demo_core.sequences import parse_span

if TYPE_CHECKING:
    from demo_dependency_map.options import DependencyMapOptions

#: Most forward passes of one sequence
_MOST = 20_000_000


class DependencyMap(SequenceExplainer):
    """Dependencies between positions, kind interaction.

    ``--effect attribution``: ``values[b, i, j]`` is the mean absolute change of the attribution at position i when the
    base at j is substituted, over the substitutions. The attribution is the gradient at the base that is present, minus
    the mean gradient over letters. It needs three gradients for each position. The unit is that of the target.

    ``--effect target``: ``values[b, i, j]`` is pairwise epistasis: the effect of substituting i and j together, minus
    the sum of their separate effects. Of all pairs of substitutions, it is the one with the largest magnitude. The map
    is symmetric, and 0 where effects add up. It needs nine forward passes for each pair of positions. The unit is that
    of the target.

    The diagonal is 0: the effect of a position on itself is excluded.

    Source: Tomaz da Silva et al., Nature Genetics 2025, for language models, as adapted by tangermeme to attributions;
    Greenside, Shimko, Fordyce & Kundaje, Bioinformatics 2018, 34:i629-i637, for changes of attributions.

    When not to use it: to find important bases (take ``saliency`` or ``ism``). For long sequences, give ``--span``.
    Effects on attributions show only what the gradient shows, and miss pairs in saturated networks (take ``--effect
    target`` there).
    """

    def __init__(self, options: DependencyMapOptions) -> None:
        self.options = options

    def expansion(self, model: Model) -> int:
        """Return how much smaller batches should be; substitutions are computed in chunks of a size of their own."""
        return max(1, max(len(self._positions(model)), model.length) // 4)

    def explain(self, model: Model, batch: Batch, target: Target) -> Result:
        """Return dependencies (B, L, L)."""
        positions = self._positions(model)
        if batch.strand == "-":  # the span counts from the start of the forward strand
            positions = range(model.length - positions.stop, model.length - positions.start)
        if self.options.effect == "attribution":
            return _of_attributions(model, batch, target, positions)
        return _of_pairs(model, batch, target, positions)

    def _positions(self, model: Model) -> range:
        span = self.options.span
        return range(model.length) if span is None else parse_span(span, model.length)


def _of_attributions(model: Model, batch: Batch, target: Target, positions: range) -> Result:
    """Return the mean absolute change of attributions, for substitutions at each position."""
    x = batch.x
    outputs, own = _attributions(model, x, target)
    absent = (x[:, :, positions.start : positions.stop] == 0).transpose(1, 2)
    row, place, letter = absent.nonzero(as_tuple=True)
    position = place + positions.start
    n, length = len(positions), x.shape[2]
    sums = x.new_zeros(len(x) * n, length)  # (sequence and substituted position, affected position)
    size = model.automatic_batch_size(in_pieces=True)
    for start in range(0, len(row), size):
        some = slice(start, start + size)
        edited = _substituted(x[row[some]], position[some], letter[some])
        changed = (_attributions(model, edited, target.rows(row[some]))[1] - own[row[some]]).abs()
        sums.index_add_(0, row[some] * n + place[some], changed)
        batch.progress(min(start + size, len(row)), len(row))
    means = sums.reshape(len(x), n, length) / absent.sum(dim=2, keepdim=True)
    values = x.new_zeros(len(x), length, length)
    values[:, :, positions.start : positions.stop] = means.transpose(1, 2)
    values.diagonal(dim1=1, dim2=2).zero_()
    return Result(values, outputs=outputs)


def _attributions(model: Model, x: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """Return outputs (n, T), and the corrected gradient at the present base of each position, (n, L)."""
    outputs, gradients = outputs_and_gradients(model, x, target)
    gradients -= gradients.mean(dim=1, keepdim=True)
    return outputs, (gradients * x).sum(dim=1)


def _of_pairs(model: Model, batch: Batch, target: Target, positions: range) -> Result:
    """Return the non-additive effect of each pair of positions, of the pair of substitutions where it is largest."""
    x, (n, letters, length) = batch.x, batch.x.shape
    first, second = torch.triu_indices(len(positions), len(positions), 1, device=x.device) + positions.start
    if (passes := len(first) * (letters - 1) ** 2) > _MOST:
        said = f"--effect target needs {passes:,} passes of each sequence"
        raise Unsuitable(f"{said}; give a shorter --span, or use --effect attribution")
    outputs = model.outputs_without_gradients(x)
    one, other = torch.cartesian_prod(torch.arange(letters), torch.arange(letters)).t().to(x.device)
    values = x.new_zeros(n, length, length)
    size = max(1, model.automatic_batch_size(in_pieces=True) // (letters - 1) ** 2)
    with torch.no_grad():
        whole = target(outputs)
        single = _single_effects(model, x, target, whole, positions)
        for row in range(n):
            for start in range(0, len(first), size):
                i, j = first[start : start + size, None], second[start : start + size, None]
                differ = (x[row, one, i] == 0) & (x[row, other, j] == 0)  # (pairs, A * A)
                pair, of = differ.nonzero(as_tuple=True)
                here, there = i[pair, 0], j[pair, 0]
                edited = _substituted(x[row].expand(len(pair), -1, -1), here, one[of])
                edited = _substituted(edited, there, other[of])
                rows = torch.full_like(pair, row)
                found = target.rows(rows)(model.outputs_without_gradients(edited)) - whole[row]
                effect = torch.zeros(differ.shape, dtype=x.dtype, device=x.device)
                effect[pair, of] = found - single[row, one[of], here] - single[row, other[of], there]
                largest = effect.gather(1, effect.abs().argmax(dim=1, keepdim=True))[:, 0]
                values[row, i[:, 0], j[:, 0]] = largest
                values[row, j[:, 0], i[:, 0]] = largest
                batch.progress(row * len(first) + start + len(i), n * len(first))
    return Result(values, outputs=outputs)


def _single_effects(model: Model, x: Tensor, target: Target, whole: Tensor, positions: range) -> Tensor:
    """Return the effect (B, A, L) of each substitution on the target ``whole`` (B,), 0 outside the positions."""
    found = torch.zeros_like(x)
    row, letter, place = (x[:, :, positions.start : positions.stop] == 0).nonzero(as_tuple=True)
    position, size = place + positions.start, model.automatic_batch_size(in_pieces=True)
    for start in range(0, len(row), size):
        r, a, p = (index[start : start + size] for index in (row, letter, position))
        outputs = model.outputs_without_gradients(_substituted(x[r], p, a))
        found[r, a, p] = (target.rows(r)(outputs) - whole[r]).to(x.dtype)
    return found


def _substituted(x: Tensor, position: Tensor, letter: Tensor) -> Tensor:
    """Return copies of sequences (n, A, L) with another letter at one position of each."""
    edited, every = x.clone(), torch.arange(len(x), device=x.device)
    edited[every, :, position] = 0
    edited[every, letter, position] = 1
    return edited
