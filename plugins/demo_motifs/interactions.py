"""Effects of two motifs in a model: each alone, and both together at each distance and arrangement."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from demo_core.sequences import DNA, Codes
from demo_motifs.pairs import ARRANGEMENTS
from demo_motifs.per_base_scores import Floats

if TYPE_CHECKING:
    from demo_core.models import Model, Target


@dataclass(frozen=True)
class Interaction:
    """Means over background sequences, in the target's unit.

    Parameters
    ----------
    a, b
        Indices of the motifs in the given list.
    arrangement
        Arrangement as in ``pairs.ARRANGEMENTS``: A is on the forward strand, b on the other strand.
    distance
        Distance between the two in bases.
    effect_a, effect_b, joint
        Change of the target when A, B, or both are planted at these positions.
    interaction, low, high
        ``joint - effect_a - effect_b``, with a 95 % interval over backgrounds.
    """

    a: int
    b: int
    arrangement: str
    distance: int
    effect_a: float
    effect_b: float
    joint: float
    interaction: float
    low: float
    high: float


class Planter:
    """Predictions for background sequences with planted motifs; each set of sites is predicted once.

    Parameters
    ----------
    backgrounds
        (R, L) codes without motifs, such as shuffled sequences.
    """

    def __init__(self, model: Model, target: Target, backgrounds: Codes) -> None:
        self._model, self._target, self._backgrounds = model, target, backgrounds
        self._known: dict[tuple[tuple[int, bytes], ...], Floats] = {}
        self.plain = self._predict(())

    def effect(self, *planted: tuple[int, Codes]) -> Floats:
        """Return the change of the target in every background when sites are planted: (R,)."""
        key = tuple(sorted((start, site.tobytes()) for start, site in planted))
        if key not in self._known:
            self._known[key] = self._predict(planted) - self.plain
        return self._known[key]

    def forget(self) -> None:
        """Clear the cache, for the next pair."""
        self._known.clear()

    def _predict(self, planted: Sequence[tuple[int, Codes]]) -> Floats:
        codes = self._backgrounds.copy()
        for start, site in planted:
            codes[:, start : start + len(site)] = site
        outputs = torch.from_numpy(self._model.predict(codes))
        return np.asarray(self._target(outputs).double().numpy())


def best_site(ppm: Floats) -> Codes:
    """Return the most likely letters of a motif: (W,) codes."""
    return np.asarray(ppm.argmax(axis=0), np.uint8)


def interactions(
    planter: Planter, sites: Sequence[Codes], length: int, distances: Sequence[int], done: Callable[[int], None]
) -> list[Interaction]:
    """Measure every pair of motifs, in every arrangement, at every distance at which both fit.

    The pair lies around the middle of the sequence. A alone and B alone are planted at the same positions as in the
    pair, so an effect of position does not look like an interaction.

    When not to use it: to learn where motifs lie in the data. The model predicts sequences that may be unlike its
    training data. A logit near its maximum leaves little room for a second motif, which looks like a negative
    interaction.
    """
    found = []
    for a in range(len(sites)):
        for b in range(a, len(sites)):
            for arrangement in _distinct(sites[a], sites[b], same=a == b):
                for distance in distances:
                    one = _one(planter, sites, (a, b), arrangement, distance, length)
                    if one is not None:
                        found.append(one)
            planter.forget()
            done(1)
    return found


def _distinct(a: Codes, b: Codes, *, same: bool) -> list[str]:
    """Return the distinct arrangements of a motif with itself."""
    if not same:
        return list(ARRANGEMENTS)
    # two sites of one motif on one strand: neither is the first; palindromes have no strand
    return ["A B"] if np.array_equal(DNA.reverse_complement(a), a) else ["A B", "A b", "b A"]


def _one(
    planter: Planter, sites: Sequence[Codes], pair: tuple[int, int], arrangement: str, distance: int, length: int
) -> Interaction | None:
    a = sites[pair[0]]
    b = sites[pair[1]] if "B" in arrangement else DNA.reverse_complement(sites[pair[1]])
    span = len(a) + distance + len(b)
    if span > length:
        return None
    first = (length - span) // 2
    if arrangement.startswith("A"):
        place_a, place_b = first, first + len(a) + distance
    else:
        place_b, place_a = first, first + len(b) + distance
    effect_a, effect_b = planter.effect((place_a, a)), planter.effect((place_b, b))
    joint = planter.effect((place_a, a), (place_b, b))
    each = joint - effect_a - effect_b
    reach = 1.959964 * float(each.std(ddof=1)) / math.sqrt(len(each)) if len(each) > 1 else math.nan
    mean = float(each.mean())
    return Interaction(
        *pair, arrangement, distance, float(effect_a.mean()), float(effect_b.mean()), float(joint.mean()),
        mean, mean - reach, mean + reach,
    )  # fmt: skip
