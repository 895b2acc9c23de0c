"""Protocols for the targets of specs: subclass one, and mypy checks the signatures.

Subclassing is optional. These classes hold no code, and importing them imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from demo_core.data.record import Record, RecordBlock
    from demo_core.models.model import Model
    from demo_core.models.targets import Target
    from demo_core.running.batch import Batch, Result, RunRandom


class Network(Protocol):
    """The target of an Architecture: also a ``torch.nn.Module``.

    ``__init__(self, options, *, letters: int, length: int, n_targets: int)``. Raise ``Unsuitable`` to refuse a length
    or a combination of options.

    Examples
    --------
    >>> from torch import nn
    >>> from demo_core import Network
    >>> class Mean(nn.Module, Network):
    ...     def __init__(self, options, *, letters, length, n_targets):
    ...         super().__init__()
    ...         self.linear = nn.Linear(letters, n_targets)
    ...
    ...     def forward(self, x):
    ...         return self.linear(x.mean(2))
    """

    def forward(self, x: Tensor, /) -> Tensor:
        """Return outputs (B, T) before activation, for one-hot ``x`` (B, A, L); zeros for an unknown letter."""
        ...


class Reader(Protocol):
    """The target of a DatasetReader: ``__init__(self, options)``.

    Examples
    --------
    >>> from demo_core import Reader, Record, text_lines
    >>> class Lines(Reader):
    ...     def __init__(self, options):
    ...         self.options = options
    ...
    ...     def read(self, source):
    ...         for number, line in text_lines(source):
    ...             yield Record(f"sequence-{number}", line, where=f"line {number}")
    """

    def read(self, source: Path, /) -> Iterator[Record | RecordBlock]:
        """Yield records, or blocks of them, in the order of the source. Raises BadSource, naming the place."""
        ...


class SequenceExplainer(Protocol):
    """The target of an Explainer of kind attribution, trace or interaction: ``__init__(self, options)``.

    Examples
    --------
    >>> import torch
    >>> from demo_core import Result, SequenceExplainer
    >>> class Gradient(SequenceExplainer):
    ...     def __init__(self, options):
    ...         self.options = options
    ...
    ...     def explain(self, model, batch, target):
    ...         x = batch.x.clone().requires_grad_()
    ...         (gradient,) = torch.autograd.grad(target(model.module(x)).sum(), x)
    ...         return Result(gradient)
    """

    def explain(self, model: Model, batch: Batch, target: Target, /) -> Result | Tensor:
        """Explain B sequences.

        Returns
        -------
        A Result, or its bare values: attribution (B, A, L), trace (B, C, L) for C channels, interaction (B, L, L).
        """
        ...


class PatternExplainer(Protocol):
    """The target of an Explainer of kind pattern: ``__init__(self, options)``.

    Examples
    --------
    >>> from demo_core import PatternExplainer, Result
    >>> class Start(PatternExplainer):
    ...     def __init__(self, options):
    ...         self.options = options
    ...
    ...     def explain(self, model, target, random):
    ...         values = random.rows(8).uniform(4 * model.length)
    ...         return Result(values.reshape(8, 4, model.length))
    """

    def explain(self, model: Model, target: Target, random: RunRandom, /) -> Result | Tensor:
        """Return R inputs (R, A, L) optimised for one target."""
        ...
