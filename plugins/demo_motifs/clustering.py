"""From seqlets to motifs: a fast clustering that aligns seqlets with strand and offset.

Frequent words under the seqlets are seeds; each grows into a matrix that picks the seqlets it fits, with strand and
offset, and is made anew from them until that settles. The seqlets it explains are taken out, and the next seed follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_motifs.per_base_scores import Floats, information_content
from demo_motifs.scanning import STEP, Scanner, composition_of
from demo_motifs.seqlets import Ints, best_run
from demo_motifs.windows import Windows, oriented

#: Letters of a seed.
WORD = 6
#: Columns that a motif may reach beyond its seed, on each side.
_GROW = 12
#: A motif is the stretch of columns that together say the most beyond so many bits each.
_COLUMN_BITS = 0.25
_LEAST_WIDTH = 5
#: A seqlet makes a motif if so unlikely a site of it overlaps the seqlet by half ...
_LARGEST_P = 1e-3
#: ... and belongs to one that is made if it has a site as unlikely as this.
ASSIGNED_P = 4e-3
_ROUNDS = 12
#: Motifs more alike than this are one.
_ALIKE = 0.75
#: Of what a motif says, the share that has to lie on another to be compared with it.
_MOST_OF = 0.7
_MOST_MOTIFS = 40


@dataclass(frozen=True)
class Cluster:
    """Seqlets that show one motif.

    ``member`` (M,) are places among the windows; ``start`` and ``strand`` say where in each window the motif's
    ``width`` columns lie, and how it reads; ``p`` how likely a stretch of the background fits as well.
    """

    member: Ints
    start: Ints
    strand: Ints
    width: int
    p: Floats


def cluster(windows: Windows, weight: Floats, least: int, *, most: int = _MOST_MOTIFS) -> list[Cluster]:
    """The motifs among seqlets, the best supported first.

    Parameters
    ----------
    windows
        M seqlets.
    weight
        (M, W), how much each base of a window says for being part of a motif; 0 outside the seqlet.
    least
        Seqlets that a motif needs.

    Notes
    -----
    Words of six letters are counted on both strands, by the weight under them, against what the composition of the
    windows lets expect. A seed that gathers fewer than ``least`` seqlets is given up, and its word not tried again.

    When not to use it: for motifs that differ by a base or two. They become one.
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
    """Of counts (4, W) those unlike every one before them, in any alignment and on either strand: their places."""
    kept: list[int] = []
    for place, counts in enumerate(matrices):
        if all(likeness(matrices[other], counts) < alike for other in kept):
            kept.append(place)
    return kept


def likeness(one: Floats, other: Floats) -> float:
    """How alike two matrices of counts are at their best alignment: the cosine of their columns, weighted by bits.

    Only alignments count in which most of what one of them says lies on the other, so that a half of a motif is like
    the whole.
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
    """How much of each letter stands in each column, summed over the members: counts (4, width)."""
    mine = oriented(windows.letters[cluster.member], cluster.start, cluster.strand, cluster.width)
    return np.asarray(mine.sum(axis=0, dtype=np.float64))


def log_odds(counts: Floats, background: Floats) -> Floats:
    """Log-odds (4, W) in bits of counts, with one site of the background added."""
    sites = counts.sum(axis=0)
    return np.asarray(np.log2((counts + background[:, None]) / (sites + 1) / background[:, None]))


def trimmed(counts: Floats, background: Floats) -> slice:
    """The columns of counts (4, W) that make the motif: the stretch of the most information beyond a little each.

    Information is against the background, in bits, corrected for few sites (Schneider et al., J. Mol. Biol. 1986,
    188:415). A gap inside stays if what lies beyond it outweighs it. Empty if nothing says anything.
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
    """Of some windows those with a site of a matrix that overlaps their seqlet, each with its best site."""
    scanner = Scanner(pwm, background, largest_p)
    width = pwm.shape[1]
    hits = scanner.hits(windows.codes[among])
    member = among[hits.row]
    overlap = np.minimum(windows.end[member], hits.start + width) - np.maximum(windows.start[member], hits.start)
    enough = 2 * overlap >= np.minimum(windows.end[member] - windows.start[member], width)
    # of sites as good as each other the one that the evidence lies under
    evidence = mass[member, hits.start + width] - mass[member, hits.start]
    whole = np.maximum(mass[member, -1], 1e-12)
    rank = hits.score / STEP + evidence / whole
    usable = np.flatnonzero(enough)
    order = usable[np.lexsort((-rank[usable], member[usable]))]
    best = order[np.unique(member[order], return_index=True)[1]]
    return Cluster(member[best], hits.start[best], hits.strand[best], width, hits.p[best])


def some(cluster: Cluster, keep: NDArray[np.bool_]) -> Cluster:
    """Some of a cluster's members."""
    return Cluster(cluster.member[keep], cluster.start[keep], cluster.strand[keep], cluster.width, cluster.p[keep])


def _grow(
    windows: Windows, mass: Floats, among: Ints, words: Ints, under: Floats, seed: int, least: int, background: Floats
) -> Cluster | None:
    """A seed's motif, or None if too few seqlets come together."""
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
    """The heaviest occurrence of a word in each window, on either strand."""
    mine = words[among]
    forward, backward = mine == seed, mine == _turned(seed)
    weight = np.where(forward | backward, under[among], 0.0)
    start = weight.argmax(axis=1)
    each = np.arange(len(among))
    has = weight[each, start] > 0
    strand = np.where(forward[each, start], 1, -1)
    return Cluster(among[has], start[has], strand[has], WORD, np.zeros(int(has.sum()))) if has.any() else None


def _best_word(words: Ints, under: Floats, rarity: Floats, given_up: NDArray[np.bool_]) -> int | None:
    """The word with the most weight under it beyond what its letters let expect; a word and its complement are one."""
    n = len(words)
    weight = np.where(words >= 0, under, 0.0)
    safe = np.maximum(words, 0)
    one = np.minimum(safe, _TURNED[safe])
    # a repeat must not count a sequence many times: the heaviest occurrence in each window
    flat = (np.arange(n)[:, None] * 4**WORD + one).ravel()
    keys, which = np.unique(flat, return_inverse=True)
    heaviest = np.zeros(len(keys))
    np.maximum.at(heaviest, which, weight.ravel())
    held = np.bincount(keys % 4**WORD, weights=heaviest, minlength=4**WORD)
    total = float(weight.sum())
    expected = total * rarity
    # how many standard deviations of a count, in units of the mean weight of an occurrence
    unit = total / max(1, int((weight > 0).sum()))
    score = np.where(given_up, -np.inf, (held - expected) / np.sqrt(np.maximum(expected, unit) * max(unit, 1e-12)))
    best = int(score.argmax())
    return best if total > 0 and held[best] > 0 and score[best] > 3 else None


def _words(codes: NDArray[np.uint8]) -> Ints:
    """The number of the word at each place, -1 where a base is unknown."""
    m, width = codes.shape
    places = width - WORD + 1
    words, known = np.zeros((m, places), np.int64), np.ones((m, places), bool)
    for at in range(WORD):
        letter = codes[:, at : at + places]
        words = words * 4 + np.minimum(letter, 3)
        known &= letter < 4
    return np.where(known, words, -1)


def _rarity(background: Floats) -> Floats:
    """The chance of each word and its complement together, under independent bases."""
    chance = np.ones(1)
    for _ in range(WORD):
        chance = (chance[:, None] * background).ravel()
    # the background is the same on both strands, so that a word and its complement are as likely
    both = np.where(np.arange(4**WORD) == _TURNED, chance, 2 * chance)
    return np.asarray(both)


def _turned(word: int) -> int:
    turned = 0
    for _ in range(WORD):
        turned, word = turned * 4 + (3 - word % 4), word // 4
    return turned


_TURNED = np.array([_turned(w) for w in range(4**WORD)])
