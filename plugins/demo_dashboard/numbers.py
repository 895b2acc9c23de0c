"""Numbers of a report page: short, and never NaN, which JSON does not have."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Code of a non-finite value.
NOT_A_NUMBER = -32768
_STEPS = 32767


def number(value: Any, digits: int = 6) -> float | None:
    """Round a number to significant digits; None for a non-finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    found = float(value)
    return float(f"{found:.{digits}g}") if math.isfinite(found) else None


def numbers(values: Iterable[Any], digits: int = 6) -> list[float | None]:
    """Round numbers of a list."""
    return [number(v, digits) for v in values]


def quantised(values: ArrayLike) -> dict[str, Any]:
    """Store numbers in 65,535 equal steps: ``q`` is base64 of little-endian int16, ``s`` the size of a step.

    A value differs from ``q * s`` by at most half a step, which is the largest magnitude divided by 65,534. Non-finite
    values become ``NOT_A_NUMBER``.
    """
    array = np.asarray(values, np.float64)
    finite = np.isfinite(array)
    largest = float(np.abs(array[finite]).max(initial=0.0))
    step = largest / _STEPS
    # the step of numbers near the smallest float is itself zero
    usable = step > 0 and math.isfinite(1 / step)
    steps = np.rint(np.where(finite, array, 0.0) / step) if usable else np.zeros(array.shape)
    codes = np.where(finite, np.clip(steps, -_STEPS, _STEPS), NOT_A_NUMBER).astype("<i2")
    return {"q": base64.b64encode(codes.tobytes()).decode("ascii"), "s": step if usable else 0.0}


def bytes_of(elements: int) -> int:
    """Return the bytes that this many numbers take in a page."""
    return -(-elements * 2 // 3) * 4 + 40


def restored(coded: dict[str, Any]) -> NDArray[np.float64]:
    """Convert the result of ``quantised`` back to numbers, flat."""
    codes = np.frombuffer(base64.b64decode(coded["q"]), "<i2")
    return np.where(codes == NOT_A_NUMBER, np.nan, codes * coded["s"])
