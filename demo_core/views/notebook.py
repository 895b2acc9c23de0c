"""Notebook views of datasets, models and explanations: a table and a picture, in self-contained HTML.

All text from files is escaped, there is no script, and the picture is part of the HTML. Needs no torch.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from demo_core.data.record import SPLITS
from demo_core.errors import printable
from demo_core.views.drawing import LETTER_COLOURS, learning_curve_figure
from demo_core.views.figures import best_restart, explanation_figure

if TYPE_CHECKING:
    from demo_core.data.dataset import SequenceDataset
    from demo_core.results.explanation import Explanation

#: Maximum number of rows and targets shown.
_SHOWN = 5
#: Limits for a picture: sequences, stretches in which they are read, and letters.
_SAMPLE, _STRETCHES, _LETTERS, _DRAWN = 2000, 20, 4_000_000, 24
#: Maximum number of labels that are counted; counting all would read all of a large file.
_LABELS = 50_000_000
_BLOCK = 65_536


def html_of(value: Any) -> str:
    """Return the HTML of a dataset, a model or an explanation, for IPython."""
    makers: dict[str, Callable[[Any], str]] = {
        "SequenceDataset": dataset_html,
        "Model": model_html,
        "Explanation": explanation_html,
    }
    return makers[type(value).__name__](value)


def dataset_html(dataset: SequenceDataset) -> str:
    """Return the HTML of a dataset: counts per split, the first sequences, and bases of some sequences. Reads a bounded
    part.
    """
    if not _is_open(dataset.codes):
        return "<em>SequenceDataset, whose file is closed</em>"
    targets = dataset.targets[:_SHOWN]
    few = min(_SHOWN, len(dataset))
    labels = np.asarray(dataset.labels[:few, : len(targets)])
    first = [(dataset.ids[r], *_interval(dataset, r), *(_number(v) for v in labels[r])) for r in range(few)]
    return _page(
        f"SequenceDataset: {_number_of(len(dataset), 'sequence')} of {dataset.length} letters",
        _counts(dataset, targets),
        _table(("id", *_interval_head(dataset), *targets), first, more=len(dataset) - len(first)),
        _picture(_bases_figure(dataset), "Bases along the sequence") if len(dataset) else "",
    )


def _counts(dataset: SequenceDataset, targets: Sequence[str]) -> str:
    names = [*SPLITS, "none"]
    if len(dataset) * len(dataset.targets) > _LABELS:
        return "<p>its labels are too many to be counted here: demo data info counts them</p>"
    found: dict[tuple[int, int], list[NDArray[np.float32]]] = {}
    for start in range(0, len(dataset), _BLOCK):
        labels = np.asarray(dataset.labels[start : start + _BLOCK, : len(targets)])
        split = np.minimum(np.asarray(dataset.split[start : start + _BLOCK]), len(SPLITS))
        for place in np.unique(split):
            for t in range(len(targets)):
                found.setdefault((int(place), t), []).append(labels[split == place, t])
    rows = []
    for (place, t), parts in sorted(found.items()):
        labels = np.concatenate(parts)
        rows.append((names[place], targets[t], f"{len(labels):,}", _told(labels[~np.isnan(labels)], len(labels))))
    further = len(dataset.targets) - len(targets)
    beyond = f"<p>and {further:,} more targets</p>" if further else ""
    return _table(("split", "target", "sequences", "labels"), rows) + beyond


def _told(known: NDArray[np.float32], n: int) -> str:
    """Describe labels: counts of 0 and 1, or their range."""
    if not len(known):
        return "unknown"
    if np.isin(known, (0, 1)).all():
        said = f"{int((known == 1).sum()):,} positive, {int((known == 0).sum()):,} negative"
    else:
        said = f"{known.min():.4g} to {known.max():.4g}, median {np.median(known):.4g}"
    return said + (f", {n - len(known):,} unknown" if n > len(known) else "")


def model_html(model: Any) -> str:
    """Return the HTML of a model: architecture, outputs, training and learning curve."""
    training = model.training
    rows: list[tuple[str, object]] = [
        ("architecture", _owned(model.architecture)),
        ("options", _settings(model.options)),
        ("parameters", f"{sum(p.numel() for p in model.module.parameters()):,}"),
        ("reads", f"{model.length} letters of {model.alphabet.name}, at least {model.min_length}"),
        ("offers", ", ".join(sorted(model.capabilities)) or "nothing"),
        ("device", model.device),
    ]
    if training.get("data"):
        rows.append(("trained on", training["data"]))
    rows += [
        (f"{split} {name}", _number(value))
        for split, measured in model.metrics.items()
        if isinstance(measured, dict)
        for name, value in measured.items()
    ]
    targets = [(o.name, o.activation, o.unit) for o in model.outputs[:_SHOWN]]
    curve = _learning_curve(training)
    return _page(
        f"Model '{model.name}'",
        _table(("", ""), rows),
        _table(("target", "activation", "unit"), targets, more=len(model.outputs) - len(targets)),
        _picture(curve, "Loss and validation score of each epoch") if curve else "<p>no record of a training</p>",
    )


def _learning_curve(training: dict[str, Any]) -> Figure | None:
    """Return the learning curve, if the record is complete; files of others may not be."""
    try:
        return learning_curve_figure(training["epochs"], training["best_epoch"], str(training.get("score", "score")))
    except (KeyError, TypeError, ValueError):
        return None


def explanation_html(explanation: Explanation) -> str:
    """Return the HTML of an explanation: the run, sequences with the highest outputs, and a figure of one."""
    if not _is_open(explanation.values):
        return "<em>Explanation, whose file is closed</em>"
    about, sequences = explanation.metadata, explanation.sequences
    rows: list[tuple[str, object]] = [
        ("explainer", _owned(about["explainer"])),
        ("options", _settings(explanation.provenance.options)),
        ("kind", f"{explanation.kind}, values {tuple(explanation.values.shape)}"),
        ("model", explanation.model_name),
        ("target", explanation.target),
        ("seed", about.get("seed", "?")),
        ("device", about.get("device", "?")),
    ]
    pattern = explanation.kind == "pattern"
    values = np.asarray(explanation.target_values[:], np.float64)
    best = best_restart(explanation) if pattern else explanation.most_confident_positive()
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:_SHOWN]
    letters = explanation.extra("one-hot") if pattern else None
    tops = [
        (
            sequences.ids[r],
            *_interval(sequences, r),
            _number(values[r]),
            *([] if letters is None else [_number(letters[r])]),
        )
        for r in map(int, order)
    ]
    what = "pattern" if pattern else "sequence"
    heads = (
        "id",
        *_interval_head(sequences),
        "target's value, highest first",
        *(["of its best letters"] if pattern else []),
    )
    return _page(
        f"Explanation: {explanation.explainer} of {explanation.target}, {_number_of(len(explanation), what)}",
        _table(("", ""), rows),
        _table(heads, tops, more=len(explanation) - len(tops)),
        _picture(explanation_figure(explanation, best), f"The values of {printable(sequences.ids[best], 60)}"),
    )


def _owned(record: Mapping[str, Any]) -> str:
    name, distribution, version = (str(record.get(part, "?")) for part in ("name", "distribution", "version"))
    return f"{name} ({distribution} {version[:19]})"


def _settings(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items()) or "none"


def _sample(dataset: SequenceDataset) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return codes and first labels of some sequences, from a few stretches, which are fast to read."""
    wanted = max(_DRAWN, min(_SAMPLE, _LETTERS // max(1, dataset.length)))
    if len(dataset) <= wanted:
        return np.asarray(dataset.codes[:]), np.asarray(dataset.labels[:, 0])
    each = max(1, wanted // _STRETCHES)
    starts = np.sort(np.random.default_rng(0).choice(len(dataset) - each + 1, _STRETCHES, replace=False))
    return (
        np.concatenate([dataset.codes[s : s + each] for s in map(int, starts)]),
        np.concatenate([dataset.labels[s : s + each, 0] for s in map(int, starts)]),
    )


def _bases_figure(dataset: SequenceDataset) -> Figure:
    """Plot GC content by position, of positives and of the others, and the letters of some sequences as colours."""
    codes, labels = _sample(dataset)
    letters = dataset.alphabet.letters
    strong = np.isin(codes, [i for i, letter in enumerate(letters) if letter in "GC"])
    known = codes < len(letters)
    places = np.arange(1, codes.shape[1] + 1)  # counted as in the figure of an explanation
    figure = Figure(figsize=(7, 3.2), dpi=96, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    binary = np.isin(labels[~np.isnan(labels)], (0, 1)).all() and not np.isnan(labels).all()
    groups = [("positive", labels == 1, "#b2182b"), ("negative", labels == 0, "#555555")]
    groups += [("unknown", np.isnan(labels), "#a6cee3")]
    for name, mine, colour in groups if binary else [("all", np.ones(len(labels), bool), "#555555")]:
        if mine.any():
            share = strong[mine].sum(0) / np.maximum(1, known[mine].sum(0))
            told = f"{name}, {printable(dataset.targets[0], 40)}" if binary else name
            above.plot(places, share, color=colour, linewidth=1, label=_plain(f"{told} ({int(mine.sum())})"))
    above.set_ylabel("share of G and C")
    above.set_ylim(0, 1)
    above.legend(frameon=False, fontsize=7, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    above.spines[["top", "right"]].set_visible(False)
    colours = ListedColormap([*(LETTER_COLOURS.get(letter, "#000000") for letter in letters), "#ffffff"])
    shown = np.minimum(codes[:: max(1, len(codes) // _DRAWN)][:_DRAWN], len(letters))
    below.imshow(shown, cmap=colours, vmin=0, vmax=len(letters), aspect="auto", interpolation="nearest",
                 extent=(0.5, codes.shape[1] + 0.5, len(shown), 0))  # fmt: skip
    below.set_ylabel(_number_of(len(shown), "sequence"))
    below.set_yticks([])
    below.set_xlabel("position; " + ", ".join(f"{a}: {_COLOUR_NAMES.get(a, 'black')}" for a in letters))
    return figure


#: LETTER_COLOURS as RGB values.
_COLOUR_NAMES = {"A": "green", "C": "blue", "G": "orange", "T": "red"}


def _plain(text: str) -> str:
    """Escape text, so that matplotlib does not parse it as mathematics."""
    return text.replace("$", r"\$")


def _is_open(column: Any) -> bool:
    return isinstance(column, np.ndarray) or bool(column)  # a closed object of h5py is false


def _interval_head(sequences: SequenceDataset) -> tuple[str, ...]:
    return ("interval",) if sequences.intervals is not None else ()


def _interval(sequences: SequenceDataset, row: int) -> tuple[object, ...]:
    return (sequences.interval(row) or "",) if sequences.intervals is not None else ()


def _number_of(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def _number(value: object) -> str:
    if isinstance(value, float | np.floating):
        return "unknown" if np.isnan(value) else f"{float(value):.4g}"
    return str(value)


def _page(title: str, *parts: str) -> str:
    return f"<div><p><strong>{_text(title)}</strong></p>{''.join(parts)}</div>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]], more: int = 0) -> str:
    head = "".join(f"<th>{_text(h)}</th>" for h in heads) if any(heads) else ""
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    rest = f"<p>and {more:,} more</p>" if more > 0 else ""
    return (
        f'<table style="margin-bottom: 0.6em">'
        f"{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>{rest}"
    )


def _text(value: object) -> str:
    return html.escape(printable(value))


def _picture(figure: Figure, alternative: str) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{_text(alternative)}" style="max-width: 100%" src="data:image/png;base64,{data}">'
