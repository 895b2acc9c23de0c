"""How the contract changes and older plugins still work: for one ``DEMO_API`` more, with a warning.

A field that is renamed goes on being taken under its older name (``renamed_fields``), an argument of a hook that is
replaced goes on being given (``OLDER_ARGUMENTS`` in ``demo_core.plugins``), and a plugin built for the version before
is loaded (``OLDER_APIS`` there). Authors see a ``PluginDeprecation`` in their tests, users a word in ``demo plugins``.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

C = TypeVar("C", bound=type)

_noted: ContextVar[list[str] | None] = ContextVar("deprecations", default=None)
_refused: ContextVar[list[str] | None] = ContextVar("refused specs", default=None)


class PluginDeprecation(DeprecationWarning):
    """A plugin uses an older form of the contract, which the next ``DEMO_API`` will not take."""


@contextmanager
def noting() -> Iterator[list[str]]:
    """Within it, what ``deprecated`` says is kept in the list as well."""
    found: list[str] = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def deprecated(text: str, *, stacklevel: int = 1, at: tuple[str, int] | None = None) -> None:
    """Warn of an older form, where it is used: ``stacklevel`` from the caller, or ``at`` a file and a line."""
    found = _noted.get()
    if found is not None and text not in found:
        found.append(text)
    if at is None:
        warnings.warn(text, PluginDeprecation, stacklevel=stacklevel + 1)
    else:
        warnings.warn_explicit(text, PluginDeprecation, *at)


class TakesOlderNames(type):
    """The type of classes whose fields may have been renamed: older names become newer ones before all else."""

    def __call__(cls, *values: Any, **given: Any) -> Any:
        """Make one of ``cls``, from older names as well."""
        for old, new in getattr(cls, "_older_names", {}).items():
            if old in given:
                if new in given:
                    raise TypeError(f"{cls.__name__}: '{old}' is the older name of '{new}': give one of them")
                deprecated(f"{cls.__name__}: the field '{old}' is now called '{new}'", stacklevel=2)
                given[new] = given.pop(old)
        refused = _refused.get()
        if refused is None:
            return super().__call__(*values, **given)
        try:
            return super().__call__(*values, **given)
        except (ValueError, TypeError) as error:
            refused.append(f"{cls.__name__} '{given.get('name', '?')}': {error}")
            return Refused()


class Refused:
    """Placeholder for a spec that breaks the contract."""


@contextmanager
def refusing() -> Iterator[list[str]]:
    """Replace invalid specs by ``Refused`` in this context; collect the reasons in a list."""
    found: list[str] = []
    token = _refused.set(found)
    try:
        yield found
    finally:
        _refused.reset(token)


def renamed_fields(**names: str) -> Callable[[C], C]:
    """Decorator of a spec's class: fields, also of its subclasses, have older names as well, ``older="newer"``."""

    def decorate(cls: C) -> C:
        cls._older_names = {**getattr(cls, "_older_names", {}), **names}  # type: ignore[attr-defined]
        for old, new in names.items():
            setattr(cls, old, property(functools.partial(_read, old, new)))
        return cls

    return decorate


def _read(old: str, new: str, spec: Any) -> Any:
    deprecated(f"{type(spec).__name__}: the field '{old}' is now called '{new}'", stacklevel=2)
    return getattr(spec, new)
