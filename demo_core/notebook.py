"""What datasets, models and explanations look like in a notebook: a table and a picture, in HTML that stands alone.

Every text out of a file is escaped, there is no script, and the picture is part of the HTML. Needs no torch.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from demo_core.drawing import LETTER_COLOURS, learning_curve_figure
from demo_core.errors import printable
from demo_core.figures import best_restart, explanation_figure
from demo_core.records import SPLITS

if TYPE_CHECKING:
    from demo_core.dataset import SequenceDataset
    from demo_core.explanation import Explanation

#: So many sequences are read for a picture, spread over the dataset, and so many rows are shown of anything.
_SAMPLE = 2000
_SHOWN = 5
_SEQUENCES = 24


def dataset_html(dataset: SequenceDataset) -> str:
    """Counts of each split, the first sequences, and bases along the sequence. Reads labels whole, codes in part."""
    if not _is_open(dataset.codes):
        return "<em>SequenceDataset, whose file is closed</em>"
    labels, split = np.asarray(dataset.labels[:]), np.asarray(dataset.split[:])
    counts = []
    for name, rows in [(s, split == i) for i, s in enumerate(SPLITS)] + [("none", split >= len(SPLITS))]:
        for column, target in enumerate(dataset.targets):
            mine = labels[rows, column]
            if len(mine):
                numbers = (len(mine), (mine > 0.5).sum(), (mine <= 0.5).sum(), np.isnan(mine).sum())
                counts.append((name, target, *map(int, numbers)))
    first = [
        (dataset.ids[r], *_interval(dataset, r), *(_number(v) for v in labels[r]))
        for r in range(min(_SHOWN, len(dataset)))
    ]
    return _page(
        f"SequenceDataset: {len(dataset):,} sequences of {dataset.length} letters",
        _table(("split", "target", "sequences", "positive", "negative", "unknown"), counts),
        _table(("id", *_interval_head(dataset), *dataset.targets), first, more=len(dataset) - len(first)),
        _picture(_bases_figure(dataset, labels[:, 0]), "Bases along the sequence") if len(dataset) else "",
    )


def model_html(model: Any) -> str:
    """What it is, what it predicts and how it was trained, with its learning curve."""
    about, training = model.architecture, model.training
    version = f"{about.get('distribution', '?')} {about.get('version', '?')[:19]}"
    rows: list[tuple[str, object]] = [
        ("architecture", f"{about.get('name', '?')} ({version})"),
        ("options", ", ".join(f"{k} = {v}" for k, v in model.options.items()) or "none"),
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
    epochs, best = training.get("epochs"), training.get("best_epoch")
    curve = learning_curve_figure(epochs, best, str(training.get("score", "score"))) if epochs and best else None
    return _page(
        f"Model '{model.name}'",
        _table(("", ""), rows),
        _table(("target", "activation", "unit"), [(o.name, o.activation, o.unit) for o in model.outputs]),
        _picture(curve, "Loss and validation score of each epoch") if curve else "<p>not trained here</p>",
    )


def explanation_html(explanation: Explanation) -> str:
    """Which run it is, the sequences of the highest outputs, and the picture of one."""
    if not _is_open(explanation.values):
        return "<em>Explanation, whose file is closed</em>"
    about, sequences = explanation.metadata, explanation.sequences
    owner = about["explainer"]
    rows: list[tuple[str, object]] = [
        ("explainer", f"{explanation.explainer} ({owner.get('distribution', '?')} {owner.get('version', '?')[:19]})"),
        ("options", ", ".join(f"{k} = {v}" for k, v in about["options"].items()) or "none"),
        ("kind", f"{explanation.kind}, values {tuple(explanation.values.shape)}"),
        ("model", explanation.model_name),
        ("target", explanation.target),
        ("seed", about["seed"]),
        ("device", about["device"]),
    ]
    pattern = explanation.kind == "pattern"
    values = np.asarray(explanation.target_values[:], np.float64)
    best = best_restart(explanation) if pattern else explanation.most_confident_positive()
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:_SHOWN]
    tops = [(sequences.ids[int(r)], *_interval(sequences, int(r)), _number(values[r])) for r in order]
    return _page(
        f"Explanation: {explanation.explainer} of {explanation.target}, {len(explanation):,} "
        + ("patterns" if pattern else "sequences"),
        _table(("", ""), rows),
        _table(
            ("id", *_interval_head(sequences), "target's value, highest first"), tops, more=len(explanation) - len(tops)
        ),
        _picture(explanation_figure(explanation, best), f"The values of {printable(sequences.ids[best], 60)}"),
    )


def _bases_figure(dataset: SequenceDataset, labels: np.ndarray[Any, Any]) -> Figure:
    """GC along the sequence, of positives and of the others, and some sequences, a colour for each letter."""
    # drawn at random: every k-th row would be one of the positives where they alternate with negatives
    draw = np.random.default_rng(0).choice(len(dataset), min(_SAMPLE, len(dataset)), replace=False)
    rows = np.sort(draw)
    codes = dataset.take(rows).codes[:]
    letters = dataset.alphabet.letters
    strong = np.isin(codes, [i for i, letter in enumerate(letters) if letter in "GC"])
    known = codes < len(letters)
    figure = Figure(figsize=(7, 3.2), dpi=96, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    positive = labels[rows] > 0.5
    for name, mine, colour in (("positive", positive, "#b2182b"), ("the others", ~positive, "#555555")):
        if mine.any():
            share = strong[mine].sum(0) / np.maximum(1, known[mine].sum(0))
            above.plot(share, color=colour, linewidth=1, label=f"{name} ({int(mine.sum())} of the sample)")
    above.set_ylabel("share of G and C")
    above.set_ylim(0, 1)
    above.legend(frameon=False, fontsize=7, ncols=2)
    above.spines[["top", "right"]].set_visible(False)
    colours = ListedColormap([*(LETTER_COLOURS.get(letter, "#000000") for letter in letters), "#ffffff"])
    some = np.sort(draw[:_SEQUENCES])
    shown = np.minimum(codes[np.searchsorted(rows, some)], len(letters))
    below.imshow(shown, cmap=colours, vmin=0, vmax=len(letters), aspect="auto", interpolation="nearest")
    below.set_ylabel(f"{len(some)} sequences")
    below.set_yticks([])
    below.set_xlabel("position; " + ", ".join(f"{a}: {_COLOUR_NAMES.get(a, 'black')}" for a in letters))
    return figure


#: What LETTER_COLOURS looks like.
_COLOUR_NAMES = {"A": "green", "C": "blue", "G": "orange", "T": "red"}


def _is_open(column: Any) -> bool:
    return isinstance(column, np.ndarray) or bool(column)  # h5py says of what is closed that it is false


def _interval_head(sequences: SequenceDataset) -> tuple[str, ...]:
    return ("interval",) if sequences.intervals is not None else ()


def _interval(sequences: SequenceDataset, row: int) -> tuple[object, ...]:
    return (sequences.interval(row) or "",) if sequences.intervals is not None else ()


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
