"""Specs: light descriptions of plugins, whose targets are imported on first use."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypeVar, cast, dataclass_transform

from demo_core.errors import unknown_name
from demo_core.plugins.dataset_option import DatasetFile
from demo_core.plugins.options import NO_OPTIONS, check_options_class, options_of

#: Capabilities of a model. Each word promises a member; see docs/contract.md.
CAPABILITIES = frozenset({"gradients", "variable-length", "recurrent", "prefix-logits", "conv-filters", "attention"})

#: Capabilities of third parties: the name of a package and a word.
_FOREIGN_CAPABILITY = re.compile(r"[a-z][a-z0-9_-]*:[a-z][a-z0-9-]*")

#: Kinds of explanation, fixed in version 1.
KINDS = ("attribution", "trace", "pattern", "interaction")

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")

S_contra = TypeVar("S_contra", contravariant=True)
#: The function that a hook receives; call it once per spec.
Register: TypeAlias = Callable[[S_contra], None]


class SpecError(ValueError):
    """A spec breaks the contract; the message names the field and the reason."""


_refusals: ContextVar[list[str] | None] = ContextVar("refusals", default=None)


@contextmanager
def refusals() -> Iterator[list[str]]:
    """In this block, mark specs that break the contract as ``refused`` and collect the reasons in the list."""
    found: list[str] = []
    token = _refusals.set(found)
    try:
        yield found
    finally:
        _refusals.reset(token)


C = TypeVar("C", bound=type)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def _spec(cls: C) -> C:
    """Make a frozen dataclass whose invalid arguments ``refusals`` can collect."""
    made: Any = dataclass(frozen=True, kw_only=True)(cls)
    initialise = made.__init__

    @functools.wraps(initialise)
    def __init__(self: Any, *values: Any, **given: Any) -> None:
        try:
            initialise(self, *values, **given)
        except (ValueError, TypeError) as error:
            collected = _refusals.get()
            if collected is None:
                raise
            collected.append(f"{cls.__name__} '{given.get('name', '?')}': {error}")
            object.__setattr__(self, "refused", True)

    made.__init__ = __init__
    return cast("C", made)


@_spec
class Spec:
    """Fields of every spec.

    Parameters
    ----------
    name
        Name that the user types: lower-case words joined by hyphens.
    target
        ``"package.module:attribute"``, imported when first used, so that listing plugins stays fast.
    summary
        One line for listings.
    options
        A frozen dataclass of options. Default: no options.
    requires
        Modules that must be importable; checked without importing them.
    extra
        The extra of the plugin's distribution that installs the modules of ``requires``.
    docs
        URL of the documentation. Default: the URL in the distribution's metadata.
    paper
        Source of the method, one line: "Simonyan 2013, arXiv:1312.6034".
    """

    what: ClassVar[str] = "spec"
    #: Whether the spec breaks the contract, see ``refusals``.
    refused: ClassVar[bool] = False

    name: str
    target: str
    summary: str
    options: type = NO_OPTIONS
    requires: tuple[str, ...] = ()
    extra: str | None = None
    docs: str = ""
    paper: str = ""

    def __post_init__(self) -> None:
        """Check the fields, and name the invalid one."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise SpecError(f"name {self.name!r} must be lower-case words joined by hyphens, like 'my-method'")
        if not isinstance(self.target, str) or not _TARGET.fullmatch(self.target):
            raise SpecError(f"target {self.target!r} of '{self.name}' must look like 'package.module:Class'")
        for where in ("summary", "docs", "paper"):
            text = getattr(self, where)
            if not isinstance(text, str) or not text.isprintable() or (where == "summary" and not text.strip()):
                raise SpecError(f"{where} of '{self.name}' must be one line of text")
        object.__setattr__(self, "requires", _words("requires", self.name, self.requires))
        try:
            if self.options is not NO_OPTIONS:
                check_options_class(self.options)
                if self.what != "explainer" and any(o.scalar is DatasetFile for o in options_of(self.options)):
                    raise TypeError("only explainers can have options of type DatasetFile")
        except TypeError as error:
            raise SpecError(f"options of '{self.name}': {error}") from None


@_spec
class Architecture(Spec):
    """A network: the target is a ``torch.nn.Module`` class.

    ``__init__(options, *, letters, length, n_targets)``; ``forward(x)`` takes one-hot ``(B, A, L)`` floats and
    returns outputs ``(B, T)`` before activation.

    Parameters
    ----------
    provides
        Capabilities of a model. ``provides`` of the module, which knows its options, takes precedence.
    training
        Defaults of ``demo train`` that differ for this network: ``{"learning_rate": 0.01}``. ``demo train`` checks
        them.

    Examples
    --------
    >>> from demo_core import Architecture
    >>> spec = Architecture(
    ...     name="dilated",
    ...     target="demo_dilated.network:Dilated",
    ...     summary="Dilated convolutions.",
    ...     provides={"gradients"},
    ... )
    >>> spec.name, sorted(spec.provides)
    ('dilated', ['gradients'])
    """

    what: ClassVar[str] = "architecture"

    provides: Iterable[str] = frozenset({"gradients"})
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check capabilities and training too."""
        super().__post_init__()
        object.__setattr__(self, "provides", check_capabilities(self.name, self.provides))
        if not isinstance(self.training, Mapping) or not all(isinstance(key, str) for key in self.training):
            raise SpecError(f"training of '{self.name}' must be a mapping of names to values, not {self.training!r}")


@_spec
class DatasetReader(Spec):
    """A reader of sequence files: the target is a class with ``__init__(options)`` and ``read(source)``.

    ``read`` yields ``Record`` or ``RecordBlock``.

    Parameters
    ----------
    suffixes
        File suffixes, such as ``".fa"``, ``".fa.gz"``, by which ``demo data import`` chooses the reader.

    Examples
    --------
    >>> from demo_core import DatasetReader
    >>> DatasetReader(name="mine", target="mine:Reader", summary="My tables.", suffixes=(".mine.tsv",)).suffixes
    ('.mine.tsv',)
    """

    what: ClassVar[str] = "reader"

    suffixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the suffixes too."""
        super().__post_init__()
        suffixes = _words("suffixes", self.name, self.suffixes)
        for suffix in suffixes:
            if not suffix.startswith((".", "_")) or "." not in suffix or suffix != suffix.lower():
                problem = "must be lower case, contain a dot, and begin with a dot or an underscore"
                raise SpecError(f"suffix {suffix!r} of '{self.name}' {problem}")
        object.__setattr__(self, "suffixes", suffixes)


@dataclass(frozen=True)
class Extra:
    """A number that an explainer returns for each sequence, in ``Result.per_sequence``.

    Parameters
    ----------
    name
        Its key in ``Result.per_sequence``, and the heading of its column.
    help
        What it measures, in one sentence.
    unit
        Its unit, such as "logit" or "steps".

    Examples
    --------
    >>> from demo_core import Extra
    >>> Extra("steps", "Number of gradients along the path.", "steps").unit
    'steps'
    """

    name: str
    help: str
    unit: str = ""

    def __post_init__(self) -> None:
        """Check that all fields are one line of text."""
        if not all(isinstance(text, str) and text.isprintable() for text in (self.name, self.help, self.unit)):
            raise SpecError(f"name, help and unit of extra {self.name!r} must be one line of text")
        if not self.name.strip() or not self.help.strip():
            raise SpecError(f"extra {self.name!r} needs a name and a help text")


@_spec
class Explainer(Spec):
    """An explainer: the target is a class with ``__init__(options)`` and ``explain(model, batch, target)``.

    Parameters
    ----------
    kind
        Kind of the values and their shape: attribution ``(B, A, L)``, trace ``(B, C, L)``, interaction ``(B, L, L)``;
        pattern ``(R, A, L)`` for one target, from ``explain(model, target, random)``.
    channels
        Names of a trace's channels. Default: those of the explainer's method ``channels(model)``.
    needs
        Capabilities that the model must offer.
    hypothetical
        For attributions: whether letters that are not present have a value too.
    adds_up
        Whether the sum of ``values * x`` equals the target minus ``Result.baseline``; checked and recorded.
    tolerance
        Largest completeness error that a sequence may have, as a fraction of the output difference. ``demo check``
        compares the mean absolute error with this fraction of the mean sum of ``|values * x|``.
    extras
        Numbers for each sequence, with help text and unit.
    expensive
        Whether ``demo explain all`` omits it unless ``--also NAME`` is given.

    Examples
    --------
    >>> from demo_core import Explainer
    >>> Explainer(name="mine", target="mine:Mine", summary="My method.", kind="attribution").hypothetical
    True
    """

    what: ClassVar[str] = "explainer"

    kind: str
    channels: tuple[str, ...] = ()
    needs: Iterable[str] = frozenset()
    hypothetical: bool = True
    adds_up: bool = False
    tolerance: float = 0.01
    extras: tuple[Extra, ...] = ()
    expensive: bool = False

    def __post_init__(self) -> None:
        """Check kind, channels and needs too."""
        super().__post_init__()
        if self.kind not in KINDS:
            raise SpecError(f"'{self.name}': " + unknown_name("kind", str(self.kind), KINDS))
        object.__setattr__(self, "channels", _words("channels", self.name, self.channels))
        object.__setattr__(self, "needs", check_capabilities(self.name, self.needs))
        if self.channels and self.kind != "trace":
            raise SpecError(f"'{self.name}': channels are for explainers of kind trace only")
        if self.name == "all":
            raise SpecError("'all' is reserved (it runs every explainer); choose another name")
        if self.adds_up and self.kind != "attribution":
            raise SpecError(f"'{self.name}': only attributions can add up")
        if not isinstance(self.tolerance, int | float) or not 0 < self.tolerance < 1:
            raise SpecError(f"'{self.name}': tolerance must be a number between 0 and 1, not {self.tolerance!r}")
        if not isinstance(self.extras, tuple) or not all(isinstance(extra, Extra) for extra in self.extras):
            raise SpecError(f"'{self.name}': extras must be a tuple of Extra, not {self.extras!r}")
        names = [extra.name for extra in self.extras]
        if len(set(names)) < len(names) or "completeness-error" in names:
            raise SpecError(f"'{self.name}': names of extras must differ, and 'completeness-error' is the core's own")


@_spec
class Command(Spec):
    """A further ``demo`` command: the target is a click command.

    Examples
    --------
    >>> from demo_core import Command
    >>> Command(name="mine", target="mine:command", summary="Print a table.").what
    'command'
    """

    what: ClassVar[str] = "command"

    options: type = field(default=NO_OPTIONS, init=False)


#: Any kind of spec.
AnySpec: TypeAlias = Architecture | DatasetReader | Explainer | Command


def check_capabilities(name: str, words: Iterable[str]) -> frozenset[str]:
    """Return the capabilities as a set. Raises SpecError on an unknown word."""
    found = frozenset(_words("capabilities", name, tuple(words) if not isinstance(words, str) else words))
    for word in sorted(w for w in found - CAPABILITIES if not _FOREIGN_CAPABILITY.fullmatch(w)):
        raise SpecError(f"'{name}': " + unknown_name("capability", word, CAPABILITIES))
    return found


def _words(where: str, name: str, words: object) -> tuple[str, ...]:
    # A string is iterable too: ("captum") instead of ("captum",) would become six modules.
    if isinstance(words, str) or not isinstance(words, tuple | list | set | frozenset):
        raise SpecError(f"{where} of '{name}' must be a tuple of strings, not {words!r}")
    if not all(isinstance(word, str) and word for word in words):
        raise SpecError(f"{where} of '{name}' must be a tuple of non-empty strings, not {words!r}")
    return tuple(words)
