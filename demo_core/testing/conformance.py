"""Conformance checks of plugins. A failed check reports the expected result, the actual result, and the rule.

    import demo_mine
    from demo_core.testing import parametrize_with_checks

    @parametrize_with_checks(demo_mine)
    def test_contract(check):
        check()

``demo check NAME`` runs the same from the shell. The idea is scikit-learn's ``check_estimator``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from demo_core.errors import unknown_name
from demo_core.plugins.owner import Owner
from demo_core.plugins.registry import Registered
from demo_core.plugins.specs import AnySpec, Architecture, Command, DatasetReader, Explainer, Spec
from demo_core.testing.architectures import ArchitectureChecks
from demo_core.testing.check import Check, rules_of
from demo_core.testing.common import CommandChecks, CommonChecks
from demo_core.testing.explainers import ExplainerChecks
from demo_core.testing.readers import ReaderChecks, ReaderExample

if TYPE_CHECKING:
    from demo_core.models.model import Model

#: What can be checked: a module with everything it registers, or one spec.
Checkable: TypeAlias = ModuleType | Registered[Any] | Spec

#: Checks of each kind of spec.
CHECKS: dict[type[Spec], type[CommonChecks[Any]]] = {
    Architecture: ArchitectureChecks,
    DatasetReader: ReaderChecks,
    Explainer: ExplainerChecks,
    Command: CommandChecks,
}


def registered_from(module: ModuleType) -> list[Registered[Any]]:
    """Return what a plugin module registers, installed or not. Raises what discovery would report.

    Parameters
    ----------
    module
        Module of a plugin.

    Returns
    -------
    list
        The specs that it registers, with their owner.

    Raises
    ------
    Exception
        Whatever discovery would report.

    Examples
    --------
    >>> import demo_saliency
    >>> from demo_core.testing import registered_from
    >>> [registered.spec.name for registered in registered_from(demo_saliency)]
    ['saliency']
    """
    from demo_core.plugins.discovery import specs_of

    owner = Owner(module.__name__, "under-test", "0", "under test")
    return [Registered(spec, owner) for spec in specs_of(module)]


def checks_for(
    spec: Registered[Any] | AnySpec,
    *,
    options: Mapping[str, Any] | None = None,
    model: Callable[[], Model] | None = None,
    length: int = 60,
    example: ReaderExample | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> list[Check]:
    """Return the checks of a spec.

    Parameters
    ----------
    spec
        A spec, registered or not.
    options
        Options of the plugin, if its defaults are not suitable or missing.
    model
        Function that makes a model of one output, for an explainer that needs more than ``tiny_model()`` offers.
    length
        Input length of the models of an architecture, in bases.
    example
        Files for a reader whose class has no ``example()``.
    expected_failures
        Known failures: names of checks and reasons. Raises ValueError on an unknown name.

    Examples
    --------
    >>> from demo_core.plugins import Explainer, installed
    >>> from demo_core.testing import checks_for
    >>> len(checks_for(installed().find(Explainer, "saliency"))) > 10
    True
    """
    registered: Any = spec if isinstance(spec, Registered) else _unowned(spec)
    given = dict(options or {})
    checks: CommonChecks[Any]
    if isinstance(registered.spec, Architecture):
        checks = ArchitectureChecks(registered, given, length)
    elif isinstance(registered.spec, Explainer):
        checks = ExplainerChecks(registered, given, model)
    elif isinstance(registered.spec, DatasetReader):
        checks = ReaderChecks(registered, given, example)
    else:
        checks = CommandChecks(registered)
    reasons = dict(expected_failures or {})
    found = [Check(registered.spec.name, rule, checks.run_of(method)) for rule, method in rules_of(type(checks))]
    for name in reasons:
        if name not in [c.name for c in found]:
            raise ValueError("expected_failures: " + unknown_name("check", name, [c.name for c in found]))
    return [replace(c, expected_failure=reasons.get(c.name, "")) for c in found]


def parametrize_with_checks(
    *plugins: Checkable,
    expected_failures: Mapping[str, str] | None = None,
    **settings: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a pytest test case of each check; the test function takes ``check`` and calls it.

    Parameters
    ----------
    plugins
        Modules, with everything they register, or single specs.
    expected_failures
        Known failures, ``{"batch-size": "reason"}``, or ``{"NAME:batch-size": "reason"}`` for
        several specs. They are reported as expected failures, and fail the tests once they pass.
    settings
        Settings of ``checks_for``, for all specs.

    Examples
    --------
    >>> import demo_saliency
    >>> from demo_core.testing import parametrize_with_checks
    >>> @parametrize_with_checks(demo_saliency)
    ... def test_contract(check):
    ...     check()
    """
    import pytest

    checks = [c for registered in _all(plugins) for c in checks_for(registered, **settings)]
    reasons = dict(expected_failures or {})
    if unknown := [n for n in reasons if n not in {name for c in checks for name in (c.name, str(c))}]:
        raise ValueError("expected_failures: " + unknown_name("check", unknown[0], [c.name for c in checks]))

    def case(check: Check) -> Any:
        why = reasons.get(str(check), reasons.get(check.name, ""))
        # strict, so that a reason that no longer holds is noticed
        marks = [pytest.mark.xfail(reason=why, raises=AssertionError, strict=True)] if why else []
        return pytest.param(replace(check, expected_failure=why), id=str(check), marks=marks)

    decorator: Callable[[Callable[..., None]], Callable[..., None]]
    decorator = pytest.mark.parametrize("check", [case(c) for c in checks])
    return decorator


def _unowned(spec: Spec) -> Registered[Any]:
    return Registered(spec, Owner("", "under-test", "0", "under test"))


def _all(plugins: Iterable[Checkable]) -> list[Registered[Any]]:
    found: list[Registered[Any]] = []
    for plugin in plugins:
        if isinstance(plugin, ModuleType):
            found += registered_from(plugin)
        elif isinstance(plugin, Registered):
            found.append(plugin)
        else:
            found.append(_unowned(plugin))
    return found
