"""A check of the contract: what it is called, what it expects, and where that rule stands."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from demo_core.errors import one_line

#: Where the rules stand.
CONTRACT = "docs/contract.md"

F = TypeVar("F", bound=Callable[..., None])


class Breach(AssertionError):
    """What came instead of what a rule expects."""


class DoesNotApply(unittest.SkipTest):
    """A check that has nothing to say of this plugin; pytest counts it as skipped, with this reason."""


@dataclass(frozen=True)
class Rule:
    """What a check expects, and the heading of the contract under which that stands."""

    name: str
    expected: str
    section: str


@dataclass(frozen=True)
class Check:
    """A named check of one spec; calling it raises AssertionError if the plugin fails it.

    Parameters
    ----------
    spec
        The name of what is checked.
    rule
        What is expected, and where that stands.
    run
        Does the work; a ``DoesNotApply`` from it means that there is nothing to check here.
    expected_failure
        Why it is known to fail; '' where it should not.
    """

    spec: str
    rule: Rule
    run: Callable[[], None]
    expected_failure: str = ""

    @property
    def name(self) -> str:
        """Its name, as in ``expected_failures``."""
        return self.rule.name

    def __call__(self) -> None:
        """Run it; whatever the plugin raises becomes an AssertionError that says what was expected."""
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
    """Make a method of a class of checks one of them; its name becomes the check's."""

    def mark(method: F) -> F:
        method.rule = Rule(method.__name__.replace("_", "-"), expected, section)  # type: ignore[attr-defined]
        return method

    return mark


def rules_of(checks: type) -> Iterator[tuple[Rule, str]]:
    """The rules of a class of checks, those of its parents first, each with the name of its method."""
    seen = set()
    for cls in reversed(checks.__mro__):
        for name, method in vars(cls).items():
            if hasattr(method, "rule") and name not in seen:
                seen.add(name)
                yield method.rule, name


def expect(truth: object, came: str) -> None:
    """Raise a Breach that says what came, unless ``truth``."""
    if not truth:
        raise Breach(came)


def expect_same(one: Any, other: Any, what: str, *, to: float = 1e-5, floor: float = 0) -> None:
    """Raise a Breach unless arrays are equal to a share of the largest value, and a floor; NaN has to match."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    expect(one.shape == other.shape, f"{what} have shapes {one.shape} and {other.shape}")
    largest = np.abs(np.nan_to_num(other, posinf=0, neginf=0)).max(initial=0.0)
    close = np.isclose(one, other, rtol=0, atol=to * largest + floor, equal_nan=True)
    if not close.all():
        place = tuple(int(i) for i in np.argwhere(~close)[0])
        raise Breach(f"{what} differ: {one[place]:.6g} and {other[place]:.6g} at {place}")
