"""Runs of a figure or report: opened explanation files, checked against each other, and labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo_core.errors import DemoError, UsageProblem, printable
from demo_core.models import Output
from demo_core.results import Explanation, TargetInfo


@dataclass(frozen=True)
class Run:
    """One explanation with labels that are unique in the report.

    Parameters
    ----------
    explanation, path
        The opened file.
    label
        Unique label: model and explainer, and target or options if other runs differ only in those.
    model
        Name of the model, unique among models.
    note
        Options that differ from the defaults, and strand averaging.
    """

    explanation: Explanation
    path: Path
    label: str
    model: str
    note: str

    @property
    def target(self) -> TargetInfo:
        """Target as described by the file."""
        return self.explanation.provenance.target

    @property
    def is_pattern(self) -> bool:
        """Whether this run has optimised inputs instead of sequences."""
        return self.explanation.kind == "pattern"

    @property
    def output(self) -> Output:
        """First output from which the target is computed."""
        return self.target.outputs[0]


@contextmanager
def open_runs(paths: Sequence[Path]) -> Iterator[list[Run]]:
    """Open explanations and label them. Raises UsageProblem or DemoError if they do not fit together."""
    resolved = [p.resolve() for p in paths]
    if again := [p for p in resolved if resolved.count(p) > 1]:
        raise UsageProblem(f"{again[0]} is given twice; give it once")
    with ExitStack() as stack:
        opened = [stack.enter_context(Explanation.open(path)) for path in paths]
        for explanation, path in zip(opened, paths, strict=True):
            if not len(explanation):
                raise DemoError(f"{path} contains no sequence; omit it, or run demo explain again")
        _check_same_axis(opened, paths)
        yield _named(opened, paths)


def _check_same_axis(opened: Sequence[Explanation], paths: Sequence[Path]) -> None:
    first: tuple[Explanation, Path] | None = None
    for explanation, path in zip(opened, paths, strict=True):
        if explanation.kind == "pattern":
            continue
        if first is None:
            first = explanation, path
        here, there = explanation.sequences, first[0].sequences
        if here.alphabet != there.alphabet:
            raise UsageProblem(
                f"{path} is of {here.alphabet.name}, {first[1]} of {there.alphabet.name}: give "
                "explanations of the same data"
            )
        if here.length != there.length:
            raise UsageProblem(
                f"{path} is of sequences of {here.length} bases, {first[1]} of {there.length}: "
                "give explanations of the same data"
            )


def _named(opened: Sequence[Explanation], paths: Sequence[Path]) -> list[Run]:
    models = _model_names(opened)
    notes = [_note(e) for e in opened]
    targets = {e.target for e in opened}
    heads = [
        f"{model}: {printable(e.explainer, 40)}" + (f" of {printable(e.target, 60)}" if len(targets) > 1 else "")
        for e, model in zip(opened, models, strict=True)
    ]
    count = Counter(heads)
    labels = [
        f"{head} ({note or 'default options'})" if count[head] > 1 else head
        for head, note in zip(heads, notes, strict=True)
    ]
    for label, n in Counter(labels).items():
        if n > 1:  # they differ in seed or device, for example; the file names distinguish them
            labels = [
                f"{one} [{printable(path.name.removesuffix('.h5'), 60)}]" if one == label else one
                for one, path in zip(labels, paths, strict=True)
            ]
    labels = [one if labels.count(one) == 1 else f"{one} {place + 1}" for place, one in enumerate(labels)]
    return [
        Run(explanation, path, label, model, note)
        for explanation, path, label, model, note in zip(opened, paths, labels, models, notes, strict=True)
    ]


def _model_names(opened: Sequence[Explanation]) -> list[str]:
    """Return a unique name for each run's model: with the start of its digest if two have the same name."""
    models = list(dict.fromkeys((e.model_name, digest_of(e)) for e in opened))
    short = {model: printable(model[0], 40) for model in models}
    for apart in ({m: f"[{m[1][:6]}]" for m in models}, {m: str(place + 1) for place, m in enumerate(models)}):
        count = Counter(short.values())
        short = {m: name if count[name] == 1 else f"{name} {apart[m]}" for m, name in short.items()}
    return [short[e.model_name, digest_of(e)] for e in opened]


def digest_of(explanation: Explanation) -> str:
    """Digest of the model's weights, from the file."""
    return printable(explanation.provenance.model.digest, 64)


def _note(explanation: Explanation) -> str:
    changed = explanation.provenance.options_changed
    said = [f"{printable(k, 40)} = {printable(v, 40)}" for k, v in changed.items()]
    if explanation.provenance.average_strands:
        said.append("both strands averaged")
    return ", ".join(said)
