"""Targets: one output of a model, or a function of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from demo_core.errors import MisfitError, UsageProblem, printable, unknown_name
from demo_core.models.outputs import Activation, Output

Form = Literal["output", "probability", "loss", "difference"]


@dataclass(frozen=True)
class Target:
    """The number that is explained: a function from outputs ``(B, T)`` to ``(B,)``.

    ``output`` is the value before the activation (for a sigmoid, the logit), ``probability`` the value after it,
    ``loss`` the training loss against the batch's own labels, ``difference`` one output minus another.

    Examples
    --------
    >>> import torch
    >>> from demo_core.testing import tiny_model
    >>> target = tiny_model().target("probability:bound")
    >>> target(torch.zeros(2, 1)).tolist()
    [0.5, 0.5]
    """

    form: Form
    columns: tuple[int, ...]
    outputs: tuple[Output, ...]
    labels: Tensor | None = None

    @property
    def name(self) -> str:
        """Name, as typed after ``--target``."""
        names = ":".join(o.name for o in self.outputs)
        return names if self.form == "output" else f"{self.form}:{names}"

    def as_json(self) -> dict[str, Any]:
        """Return the entry of the provenance."""
        return {"name": self.name, "form": self.form, "outputs": [o.as_json() for o in self.outputs]}

    def bind(self, labels: Tensor) -> Target:
        """Return this target for a batch with known labels ``(B, T)``; only the loss needs them."""
        if self.form != "loss":
            return self
        mine = labels[:, self.columns[0]]
        if torch.isnan(mine).any():
            raise MisfitError(f"target '{self.name}' needs labels, but some sequences have none; select labelled ones")
        return replace(self, labels=mine)

    def repeat(self, k: int) -> Target:
        """Return this target for a batch stacked ``k`` times, as by ``x.repeat(k, 1, 1)``; the loss needs it.

        Outputs are then (k * B, T), and sequence b of copy c is in row c * B + b.
        """
        return self if self.labels is None else replace(self, labels=self.labels.repeat(k))

    def rows(self, some: slice | Tensor) -> Target:
        """Return this target for some rows of its batch, a slice or row numbers; the loss needs it."""
        return self if self.labels is None else replace(self, labels=self.labels[some])

    def __call__(self, outputs: Tensor) -> Tensor:
        """Return the target (B,) of outputs (B, T)."""
        value = outputs[:, self.columns[0]]
        if self.form == "probability":
            return torch.sigmoid(value)
        if self.form == "difference":
            return value - outputs[:, self.columns[1]]
        if self.form == "loss":
            if self.labels is None or len(self.labels) != len(value):
                known = 0 if self.labels is None else len(self.labels)
                raise ValueError(
                    f"the loss target got {len(value)} output rows for {known} labels; for a batch stacked k times, "
                    "use target.repeat(k)"
                )
            return loss_of(value, self.labels, self.outputs[0].activation)
        return value


def loss_of(value: Tensor, label: Tensor, activation: Activation) -> Tensor:
    """Loss of each element: cross-entropy of a logit, or squared error.

    Parameters
    ----------
    value
        (B,), outputs before activation.
    label
        (B,), labels.
    activation
        ``sigmoid`` or ``identity``.

    Returns
    -------
    Tensor
        (B,), cross-entropy of a logit, or squared error.

    Examples
    --------
    >>> import torch
    >>> from demo_core.models import loss_of
    >>> loss_of(torch.tensor([2.0]), torch.tensor([1.5]), "identity").tolist()
    [0.25]
    """
    if activation == "sigmoid":
        return torch.nn.functional.binary_cross_entropy_with_logits(value, label.to(value), reduction="none")
    return (value - label) ** 2


def parse_target(text: str | None, outputs: Sequence[Output]) -> Target:
    """Return the target that a user names; without a name, the single output.

    Raises UsageProblem, listing the outputs, if there are several and none is named, or if the name is unknown.
    """
    names = [o.name for o in outputs]
    if text is None:
        if len(outputs) == 1:
            return Target("output", (0,), (outputs[0],))
        listed = ", ".join(printable(n, 60) for n in names[:50]) + (", ..." if len(names) > 50 else "")
        raise UsageProblem(f"the model has {len(names)} targets; choose one with --target: {listed}")
    if text in names:
        column = names.index(text)
        return Target("output", (column,), (outputs[column],))
    form, _, rest = text.partition(":")
    if form in ("probability", "loss", "output") and rest in names:
        column = names.index(rest)
        if form == "probability" and not outputs[column].is_probability:
            raise UsageProblem(
                f"target '{rest}' has no probability: its unit is {outputs[column].unit}; use --target {rest}"
            )
        return Target(form, (column,), (outputs[column],))  # type: ignore[arg-type]
    if form == "difference":
        places = {name: place for place, name in reversed(list(enumerate(names)))}
        pairs = [(a, b) for a in names if rest.startswith(f"{a}:") and (b := rest[len(a) + 1 :]) in places and a != b]
        if pairs:
            first, second = (places[n] for n in pairs[0])
            return Target("difference", (first, second), (outputs[first], outputs[second]))
    forms = [f"{f}:{names[0]}" for f in ("probability", "loss")] if names else []
    raise UsageProblem(unknown_name("target", text, [*names, *forms]))
