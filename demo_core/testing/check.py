"""A check of the contract: its name, the expected result, and the place of the rule."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from demo_core.errors import one_line

#: Page of the rules.
CONTRACT = "docs/contract.md"

F = TypeVar("F", bound=Callable[..., None])


class Breach(AssertionError):
    """The result differs from the rule."""


class DoesNotApply(unittest.SkipTest):
    """The check does not apply to this plugin; pytest skips it with this reason.

    Examples
    --------
    >>> from demo_core.testing import DoesNotApply
    >>> str(DoesNotApply("patterns read no data"))
    'patterns read no data'
    """


@dataclass(frozen=True)
class Rule:
    """The expected result of a check, and the heading of the contract that states it."""

    name: str
    expected: str
    section: str


@dataclass(frozen=True)
class Check:
    """A named check of one spec. Calling it raises AssertionError if the plugin fails it.

    Parameters
    ----------
    spec
        Name of the spec.
    rule
        The expected result, and where the contract states it.
    run
        Function that checks; it raises ``DoesNotApply`` if the check does not apply.
    expected_failure
        Reason of a known failure; '' if it should pass.

    Examples
    --------
    >>> from demo_core.plugins import Explainer, installed
    >>> from demo_core.testing import checks_for
    >>> check = checks_for(installed().find(Explainer, "saliency"))[0]
    >>> check()  # raises AssertionError if the plugin fails it
    >>> check.name
    'loads'
    """

    spec: str
    rule: Rule
    run: Callable[[], None]
    expected_failure: str = ""

    @property
    def name(self) -> str:
        """Name, as in ``expected_failures``."""
        return self.rule.name

    def __call__(self) -> None:
        """Run the check. Any exception of the plugin becomes an AssertionError with the expected result."""
        try:
            self.run()
        except DoesNotApply:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises
            came = str(error) if isinstance(error, Breach) else one_line(error)
            raise AssertionError(
                f"{self}\n  expected: {self.rule.expected}\n  came:     {came}\n"
                f"  rule:     {CONTRACT}#{self.rule.section}"
            ) from (error.__cause__ if isinstance(error, Breach) else error)

    def __str__(self) -> str:
        return f"{self.spec}:{self.rule.name}"


def rule(expected: str, section: str) -> Callable[[F], F]:
    """Make a method of a class a check; its name becomes the check's name."""

    def mark(method: F) -> F:
        method.rule = Rule(method.__name__.replace("_", "-"), expected, section)  # type: ignore[attr-defined]
        return method

    return mark


def rules_of(checks: type) -> Iterator[tuple[Rule, str]]:
    """Return the rules of a class of checks, those of its parents first, each with the name of its method."""
    seen = set()
    for cls in reversed(checks.__mro__):
        for name, method in vars(cls).items():
            if hasattr(method, "rule") and name not in seen:
                seen.add(name)
                yield method.rule, name


def expect(truth: object, came: str) -> None:
    """Raise a Breach with the actual result, unless ``truth``."""
    if not truth:
        raise Breach(came)


def expect_same(one: Any, other: Any, what: str, *, to: float = 1e-5, floor: float = 0) -> None:
    """Raise a Breach unless arrays are equal within a fraction of the largest value, and a floor. NaN must match."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    expect(one.shape == other.shape, f"{what} have shapes {one.shape} and {other.shape}")
    largest = np.abs(np.nan_to_num(other, posinf=0, neginf=0)).max(initial=0.0)
    close = np.isclose(one, other, rtol=0, atol=to * largest + floor, equal_nan=True)
    if not close.all():
        place = tuple(int(i) for i in np.argwhere(~close)[0])
        raise Breach(f"{what} differ: {one[place]:.6g} and {other[place]:.6g} at {place}")
