"""The paper's baseline: motifs of the windows that a network's first-layer filters like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from demo_core.dataset import SequenceDataset, take_rows
from demo_core.errors import MisfitError
from demo_core.sequences import DNA, Codes
from demo_motifs.evidence import Floats, Rows
from demo_motifs.found import FoundMotif, Sites
from demo_motifs.scanning import composition_of
from demo_motifs.seqlets import Ints

if TYPE_CHECKING:
    from demo_core.model import Model

_BLOCK = 512
#: Windows of a filter that are listed.
MOST_SITES = 10_000
#: A window counts if a filter responds to it by at least this share of its strongest response (Basset).
SHARE = 0.5


def filter_motifs(model: Model, sequences: SequenceDataset, rows: Rows, least: int) -> list[tuple[int, FoundMotif]]:
    """For each filter, by its number, the motif of the windows that it responds to by half its maximum or more.

    Filters that respond to fewer than ``least`` windows are left out.

    Source: Kelley, Snoek & Rinn, Genome Research 2016, 26:990 (Basset); Alipanahi et al. 2015; the baseline of
    Lanchantin et al., PSB 2017.

    When not to use it: for networks whose filters are wider or narrower than a motif; a filter then sees parts of
    several, and what the network makes of them later does not show.

    Raises MisfitError for models without ``conv-filters``, or whose first layer strides or dilates.
    """
    peak: Floats | None = None
    for _, responses, _ in _responses(model, sequences, rows):
        top = responses.max(axis=(0, 2))
        peak = top if peak is None else np.maximum(peak, top)
    if peak is None:
        return []
    width = _layer(model).kernel_size[0]
    counts = np.zeros((len(peak), 4, width))
    kept = np.zeros(len(peak), np.int64)
    parts: list[tuple[Ints, Ints, Ints, Floats]] = []
    seen = []
    for among, responses, codes in _responses(model, sequences, rows):
        mask = (responses >= SHARE * peak[:, None]) & (responses > 0) & _known(codes, width)[:, None]
        place, which, first = np.nonzero(mask)
        for column in range(width):
            flat = which * 4 + codes[place, first + column]
            counts[:, :, column] += np.bincount(flat, minlength=counts.shape[0] * 4).reshape(-1, 4)
        # of each filter as many as are worth listing; the counts are of all
        order = np.argsort(which, kind="stable")
        rank = np.empty(len(which), np.int64)
        rank[order] = np.arange(len(which)) - np.searchsorted(which[order], which[order])
        few = rank + kept[which] < MOST_SITES
        kept += np.bincount(which, minlength=len(kept))
        place, which, first = place[few], which[few], first[few]
        parts.append((among[place], which, first, responses[place, which, first].astype(np.float64)))
        seen.append(composition_of(codes))
    row, number, start, score = (np.concatenate([p[i] for p in parts]) for i in range(4))
    background = np.mean(seen, axis=0)
    found = []
    for one in np.unique(number).tolist():
        mine = number == one
        if mine.sum() < least:
            continue
        n = int(mine.sum())
        first, end = start[mine], start[mine] + width
        nothing = np.full(n, np.nan)
        sites = Sites(row[mine], first, end, np.ones(n, np.int64), score[mine], nothing, first, end, [""] * n)
        weight = _layer(model).weight[one].detach().double().cpu().numpy()
        share = counts[one] / counts[one].sum(axis=0)
        found.append((int(one), FoundMotif(counts[one], share * weight, weight, sites, background)))
    return sorted(found, key=lambda f: -len(f[1].sites))


def strongest_windows(model: Model, sequences: SequenceDataset, rows: Rows) -> tuple[Rows, Ints, int]:
    """For each sequence the window that any filter responds to most: rows, starts, and the width of all."""
    width = _layer(model).kernel_size[0]
    found, starts = [], []
    for which, responses, codes in _responses(model, sequences, rows):
        best = np.where(_known(codes, width), responses.max(axis=1), -np.inf)
        usable = np.isfinite(best).any(axis=1)
        found.append(which[usable])
        starts.append(best.argmax(axis=1)[usable])
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *found]), np.concatenate([none, *starts]), width


def _layer(model: Model) -> torch.nn.Conv1d:
    if "conv-filters" not in model.capabilities:
        offers = ", ".join(sorted(model.capabilities)) or "nothing"
        raise MisfitError(f"filters need a model that offers conv-filters; '{model.name}' offers {offers}")
    layer = model.module.first_layer
    assert isinstance(layer, torch.nn.Conv1d)
    if layer.stride[0] != 1 or layer.dilation[0] != 1 or layer.in_channels != 4:
        raise MisfitError(f"the first layer of '{model.name}' strides or dilates: its windows are not stretches of DNA")
    return layer


def _responses(
    model: Model, sequences: SequenceDataset, rows: Rows
) -> Iterator[tuple[Rows, NDArray[np.float32], Codes]]:
    """Rows, responses (n, F, starts) after the rectifier, and codes, a block at a time; windows are whole."""
    layer = _layer(model)
    for begin in range(0, len(rows), _BLOCK):
        which = rows[begin : begin + _BLOCK]
        codes = take_rows(sequences.codes, which)
        x = torch.from_numpy(DNA.one_hot(codes)).to(model.device)
        with torch.no_grad():
            # without the padding of the layer itself: a window that reaches past the end is no stretch of DNA
            out = torch.nn.functional.conv1d(x, layer.weight, layer.bias).relu()
        yield which, out.float().cpu().numpy(), codes


def _known(codes: Codes, width: int) -> NDArray[np.bool_]:
    """(n, starts): windows without an unknown base."""
    unknown = np.pad(np.cumsum(codes >= 4, axis=1), ((0, 0), (1, 0)))
    return np.asarray(unknown[:, width:] == unknown[:, :-width])
