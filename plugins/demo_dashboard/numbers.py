"""Numbers on their way into a page: short, and never NaN, which JSON does not have."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: The code of a value that is not a finite number.
NOT_A_NUMBER = -32768
_STEPS = 32767


def number(value: Any, digits: int = 6) -> float | None:
    """A number with so many significant digits; None for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    found = float(value)
    return float(f"{found:.{digits}g}") if math.isfinite(found) else None


def numbers(values: Iterable[Any], digits: int = 6) -> list[float | None]:
    """Numbers in a list."""
    return [number(v, digits) for v in values]


def quantised(values: ArrayLike) -> dict[str, Any]:
    """Numbers in 65,535 steps of equal size: ``q`` is base64 of little-endian int16, ``s`` the size of a step.

    A value differs from ``q * s`` by half a step at most, which is the largest size of a value over 65,534. What is not
    finite is ``NOT_A_NUMBER``.
    """
    array = np.asarray(values, np.float64)
    finite = np.isfinite(array)
    largest = float(np.abs(array[finite]).max(initial=0.0))
    step = largest / _STEPS
    # the size of a step of numbers near the smallest that there are is no number itself
    usable = step > 0 and math.isfinite(1 / step)
    steps = np.rint(np.where(finite, array, 0.0) / step) if usable else np.zeros(array.shape)
    codes = np.where(finite, np.clip(steps, -_STEPS, _STEPS), NOT_A_NUMBER).astype("<i2")
    return {"q": base64.b64encode(codes.tobytes()).decode("ascii"), "s": step if usable else 0.0}


def bytes_of(elements: int) -> int:
    """Bytes that so many numbers take in a page."""
    return -(-elements * 2 // 3) * 4 + 40


def restored(coded: dict[str, Any]) -> NDArray[np.float64]:
    """The numbers, flat, that ``quantised`` has coded."""
    codes = np.frombuffer(base64.b64decode(coded["q"]), "<i2")
    return np.where(codes == NOT_A_NUMBER, np.nan, codes * coded["s"])
