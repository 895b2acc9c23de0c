"""Cluster seqlets into motifs, with strand and offset.

Frequent words under the seqlets are seeds. Each grows into a matrix that selects the seqlets it fits, with strand and
offset, and is computed again from them until it no longer changes. These seqlets are removed, and the next seed
follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_motifs.best_runs import Ints, best_run
from demo_motifs.per_base_scores import Floats, information_content
from demo_motifs.scanning import STEP, Scanner, composition_of
from demo_motifs.windows import Windows, oriented

#: Length of a seed in bases.
WORD = 6
#: Columns that a motif may extend beyond its seed, on each side.
_GROW = 12
#: A motif is the stretch of columns with the highest information beyond this number of bits per column.
_COLUMN_BITS = 0.25
_LEAST_WIDTH = 5
#: p-value at which a site that overlaps a seqlet by half lets the seqlet found a motif ...
_LARGEST_P = 1e-3
#: ... and at which a seqlet is assigned to an existing motif.
ASSIGNED_P = 4e-3
_ROUNDS = 12
#: Similarity above which motifs are merged.
_ALIKE = 0.75
#: Fraction of a motif's information that must overlap another motif to be compared with it.
_MOST_OF = 0.7
_MOST_MOTIFS = 40


@dataclass(frozen=True)
class Cluster:
    """Seqlets of one motif.

    ``member`` (M,) are indices of windows. ``start`` and ``strand`` are the position of the motif's ``width`` columns
    in each window. ``p`` is the probability that a stretch of the background fits as well.
    """

    member: Ints
    start: Ints
    strand: Ints
    width: int
    p: Floats


def cluster(windows: Windows, weight: Floats, least: int, *, most: int = _MOST_MOTIFS) -> list[Cluster]:
    """Return the motifs among seqlets, those with the most seqlets first.

    Parameters
    ----------
    windows
        M seqlets.
    weight
        (M, W), weight of each base of a window; 0 outside the seqlet.
    least
        Minimum number of seqlets of a motif.

    Notes
    -----
    Words of six letters are counted on both strands, with their weight, relative to the count expected from base
    composition. A seed with fewer than ``least`` seqlets is dropped, and its word is not used again.

    When not to use it: for motifs that differ by one or two bases. They are merged.
    """
    background = composition_of(windows.codes)
    words, rarity = _words(windows.codes), _rarity(background)
    mass = np.pad(np.cumsum(weight, axis=1), ((0, 0), (1, 0)))
    under = np.maximum(mass[:, WORD:] - mass[:, :-WORD], 0.0)
    free = np.ones(len(windows), bool)
    given_up = np.zeros(4**WORD, bool)
    found: list[Cluster] = []
    while free.sum() >= least and len(found) < most:
        seed = _best_word(words[free], under[free], rarity, given_up)
        if seed is None:
            break
        grown = _grow(windows, mass, np.flatnonzero(free), words, under, seed, least, background)
        if grown is None:
            given_up[[seed, _turned(seed)]] = True
            continue
        found.append(grown)
        free[grown.member] = False
    return sorted(found, key=lambda c: -len(c.member))


def distinct(matrices: list[Floats], alike: float = _ALIKE) -> list[int]:
    """Return indices of counts (4, W) that are unlike every earlier one, in any alignment and on either strand."""
    kept: list[int] = []
    for place, counts in enumerate(matrices):
        if all(likeness(matrices[other], counts) < alike for other in kept):
            kept.append(place)
    return kept


def likeness(one: Floats, other: Floats) -> float:
    """Similarity of two count matrices at their best alignment: the cosine of their columns, weighted by bits.

    Only alignments count in which most of the information of one matrix overlaps the other, so half a motif is similar
    to the whole.
    """
    a, b = (_weighted(m) for m in (one, other))
    whole = (float((a**2).sum()), float((b**2).sum()))
    best = 0.0
    for turned in (b, b[::-1, ::-1]):
        for shift in range(1 - turned.shape[1], a.shape[1]):
            low, high = max(shift, 0), min(a.shape[1], shift + turned.shape[1])
            x, y = a[:, low:high], turned[:, low - shift : high - shift]
            size = (float((x**2).sum()), float((y**2).sum()))
            if max(size[0] / max(whole[0], 1e-12), size[1] / max(whole[1], 1e-12)) >= _MOST_OF:
                best = max(best, float((x * y).sum()) / max(math.sqrt(size[0] * size[1]), 1e-12))
    return best


def _weighted(counts: Floats) -> Floats:
    share = counts / np.maximum(counts.sum(axis=0), 1e-9)
    return np.asarray((share - 0.25) * information_content(share))


def matrix(windows: Windows, cluster: Cluster) -> Floats:
    """Sum each letter in each column over the members: counts (4, width)."""
    mine = oriented(windows.letters[cluster.member], cluster.start, cluster.strand, cluster.width)
    return np.asarray(mine.sum(axis=0, dtype=np.float64))


def log_odds(counts: Floats, background: Floats) -> Floats:
    """Log-odds (4, W) in bits of counts, after adding one background site."""
    sites = counts.sum(axis=0)
    return np.asarray(np.log2((counts + background[:, None]) / (sites + 1) / background[:, None]))


def trimmed(counts: Floats, background: Floats) -> slice:
    """Return the columns of counts (4, W) that form the motif: the stretch with the highest information beyond a
    minimum per column.

    Information is relative to the background, in bits, corrected for few sites (Schneider et al., J. Mol. Biol. 1986,
    188:415). A gap inside is kept if the columns beyond it outweigh it. Empty if no column is informative.
    """
    sites = counts.sum(axis=0)
    share = counts / np.maximum(sites, 1e-9)
    logs = np.log2(share / background[:, None], out=np.zeros_like(share), where=share > 0)
    bits = (share * logs).sum(axis=0) - 3 / (2 * np.log(2) * np.maximum(sites, 1))
    bits[sites < sites.max() / 2] = -np.inf
    _, start, end = best_run((bits - _COLUMN_BITS)[None])
    return slice(int(start[0]), int(end[0]))


def place(
    windows: Windows, mass: Floats, among: Ints, pwm: Floats, background: Floats, largest_p: float = _LARGEST_P
) -> Cluster:
    """Return windows with a site of a matrix that overlaps their seqlet, each with its best site."""
    scanner = Scanner(pwm, background, largest_p)
    width = pwm.shape[1]
    hits = scanner.hits(windows.codes[among])
    member = among[hits.row]
    overlap = np.minimum(windows.end[member], hits.start + width) - np.maximum(windows.start[member], hits.start)
    enough = 2 * overlap >= np.minimum(windows.end[member] - windows.start[member], width)
    # among equally good sites, the one with the most evidence
    evidence = mass[member, hits.start + width] - mass[member, hits.start]
    whole = np.maximum(mass[member, -1], 1e-12)
    rank = hits.score / STEP + evidence / whole
    usable = np.flatnonzero(enough)
    order = usable[np.lexsort((-rank[usable], member[usable]))]
    best = order[np.unique(member[order], return_index=True)[1]]
    return Cluster(member[best], hits.start[best], hits.strand[best], width, hits.p[best])


def some(cluster: Cluster, keep: NDArray[np.bool_]) -> Cluster:
    """Return some of a cluster's members."""
    return Cluster(cluster.member[keep], cluster.start[keep], cluster.strand[keep], cluster.width, cluster.p[keep])


def _grow(
    windows: Windows, mass: Floats, among: Ints, words: Ints, under: Floats, seed: int, least: int, background: Floats
) -> Cluster | None:
    """Return the motif of a seed, or None if too few seqlets fit."""
    now = _occurrences(words, under, among, seed)
    if now is None:
        return None
    seen: set[bytes] = set()
    for _ in range(_ROUNDS):
        wide = Cluster(now.member, now.start - _GROW, now.strand, now.width + 2 * _GROW, now.p)
        counts = matrix(windows, wide)
        columns = trimmed(counts, background)
        if columns.stop - columns.start < _LEAST_WIDTH:
            return None
        now = place(windows, mass, among, log_odds(counts[:, columns], background), background)
        if len(now.member) < least:
            return None
        state = now.member.tobytes() + now.start.tobytes()
        if state in seen:
            break
        seen.add(state)
    return now


def _occurrences(words: Ints, under: Floats, among: Ints, seed: int) -> Cluster | None:
    """Return the occurrence of a word with the highest weight in each window, on either strand."""
    mine = words[among]
    forward, backward = mine == seed, mine == _turned(seed)
    weight = np.where(forward | backward, under[among], 0.0)
    start = weight.argmax(axis=1)
    each = np.arange(len(among))
    has = weight[each, start] > 0
    strand = np.where(forward[each, start], 1, -1)
    return Cluster(among[has], start[has], strand[has], WORD, np.zeros(int(has.sum()))) if has.any() else None


def _best_word(words: Ints, under: Floats, rarity: Floats, given_up: NDArray[np.bool_]) -> int | None:
    """Most over-represented word, weighted by attribution; a word and its reverse complement count as one."""
    n = len(words)
    weight = np.where(words >= 0, under, 0.0)
    safe = np.maximum(words, 0)
    one = np.minimum(safe, _TURNED[safe])
    # count each sequence once, in case of repeats: the occurrence with the highest weight in each window
    flat = (np.arange(n)[:, None] * 4**WORD + one).ravel()
    keys, which = np.unique(flat, return_inverse=True)
    heaviest = np.zeros(len(keys))
    np.maximum.at(heaviest, which, weight.ravel())
    held = np.bincount(keys % 4**WORD, weights=heaviest, minlength=4**WORD)
    total = float(weight.sum())
    expected = total * rarity
    # standard deviations of a count, in units of the mean weight of an occurrence
    unit = total / max(1, int((weight > 0).sum()))
    score = np.where(given_up, -np.inf, (held - expected) / np.sqrt(np.maximum(expected, unit) * max(unit, 1e-12)))
    best = int(score.argmax())
    return best if total > 0 and held[best] > 0 and score[best] > 3 else None


def _words(codes: NDArray[np.uint8]) -> Ints:
    """Return the number of the word at each position, -1 where a base is unknown."""
    m, width = codes.shape
    places = width - WORD + 1
    words, known = np.zeros((m, places), np.int64), np.ones((m, places), bool)
    for at in range(WORD):
        letter = codes[:, at : at + places]
        words = words * 4 + np.minimum(letter, 3)
        known &= letter < 4
    return np.where(known, words, -1)


def _rarity(background: Floats) -> Floats:
    """Return the probability of each word and its complement together, under independent bases."""
    chance = np.ones(1)
    for _ in range(WORD):
        chance = (chance[:, None] * background).ravel()
    # the background is the same on both strands, so a word and its complement are equally likely
    both = np.where(np.arange(4**WORD) == _TURNED, chance, 2 * chance)
    return np.asarray(both)


def _turned(word: int) -> int:
    turned = 0
    for _ in range(WORD):
        turned, word = turned * 4 + (3 - word % 4), word // 4
    return turned


_TURNED = np.array([_turned(w) for w in range(4**WORD)])
