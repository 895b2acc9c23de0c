"""Model outputs: names, activations, units and the logistic function. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from demo_core.errors import unknown_name

Activation = Literal["sigmoid", "identity"]


@dataclass(frozen=True)
class Output:
    """One output of a model: its name, its activation, and the unit of the prediction.

    Examples
    --------
    >>> from demo_core.models import Output
    >>> Output("bound").is_probability, Output("signal", "identity", "log2 counts").unit
    (True, 'log2 counts')
    """

    name: str
    activation: Activation = "sigmoid"
    unit: str = "probability"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.unit, str) or not self.name:
            raise ValueError("a target needs a name and a unit, as text")
        if self.activation not in ("sigmoid", "identity"):
            raise ValueError(unknown_name("activation", str(self.activation), ("sigmoid", "identity")))

    @property
    def is_probability(self) -> bool:
        """Whether the prediction is a probability; the value before the activation is then a logit."""
        return self.activation == "sigmoid"

    def predict(self, values: ArrayLike) -> NDArray[np.float64]:
        """Apply the activation."""
        return logistic(values) if self.is_probability else np.asarray(values, np.float64)

    def as_json(self) -> dict[str, Any]:
        """Return the entry of ``model.json``."""
        return {"name": self.name, "activation": self.activation, "unit": self.unit}


def logistic(logits: ArrayLike) -> NDArray[np.float64]:
    """Probabilities of logits; NaN stays NaN.

    Parameters
    ----------
    logits
        Numbers of any shape.

    Returns
    -------
    ndarray
        Probabilities of the same shape, float64.

    Examples
    --------
    >>> from demo_core.models import logistic
    >>> logistic([0.0]).tolist()
    [0.5]
    """
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(logits, np.float64), -700, 700))))
