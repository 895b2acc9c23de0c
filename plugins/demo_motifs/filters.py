"""Motifs of first-layer filters, the paper's baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from demo_core.data import SequenceDataset, take_rows
from demo_core.errors import MisfitError
from demo_core.models import blaming_network, exact_arithmetic
from demo_core.sequences import Codes
from demo_motifs.found_motif import FoundMotif, Sites
from demo_motifs.per_base_scores import Floats, Rows
from demo_motifs.scanning import composition_of
from demo_motifs.seqlets import Ints

if TYPE_CHECKING:
    from demo_core.models import Model

#: Maximum number of listed windows of a filter.
MOST_SITES = 10_000
#: A window counts if the response is at least this fraction of the filter's maximum (Basset).
SHARE = 0.5


def filter_motifs(model: Model, sequences: SequenceDataset, rows: Rows, least: int) -> list[tuple[int, FoundMotif]]:
    """Return, for each filter by its number, the motif of windows with at least half of its maximum response.

    Filters with fewer than ``least`` such windows are excluded.

    Source: Kelley, Snoek & Rinn, Genome Research 2016, 26:990 (Basset); Alipanahi et al. 2015; the baseline of
    Lanchantin et al., PSB 2017.

    When not to use it: for networks whose filters are wider or narrower than a motif. A filter then matches parts of
    motifs, and later layers, which combine them, are not visible.

    Raises MisfitError for models without ``conv-filters``, or whose first layer strides or dilates.
    """
    layer = _FirstLayer(model)
    peak: Floats | None = None
    for _, responses, _ in _responses(layer, sequences, rows):
        top = responses.max(axis=(0, 2))
        peak = top if peak is None else np.maximum(peak, top)
    if peak is None:
        return []
    width = layer.width
    weights = layer.weights()
    counts = np.zeros((len(peak), 4, width))
    kept = np.zeros(len(peak), np.int64)
    parts: list[tuple[Ints, Ints, Ints, Floats]] = []
    seen = []
    for among, responses, codes in _responses(layer, sequences, rows):
        mask = (responses >= SHARE * peak[:, None]) & (responses > 0) & _known(codes, width)[:, None]
        place, which, first = np.nonzero(mask)
        for column in range(width):
            flat = which * 4 + codes[place, first + column]
            counts[:, :, column] += np.bincount(flat, minlength=counts.shape[0] * 4).reshape(-1, 4)
        # as many of each filter as are listed; the counts include all
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
        weight = weights[one]
        share = counts[one] / counts[one].sum(axis=0)
        found.append((int(one), FoundMotif(counts[one], share * weight, weight, sites, background)))
    return sorted(found, key=lambda f: -len(f[1].sites))


def strongest_windows(model: Model, sequences: SequenceDataset, rows: Rows) -> tuple[Rows, Ints, int]:
    """Return for each sequence the window with the highest response of any filter: rows, starts, and width."""
    layer = _FirstLayer(model)
    width = layer.width
    found, starts = [], []
    for which, responses, codes in _responses(layer, sequences, rows):
        best = np.where(_known(codes, width), responses.max(axis=1), -np.inf)
        usable = np.isfinite(best).any(axis=1)
        found.append(which[usable])
        starts.append(best.argmax(axis=1)[usable])
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *found]), np.concatenate([none, *starts]), width


class _FirstLayer:
    """A model's first convolution as a function of one-hot (B, A, L), for any input of its network.

    Responses are recorded while the whole network runs, so base order, further rows, layout and two-dimensional
    convolutions need no special treatment.
    """

    def __init__(self, model: Model) -> None:
        if "conv-filters" not in model.capabilities:
            offers = ", ".join(sorted(model.capabilities)) or "nothing"
            raise MisfitError(f"filters need a model that offers conv-filters; '{model.name}' offers {offers}")
        self.model, layer = model, model.module.first_layer
        if not isinstance(layer, torch.nn.Conv1d | torch.nn.Conv2d):
            raise self._misfit(f"is a {type(layer).__name__}, not a Conv1d or Conv2d")
        self.layer = layer
        length = model.length
        read, answered = self._run(torch.zeros(1, len(model.alphabet.letters), length, device=model.device))
        axes = [axis for axis in range(2, answered.ndim) if answered.shape[axis] > 1 or answered.ndim == 3]
        if len(axes) != 1 or len(answered) != 1:
            raise self._misfit(f"answers with shape {list(answered.shape)}, not one value for each filter and position")
        self.axis = axes[0]
        # positions of a network with another length are padded or cropped around the centre
        gap = read.shape[self.axis] - length
        wanted = getattr(getattr(model.module, "options", None), "network_length", None) or length
        if read.shape[self.axis] != wanted:
            raise self._misfit(f"reads {read.shape[self.axis]} positions of a sequence of {length}")
        side = self.axis - 2
        self.width = int(self.layer.kernel_size[side])
        if self.layer.stride[side] != 1 or self.layer.dilation[side] != 1:
            raise self._misfit("strides or dilates: its windows are not stretches of DNA")
        padding = self.layer.padding
        before = (self.width - 1) // 2 if padding == "same" else 0 if padding == "valid" else int(padding[side])
        #: Position in the sequence of the window of the first response
        self.first = -before - (gap // 2 if gap >= 0 else -(-gap // 2))

    def responses(self, x: Tensor) -> Tensor:
        """Return responses (B, F, starts) to windows within the sequences."""
        _, answered = self._run(x)
        found = answered if answered.ndim == 3 else answered.squeeze(5 - self.axis)
        starts = x.shape[2] - self.width + 1
        if self.first > 0 or found.shape[2] + self.first < starts:
            # cropped sequences: windows that the network does not read get no response
            left = max(0, self.first)
            right = max(0, starts - (found.shape[2] + self.first))
            found = torch.nn.functional.pad(found, (left, right), value=-torch.inf)
        skipped = max(0, -self.first)
        return found[:, :, skipped : skipped + starts]

    def weights(self) -> Floats:
        """Return the contribution of each base to each filter's response, (F, A, W), relative to a window of unknown
        bases.
        """
        letters, width = len(self.model.alphabet.letters), self.width
        start = (self.model.length - width) // 2
        x = torch.zeros(1 + letters * width, letters, self.model.length, device=self.model.device)
        for letter in range(letters):
            for place in range(width):
                x[1 + letter * width + place, letter, start + place] = 1
        found = self.responses(x)[:, :, start].double()
        added = (found[1:] - found[0]).T.reshape(-1, letters, width)
        if not torch.isfinite(added).all():
            raise self._misfit("gives values that are not finite where bases are unknown")
        return np.asarray(added.cpu().numpy(), np.float64)

    def _run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return input and output of the layer while the network runs."""
        seen: list[tuple[Tensor, Tensor]] = []
        hook = self.layer.register_forward_hook(lambda _, read, answer: seen.append((read[0], answer.clone())))
        try:
            with torch.no_grad(), exact_arithmetic(self.model.device), blaming_network(self.model):
                self.model.outputs_of(x.to(self.model.dtype))
        finally:
            hook.remove()
        if len(seen) != 1 or len(seen[0][1]) != len(x):
            raise self._misfit(f"runs {len(seen)} times on a batch, or on other sequences than it was given")
        return seen[0]

    def _misfit(self, why: str) -> MisfitError:
        return MisfitError(f"the first layer of '{self.model.name}' {why}: its filters cannot be converted to motifs")


def _responses(
    layer: _FirstLayer, sequences: SequenceDataset, rows: Rows
) -> Iterator[tuple[Rows, NDArray[np.float32], Codes]]:
    """Yield rows, responses (n, F, starts) after the rectifier, and codes, block by block; windows are complete."""
    size = layer.model.automatic_batch_size()
    for begin in range(0, len(rows), size):
        which = rows[begin : begin + size]
        codes = take_rows(sequences.codes, which)
        yield which, layer.responses(layer.model.one_hot(codes)).relu().float().cpu().numpy(), codes


def _known(codes: Codes, width: int) -> NDArray[np.bool_]:
    """(n, starts): windows without an unknown base."""
    unknown = np.pad(np.cumsum(codes >= 4, axis=1), ((0, 0), (1, 0)))
    return np.asarray(unknown[:, width:] == unknown[:, :-width])
