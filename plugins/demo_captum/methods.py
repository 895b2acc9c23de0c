"""Which classes of Captum explain inputs, and which parameters can be given as text."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import captum.attr

from demo_core import Unsuitable, UsageProblem
from demo_core.errors import unknown_name

#: Parameters that the explainer sets.
_OURS = """self model forward_func inputs baselines target additional_forward_args feature_mask return_convergence_delta
    return_input_shape show_progress verbose custom_attribution_func internal_batch_size device_ids kwargs"""
#: Required parameters that the explainer sets, or for which it has a default.
_GIVEN = {"self", "model", "forward_func", "inputs", "baselines", "sliding_window_shapes", "kwargs"}
#: Classes that compare the sequences of a batch with each other.
_OF_BATCH = {"FeaturePermutation"}
#: Longest sequence for exact Shapley values, which evaluate all permutations of the bases.
_MOST_PERMUTED = 8


@dataclass(frozen=True)
class Method:
    """A class of Captum, with the types of the parameters that can be given."""

    cls: type
    #: Parameters of the constructor and of ``attribute``
    of_class: Mapping[str, Any]
    of_call: Mapping[str, Any]
    #: All parameters of ``attribute``
    takes: frozenset[str]

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.cls.__name__

    @property
    def perturbs(self) -> bool:
        """Whether it changes inputs, so that all letters of a position have one value."""
        return issubclass(self.cls, captum.attr.PerturbationAttribution)

    def parse(self, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the parameters of the constructor and of ``attribute``. Raises UsageProblem."""
        where = f"--parameters {text!r}"
        try:
            call = ast.parse(f"f({text})", mode="eval").body
            if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
                raise ValueError
            given = {str(k.arg): _value(k.value) for k in call.keywords}
            if len(given) < len(call.keywords):
                raise ValueError
        except (SyntaxError, ValueError):
            raise UsageProblem(f'{where}: write NAME=VALUE, ..., such as "n_steps=20, method=riemann_right"') from None
        known = {**self.of_class, **self.of_call}
        for name, value in given.items():
            if name not in known:
                raise UsageProblem(f"{where}: " + unknown_name(f"parameter of {self.name}", name, sorted(known)))
            if not _accepts(known[name], value):
                raise UsageProblem(f"{where}: {name} must be {_said(known[name])}, not {value!r}")
            numbers = value if isinstance(value, tuple) else (value,)
            least = 1 if all(type(n) is int for n in numbers) and float not in _plain(known[name]) else 0
            if any(isinstance(n, int | float) and n < least for n in numbers):
                raise UsageProblem(f"{where}: {name} must be {least} or more, not {value!r}")
            if type(value) is int and int not in _plain(known[name]) and float in _plain(known[name]):
                given[name] = float(value)
        return ({k: v for k, v in given.items() if k in self.of_class},
                {k: v for k, v in given.items() if k not in self.of_class})  # fmt: skip


def find_method(name: str, length: int) -> Method:
    """Return the class of a name. Raises UsageProblem, or Unsuitable if it cannot explain sequences."""
    cls = getattr(captum.attr, name, None)
    if not (inspect.isclass(cls) and issubclass(cls, captum.attr.Attribution)) or name not in captum.attr.__all__:
        raise UsageProblem("--method: " + unknown_name("class of captum.attr", name, sorted(usable_methods())))
    if missing := _missing(cls):
        raise Unsuitable(f"{name} needs {', '.join(sorted(missing))}; use one of {', '.join(sorted(usable_methods()))}")
    if name in _OF_BATCH:
        raise Unsuitable(f"{name} permutes bases across the batch; use FeatureAblation")
    if name == "ShapleyValues" and length > _MOST_PERMUTED:
        raise Unsuitable(
            f"{name} evaluates all permutations of {length} bases (at most {_MOST_PERMUTED}); use ShapleyValueSampling"
        )
    return _method(cls)


def usable_methods() -> dict[str, Method]:
    """Return all classes that explain inputs, by name."""
    every = {name: getattr(captum.attr, name) for name in captum.attr.__all__}
    return {
        name: _method(cls) for name, cls in every.items()
        if inspect.isclass(cls) and issubclass(cls, captum.attr.Attribution)
        and hasattr(cls, "attribute") and not _missing(cls) and name not in _OF_BATCH
    }  # fmt: skip


def _method(cls: Any) -> Method:
    call = inspect.signature(cls.attribute).parameters
    return Method(cls, _settable(cls.__init__), _settable(cls.attribute), frozenset(call))


def _missing(cls: Any) -> set[str]:
    """Return required parameters that the explainer does not give."""
    needed: set[str] = set()
    for function in (cls.__init__, getattr(cls, "attribute", None)):
        if function is None:
            return {"an attribute method"}
        found = inspect.signature(function).parameters.values()
        needed |= {p.name for p in found if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    return needed - _GIVEN


def _settable(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters that plain values can be given for, with their types."""
    hints = get_type_hints(function)
    names = inspect.signature(function).parameters
    return {n: hints[n] for n in names if n not in _OURS.split() and n in hints and _plain(hints[n])}


def _plain(kind: Any) -> tuple[Any, ...]:
    """Return the plain types in an annotation: bool, int, float, str, tuple."""
    if get_origin(kind) in (Union, UnionType):
        return tuple(dict.fromkeys(t for part in get_args(kind) for t in _plain(part)))
    if get_origin(kind) is tuple:
        return (tuple,)
    return (kind,) if kind in (bool, int, float, str) else ()


def _accepts(kind: Any, value: Any) -> bool:
    types = _plain(kind)
    if value is None:
        return get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, types) or (isinstance(value, int) and float in types)


def _said(kind: Any) -> str:
    names = {bool: "True or False", int: "an integer", float: "a number", str: "a word", tuple: "a tuple"}
    return " or ".join(names[t] for t in _plain(kind))


def _value(node: ast.expr) -> Any:
    """Return a literal, or the text of a bare word."""
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)
