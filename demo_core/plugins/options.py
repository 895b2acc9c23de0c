"""Options: the fields of a frozen dataclass as text, checked values, JSON and JSON schema.

Every plugin's module imports this module, so it imports nothing heavy. ``demo_core.cli.flags`` makes flags of options.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from demo_core.errors import PluginError, UsageProblem, one_line, printable, unknown_name
from demo_core.plugins.dataset_option import DatasetFile, as_dataset_file

_SCALARS: dict[type, str] = {
    bool: "boolean", int: "integer", float: "number", str: "string", Path: "path", DatasetFile: "dataset",
}  # fmt: skip
_METADATA = frozenset({"help", "minimum", "maximum", "choices"})

O = TypeVar("O")  # noqa: E741 - the options class


@dataclass(frozen=True)
class NoOptions:
    """Options class of plugins without options."""


NO_OPTIONS = NoOptions


@dataclass(frozen=True)
class Option:
    """One field of an options class."""

    name: str
    scalar: type[Any]
    choices: tuple[Any, ...]
    optional: bool
    #: None for a single value, 0 for a tuple of any length, n for a tuple of n values
    items: int | None
    default: Any
    help: str
    minimum: float | None
    maximum: float | None

    @property
    def required(self) -> bool:
        """Whether the user must give it."""
        return self.default is dataclasses.MISSING

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off, with a flag for each."""
        return self.scalar is bool and self.items is None and not self.optional

    @property
    def flag(self) -> str:
        """Name of the flag."""
        return "--" + self.name.replace("_", "-")

    def flag_of(self, owner: str) -> str:
        """Long form ``--OWNER-FIELD``, which no command uses for itself."""
        return f"--{owner.replace(':', '-')}-{self.flag[2:]}"

    def parse(self, text: str) -> Any:
        """Parse text from a command line. Raises ValueError with the reason."""
        if self.optional and text.lower() == "none":
            return None
        if self.items is None:
            return self.check(_from_text(self.scalar, text))
        words = [w for w in text.split(",") if w.strip()]
        return self.check(tuple(_from_text(self.scalar, w.strip()) for w in words))

    def check(self, value: Any) -> Any:
        """Check a value and convert it to its type. Raises ValueError with the reason."""
        if value is None and self.optional:
            return None
        if self.items is None:
            return self._check_one(value)
        if isinstance(value, str | bytes) or not isinstance(value, list | tuple):
            raise ValueError(f"expected a list of values, got {_quoted(value)}")
        if self.items and len(value) != self.items:
            raise ValueError(f"expected {self.items} values, got {len(value)}")
        return tuple(self._check_one(v) for v in value)

    def _check_one(self, value: Any) -> Any:
        scalar = self.scalar
        if scalar is float and type(value) is int and abs(value) < 2**1023:
            value = float(value)
        if scalar is Path and isinstance(value, str):
            value = Path(value)
        if scalar is DatasetFile:
            value = as_dataset_file(value)
        # isinstance counts bool as int, and `--layers true` is a mistake
        if not isinstance(value, scalar) or (isinstance(value, bool) and scalar is not bool):
            raise ValueError(f"expected {_SCALARS[scalar]}, got {_quoted(value)}")
        if scalar is float and not math.isfinite(value):
            raise ValueError(f"expected a finite number, got {value}")
        if self.choices and value not in self.choices:
            raise ValueError(unknown_name("choice", str(value), map(str, self.choices)))
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be at least {_bound(self.minimum)}, got {value}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"must be at most {_bound(self.maximum)}, got {value}")
        return value


def check_options_class(cls: object) -> None:
    """Raise TypeError, with the reason, unless ``cls`` is a frozen dataclass of supported fields."""
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls!r} is not a dataclass")
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise TypeError(f"{cls.__name__} must be @dataclass(frozen=True)")
    for option in options_of(cls):
        if not option.required:
            try:
                option.check(option.default)
            except ValueError as error:
                raise TypeError(f"default of field '{option.name}': {error}") from None


def options_of(cls: type) -> tuple[Option, ...]:
    """Return the fields of an options class in order.

    Parameters
    ----------
    cls
        An options class.

    Returns
    -------
    tuple
        Its fields in order.

    Raises
    ------
    TypeError
        On a field of an unsupported type.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from demo_core.plugins import options_of
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     window: int = 9
    >>> [option.flag for option in options_of(Options)]
    ['--window']
    """
    hints = get_type_hints(cls)
    return tuple(_option(f, hints[f.name]) for f in dataclasses.fields(cls))


def _option(field: dataclasses.Field[Any], hint: Any) -> Option:
    if not field.init:
        raise TypeError(f"field '{field.name}' must be settable")
    stray = set(field.metadata) - _METADATA
    if stray:
        raise TypeError(f"metadata of field '{field.name}': " + unknown_name("key", min(stray), _METADATA))
    optional, items, choices = False, None, tuple(field.metadata.get("choices", ()))
    if get_origin(hint) in (Union, types.UnionType):
        rest = [a for a in get_args(hint) if a is not type(None)]
        if len(rest) != 1 or len(get_args(hint)) != 2:
            raise TypeError(f"field '{field.name}': a union can only be with None")
        optional, hint = True, rest[0]
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        items = 0 if inner[-1] is Ellipsis else len(inner)
        if len({a for a in inner if a is not Ellipsis}) != 1:
            raise TypeError(f"field '{field.name}': a tuple's items must be of one type")
        hint = inner[0]
    if items is not None and hint is DatasetFile:
        raise TypeError(f"field '{field.name}': a dataset cannot be an item of a tuple; use one field for each")
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        if len({type(c) for c in choices}) != 1:
            raise TypeError(f"field '{field.name}': choices must be of one type")
        hint = type(choices[0])
    if hint not in _SCALARS:
        supported = "bool, int, float, str, Path, DatasetFile, Literal, tuples and Optional of these"
        raise TypeError(f"field '{field.name}' has type {hint!r}; options can be {supported}")
    default = field.default
    if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    meta = field.metadata
    return Option(
        name=field.name,
        scalar=hint,
        choices=choices,
        optional=optional,
        items=items,
        default=default,
        help=str(meta.get("help", "")),
        minimum=meta.get("minimum"),
        maximum=meta.get("maximum"),
    )


def build(cls: type[O], values: Mapping[str, Any], of: str) -> O:
    """Make an instance from plain values, and check each.

    ``of`` names the owner in messages ("explainer 'saliency'").

    Parameters
    ----------
    cls
        An options class.
    values
        Plain values by field.
    of
        The owner, for messages: "explainer 'saliency'".

    Returns
    -------
    object
        An instance of ``cls``.

    Raises
    ------
    UsageProblem
        On an unknown name, listing the valid ones, or an invalid value.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from demo_core.plugins import build
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     window: int = 9
    >>> build(Options, {"window": 5}, "explainer 'mine'")
    Options(window=5)
    """
    known = {o.name: o for o in options_of(cls)}
    checked = {}
    for name, value in values.items():
        key = name.replace("-", "_")
        if key not in known:
            raise UsageProblem(f"{of}: " + unknown_name("option", name, known))
        if value is None and known[key].required and not known[key].optional:
            continue  # a flag that was not given
        try:
            checked[key] = known[key].check(value)
        except ValueError as error:
            raise UsageProblem(f"{of}: option '{key}': {error}") from None
    missing = [o.flag for o in known.values() if o.required and o.name not in checked]
    if missing:
        raise UsageProblem(f"{of}: needs {', '.join(missing)}")
    try:
        return cls(**checked)
    except ValueError as error:  # a class may check fields against each other
        from demo_core.plugins.failures import places, refuses

        if refuses(error, cls.__module__):
            raise UsageProblem(f"{of}: {error}") from None
        raise PluginError(f"options of {of} failed: {one_line(error)}{places(error, cls.__module__)}") from error


def from_settings(cls: type, settings: Iterable[str], of: str) -> dict[str, Any]:
    """Parse texts NAME=VALUE.

    Parameters
    ----------
    cls
        An options class.
    settings
        Texts NAME=VALUE.
    of
        The owner, for messages.

    Returns
    -------
    dict
        Values by field.

    Raises
    ------
    UsageProblem
        On another text, an unknown name, or an invalid value.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from demo_core.plugins import from_settings
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     window: int = 9
    >>> from_settings(Options, ["window=5"], "explainer 'mine'")
    {'window': 5}
    """
    known = {o.name: o for o in options_of(cls)}
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        key = name.strip().replace("-", "_")
        if not equals or not key:
            raise UsageProblem(f"{of}: '{printable(setting, 60)}' is not NAME=VALUE")
        if key not in known:
            raise UsageProblem(f"{of}: " + unknown_name("option", name, known))
        try:
            value = known[key].parse(text)
        except ValueError as error:
            raise UsageProblem(f"{of}: option '{key}': {error}") from None
        # parts of a list are joined
        found[key] = (*found[key], *value) if isinstance(found.get(key), tuple) and value is not None else value
    return found


def as_json(options: object) -> dict[str, Any]:
    """Return resolved values as plain JSON, in the order of the fields."""
    return {
        f.name: _plain(getattr(options, f.name))
        for f in dataclasses.fields(options)  # type: ignore[arg-type]
    }


def changed(options: object) -> dict[str, Any]:
    """Return the values that differ from the defaults, as plain JSON.

    Parameters
    ----------
    options
        An instance of an options class.

    Returns
    -------
    dict
        Values that differ from the defaults, as plain JSON.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from demo_core.plugins import changed
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     window: int = 9
    ...     shuffles: int = 8
    >>> changed(Options(window=5))
    {'window': 5}
    """
    known = {o.name: o for o in options_of(type(options))}
    return {
        name: value
        for name, value in as_json(options).items()
        if known[name].required or value != _plain(known[name].default)
    }


def variable(owner: str, option: Option) -> str:
    """Return the environment variable of an option.

    Parameters
    ----------
    owner
        Name of the plugin.
    option
        A field of its options class.

    Returns
    -------
    str
        Name of the environment variable.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from demo_core.plugins import options_of, variable
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     window: int = 9
    >>> variable("mine", options_of(Options)[0])
    'DEMO_MINE_WINDOW'
    """
    return f"DEMO_{owner}_{option.name}".upper().replace("-", "_")


def from_environment(cls: type, owner: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Read an owner's options from the environment.

    Parameters
    ----------
    cls
        An options class.
    owner
        Name of the plugin.
    environ
        The environment.

    Returns
    -------
    dict
        Values by field.

    Raises
    ------
    UsageProblem
        On an invalid value.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from demo_core.plugins import from_environment
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     window: int = 9
    >>> from_environment(Options, "mine", {"DEMO_MINE_WINDOW": "5"})
    {'window': 5}
    """
    found = {}
    for option in options_of(cls):
        name = variable(owner, option)
        if name in environ:
            try:
                found[option.name] = option.parse(environ[name])
            except ValueError as error:
                raise UsageProblem(f"{name}: {error}") from None
    return found


def metavar(option: Option) -> str:
    """Return the placeholder in help: INTEGER, NUMBER,... or the choices."""
    one = "|".join(map(str, option.choices)) if option.choices else _SCALARS[option.scalar].upper()
    if option.items is None:
        return one
    return f"{one},..." if option.items == 0 else ",".join([one] * option.items)


def usage(option: Option, owner: str = "") -> str:
    """Return the flag with its value, as typed: ``--filters INTEGER,...``, ``--simplex/--no-simplex``.

    With ``owner``, return the long form: ``--saliency-simplex/--no-saliency-simplex``.

    Parameters
    ----------
    option
        A field of an options class.
    owner
        Name of the plugin, for the long form.

    Returns
    -------
    str
        The flag with its value, as typed.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from demo_core.plugins import options_of, usage
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     window: int = 9
    >>> usage(options_of(Options)[0], "mine")
    '--mine-window INTEGER'
    """
    flag = option.flag_of(owner) if owner else option.flag
    return f"{flag}/--no-{flag[2:]}" if option.is_switch else f"{flag} {metavar(option)}"


def describe(option: Option, *, required: bool = True) -> str:
    """Return the help text with range and default. ``required`` False omits "[required]".

    Parameters
    ----------
    option
        A field of an options class.
    required
        Whether to add "[required]" to a required option.

    Returns
    -------
    str
        Help text with range and default.

    Examples
    --------
    >>> from dataclasses import dataclass, field
    >>> from demo_core.plugins import describe, options_of
    >>> @dataclass(frozen=True)
    ... class Options:
    ...     window: int = field(default=9, metadata={"help": "Bases shuffled at a time.", "minimum": 2})
    >>> describe(options_of(Options)[0])
    'Bases shuffled at a time. [at least 2; default: 9]'
    """
    notes = []
    if option.minimum is not None and option.maximum is not None:
        notes.append(f"{_bound(option.minimum)} to {_bound(option.maximum)}")
    elif option.minimum is not None:
        notes.append(f"at least {_bound(option.minimum)}")
    elif option.maximum is not None:
        notes.append(f"at most {_bound(option.maximum)}")
    if option.required:
        notes += ["required"] if required else []
    else:
        default = _plain(option.default)
        shown = ",".join(map(str, default)) if isinstance(default, list) else default
        if isinstance(default, bool):
            shown = "on" if default else "off"
        notes.append("default: none" if shown in (None, "") else f"default: {shown}")
    return f"{option.help} [{'; '.join(notes)}]".strip() if notes else option.help


def _from_text(scalar: type, text: str) -> Any:
    if scalar is bool:
        words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
        if text.lower() not in words:
            raise ValueError(f"expected true or false, got {_quoted(text)}")
        return words[text.lower()]
    try:
        return scalar(text)
    except ValueError:
        raise ValueError(f"expected {_SCALARS[scalar]}, got {_quoted(text)}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path | DatasetFile) else value


def _quoted(value: Any) -> str:
    return f"'{printable(value, 60)}'" if isinstance(value, str) else printable(repr(value), 60)


def _bound(value: float) -> str:
    """Format a limit in full: 100000000, not 1e+08."""
    return str(value) if isinstance(value, int) else f"{value:g}"
