"""Provenance of an explanation: the metadata of its file, parsed and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from demo_core.errors import printable, unknown_name
from demo_core.models.outputs import Output
from demo_core.plugins.specs import KINDS, Extra

T = TypeVar("T")

_FORMS = ("output", "probability", "loss", "difference")


@dataclass(frozen=True)
class ExplainerInfo:
    """The explainer, and its plugin and distribution.

    Examples
    --------
    >>> from demo_core.results import ExplainerInfo
    >>> ExplainerInfo("saliency", version="0.1.0").version
    '0.1.0'
    """

    name: str
    plugin: str = "?"
    distribution: str = "?"
    version: str = "?"
    origin: str = "?"


@dataclass(frozen=True)
class ModelInfo:
    """The model: its name, the digest of its weights, its outputs, and the content of ``model.json``.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> model = explain("saliency", tiny_model(), tiny_dataset(8)).provenance.model
    >>> [output.name for output in model.outputs]
    ['bound']
    """

    name: str
    outputs: tuple[Output, ...]
    digest: str
    architecture: Mapping[str, Any]
    options: Mapping[str, Any]
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class TargetInfo:
    """The target: ``form`` (output, probability, loss or difference) of one or two outputs.

    Examples
    --------
    >>> from demo_core.models import Output
    >>> from demo_core.results import TargetInfo
    >>> TargetInfo("bound", "output", (Output("bound"),)).is_logit
    True
    """

    name: str
    form: str
    outputs: tuple[Output, ...]

    @property
    def is_logit(self) -> bool:
        """Whether its value is a logit, so that it has a probability too."""
        return self.form == "output" and self.outputs[0].is_probability


@dataclass(frozen=True)
class Provenance:
    """Record of how an explanation was made.

    Parameters
    ----------
    record
        The record as plain JSON, as in the file.
    kind, channels, hypothetical, adds_up
        Those of the explainer's spec.
    explainer
        Name, plugin, distribution, version and origin of the explainer.
    model, target
        The model and the target.
    options
        Resolved options of the explainer.
    average_strands
        Whether values are means over both strands.
    warnings
        Reasons to distrust the values.
    options_changed
        Options that differ from the defaults; all options if the file does not state it.
    unit
        Unit of the values; '' if the explainer names none.
    extras
        Names of further numbers that the explainer returned for each sequence.
    fingerprint
        Everything that determines the values; empty if the file does not state it.

    Examples
    --------
    >>> from demo_core import explain
    >>> from demo_core.testing import tiny_dataset, tiny_model
    >>> provenance = explain("saliency", tiny_model(), tiny_dataset(8)).provenance
    >>> provenance.explainer.name, dict(provenance.options)
    ('saliency', {'simplex': False})
    """

    record: Mapping[str, Any]
    kind: str
    channels: tuple[str, ...]
    hypothetical: bool
    adds_up: bool
    explainer: ExplainerInfo
    model: ModelInfo
    target: TargetInfo
    options: Mapping[str, Any]
    options_changed: Mapping[str, Any]
    unit: str
    average_strands: bool
    extras: tuple[str, ...]
    fingerprint: Mapping[str, Any]
    warnings: tuple[str, ...]

    @property
    def described_extras(self) -> tuple[Extra, ...]:
        """The extras with help text and unit, '' where the file states none."""
        about = self.record.get("extras_about")
        found = {name: one for name, one in about.items() if isinstance(one, dict)} if isinstance(about, dict) else {}
        texts = {name: [printable(one.get(key, ""), 200) for key in ("help", "unit")] for name, one in found.items()}
        return tuple(Extra(name, *texts.get(name, ["", ""])) for name in self.extras)

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> Provenance:
        """Parse metadata. Raises ValueError that names the invalid field."""
        kind = _get(record, "kind", str)
        if kind not in KINDS:
            raise ValueError(unknown_name("kind", kind, KINDS))
        model, target = _model(_get(record, "model", dict)), _target(_get(record, "target", dict))
        if unknown := {o.name for o in target.outputs} - {o.name for o in model.outputs}:
            raise ValueError(f"target.outputs: '{printable(min(unknown), 60)}' is no output of the model")
        explainer = _get(record, "explainer", dict)
        origin = ("plugin", "distribution", "version", "origin")
        options = _get(record, "options", dict)
        return cls(
            record=record,
            kind=kind,
            channels=_texts(record, "channels"),
            hypothetical=_get(record, "hypothetical", bool, True),
            adds_up=_get(record, "adds_up", bool, False),
            explainer=ExplainerInfo(_name("explainer", explainer), *(str(explainer.get(key, "?")) for key in origin)),
            model=model,
            target=target,
            options=options,
            options_changed=_get(record, "options_changed", dict, options),
            unit=_get(record, "unit", str, ""),
            average_strands=_get(record, "average_strands", bool, False),
            extras=_texts(record, "extras"),
            fingerprint=_get(record, "fingerprint", dict, {}),
            warnings=tuple(map(str, said)) if isinstance(said := record.get("warnings"), list) else (),
        )


def _model(said: Mapping[str, Any]) -> ModelInfo:
    records = (said.get(key) for key in ("architecture", "options", "training", "metrics"))
    return ModelInfo(
        _name("model", said),
        _outputs("model.targets", said.get("targets")),
        str(said.get("digest") or "unknown"),
        *(one if isinstance(one, dict) else {} for one in records),  # files of others may hold anything
    )


def _target(said: Mapping[str, Any]) -> TargetInfo:
    name, form = _name("target", said), said.get("form", "output")
    if form not in _FORMS:
        raise ValueError(f"target.form: {unknown_name('form', str(form), _FORMS)}")
    outputs = _outputs("target.outputs", said.get("outputs"))
    if not outputs:
        raise ValueError("target.outputs: the target names no output")
    return TargetInfo(name, form, outputs)


def _outputs(where: str, said: object) -> tuple[Output, ...]:
    try:
        return tuple(Output(o["name"], o["activation"], o.get("unit", "")) for o in cast("list[dict[str, Any]]", said))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{where}: expected a list of names with activations ({printable(error)})") from None


def _name(owner: str, said: Mapping[str, Any]) -> str:
    name = said.get("name")
    if not isinstance(name, str):
        raise ValueError(f"{owner} has no name")
    return name


def _get(record: Mapping[str, Any], field: str, kind: type[T], default: T | None = None) -> T:
    value = record.get(field, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind):
        said = "is missing" if field not in record else f"must be {kind.__name__}, not {printable(repr(value), 40)}"
        raise ValueError(f"{field} {said}")
    return value


def _texts(record: Mapping[str, Any], field: str) -> tuple[str, ...]:
    value = record.get(field)
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{field} must be a list of texts, not {printable(repr(value), 40)}")
    return tuple(value)
