"""Find the motifs of an explanation: seqlets, patterns among them, and their association with the attribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from demo_core.errors import UsageProblem, counted
from demo_core.metrics import auroc
from demo_core.results import Explanation
from demo_motifs import clustering, windows
from demo_motifs.enrichment import LARGEST_P, pointed_at
from demo_motifs.found_motif import Builder, FoundMotif, Sites, join_sites, no_sites
from demo_motifs.per_base_scores import Channel, Floats, Rows, channels, split_rows
from demo_motifs.scanning import composition_of
from demo_motifs.seqlets import (
    ENOUGH,
    Found,
    Ints,
    Null,
    best_windows,
    empty,
    null_from_rows,
    null_from_values,
    significant_runs,
)

#: Maximum number of seqlets for clustering; all are assigned afterwards.
MOST_CLUSTERED = 20_000
#: Minimum number of negatives to decide whether a model separates them from positives.
_FEW = 20
_LEAST_AREA = 0.75
#: Windows of each optimised input.
PER_PATTERN = 5
_CHUNK = 8192


@dataclass(frozen=True)
class Settings:
    """Settings of the search; the command's options.

    Parameters
    ----------
    seqlets
        ``significant``, ``best-window`` (as in the paper), or ``auto``: significant runs, or best windows if there are
        too few.
    width
        Width of a best window in bases.
    null
        ``negatives`` of the file, permuted ``values``, ``file`` (another explanation), or ``auto``: negatives if there
        are enough, otherwise permuted values.
    fdr
        False discovery rate of significant runs.
    patterns
        ``demo`` or ``modisco``.
    least
        Minimum number of seqlets of a motif. None: 2 % of the sequences searched, from 5 to 50.
    every
        Whether to search negatives as well.
    sign
        1, or -1 to search for motifs that lower the target.
    """

    seqlets: Literal["auto", "significant", "best-window"] = "auto"
    width: int = 9
    null: Literal["auto", "negatives", "values", "file"] = "auto"
    fdr: float = 0.05
    patterns: Literal["demo", "modisco"] = "demo"
    least: int | None = None
    every: bool = False
    sign: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """Motifs, those with the most seqlets first, seqlets without a motif, and messages on how they were found."""

    motifs: list[FoundMotif]
    unassigned: Sites
    searched: int
    account: list[str]


def find(
    explanation: Explanation, settings: Settings, say: Callable[[str], None], null: Explanation | None = None
) -> Outcome:
    """Find motifs in an explanation of any kind except interaction.

    A motif is kept if it has enough seqlets, and if seqlets lie on its sites more often than expected at those
    positions.

    ``null`` is another explanation, by the same model and explainer, of sequences without motifs: the null
    distribution.

    Raises UsageProblem on kinds without values for single bases, other alphabets, and invalid settings.
    """
    if null is not None:
        _check_null(explanation, null)
    rows, negatives, how = split_rows(explanation, every=settings.every)
    account: list[str] = [searched(explanation, rows, how)]
    if explanation.provenance.target.form == "loss":
        account.append(
            "the target is a loss, which positive values increase; --against searches for motifs that lower it"
        )
    least = settings.least or int(np.clip(len(rows) // 50, 5, 50))
    if explanation.kind == "pattern":
        least = settings.least or 3
    if settings.patterns == "modisco":
        from demo_motifs.modisco import modisco_motifs

        theirs = modisco_motifs(explanation, rows, settings, least, say)
        account.append("patterns: TF-MoDISco, with its own seqlets")
        return Outcome([with_sign(m, settings.sign) for m in theirs], no_sites(), len(rows), account)
    found = [
        _seqlets(explanation, channel, rows, negatives, settings, least, account, null)
        for channel in channels(explanation)
    ]
    motifs, owners = _motifs(explanation, found, settings, least)
    kept, places, opposed = [], [], 0
    for place, motif in motifs:
        tested = motif if explanation.kind == "pattern" else pointed_at(explanation, motif, found, rows, settings.seed)
        if explanation.kind != "pattern" and (tested.p > LARGEST_P or len(tested.sites) < least):
            continue
        if explanation.kind == "attribution" and tested.contributions.sum() <= 0:
            opposed += 1
            continue
        kept.append(tested)
        places.append(place)
    dropped = len(motifs) - len(kept) - opposed
    if dropped:
        account.append(
            f"{counted(dropped, 'recurring pattern')} excluded: seqlets lie on the sites no more often than expected "
            f"by chance at these positions (p > {LARGEST_P:g})"
        )
    if opposed:
        account.append(
            f"{counted(opposed, 'recurring pattern')} excluded: the summed values on the sites have the opposite sign"
        )
    kept = [with_sign(motif, settings.sign) for motif in kept]
    kept.sort(key=lambda m: -len(m.sites))
    # every sequence has a best window: if windows replace runs, those without a motif are not reported
    told = [
        (channel, one, ~np.isin(owner, places))
        for (channel, one), owner in zip(found, owners, strict=True)
        if settings.seqlets != "auto" or one.null is not None
    ]
    rest = _unassigned(told)
    return Outcome(kept, replace(rest, score=settings.sign * rest.score), len(rows), account)


def with_sign(motif: FoundMotif, sign: int) -> FoundMotif:
    """Return the motif with the sign of the explanation; a search for negative attributions inverts it."""
    if sign > 0:
        return motif
    hypothetical = None if motif.hypothetical is None else -motif.hypothetical
    sites = replace(motif.sites, score=-motif.sites.score)
    return replace(motif, contributions=-motif.contributions, hypothetical=hypothetical, sites=sites)


def searched(explanation: Explanation, rows: Rows, how: str) -> str:
    """Describe which sequences are searched; ``how`` is as in ``per_base_scores.split_rows``."""
    if how == "patterns":
        return f"searched: {len(rows)} optimised inputs"
    some = f"{len(rows):,} of {counted(len(explanation), 'sequence')}"
    what = {
        "labelled": f"{some} (positives by label)",
        "called": f"{some} (no labels: those that the model predicts as positive)",
        "unlabelled": counted(len(rows), "sequence"),
    }[how]
    return f"searched: {what if len(rows) < len(explanation) else 'all ' + counted(len(rows), 'sequence')}"


def _seqlets(
    explanation: Explanation,
    channel: Channel,
    rows: Rows,
    negatives: Rows,
    settings: Settings,
    least: int,
    account: list[str],
    other: Explanation | None,
) -> tuple[Channel, Found]:
    name = f"{channel.name}: " if channel.name else ""
    best = partial(best_windows, explanation, channel, rows, settings.width, sign=settings.sign)
    if explanation.kind == "pattern":
        account.append(f"seqlets: the {PER_PATTERN} best windows of {settings.width} bases in each optimised input")
        return channel, best(number=PER_PATTERN)
    if settings.seqlets != "best-window":
        null = _null(explanation, channel, rows, negatives, settings, other)
        if null is None:
            why = "traces need at least 100 negatives, --null values or --null FILE.h5"
            if settings.seqlets == "significant":
                raise UsageProblem(f"{why}; explain negatives, or choose --seqlets best-window")
        else:
            runs = significant_runs(explanation, channel, rows, null, fdr=settings.fdr, sign=settings.sign)
            where = counted(len(np.unique(runs.seqlets.row)), "sequence")
            said = f"{name}{counted(len(runs.seqlets), 'significant run')} in {where}"
            if runs.threshold is not None:
                said += f", at least {runs.threshold:.3g}, reached by {runs.above} of {len(null.scores)} in the null"
            account.append(f"{said}; null: {null.made_from}, false discovery rate {settings.fdr:g}")
            if settings.seqlets == "significant" or len(runs.seqlets) >= least:
                return channel, runs
            why = f"fewer than {least} significant runs"
        against = "not every sequence has a motif that lowers the target"
        if doubt := against if settings.sign < 0 else doubts(explanation):
            account.append(f"{name}{why}, and {doubt}, so best windows are not used")
            return channel, Found(empty(), len(rows))
        account.append(f"{name}{why}; using the best window of {settings.width} bases in each sequence")
    else:
        account.append(f"{name}seqlets: the best window of {settings.width} bases in each sequence")
    return channel, best()


def doubts(explanation: Explanation) -> str:
    """Return why best windows, which every sequence has, are not meaningful; '' if they are.

    An untrained network also prefers some words to others. Best windows are meaningful only if the network separates
    positives from negatives (an AUROC of 0.75, three standard errors from 0.5) or, without negatives, predicts most as
    positive.
    """
    rows, negatives, how = split_rows(explanation)
    if not len(rows):
        return "there are no sequences to search"
    if how == "called":
        return "no sequence has a label"
    if not explanation.provenance.target.outputs[0].is_probability:
        return ""
    outputs = np.nan_to_num(np.asarray(explanation.outputs[:, explanation.output_column], np.float64))
    if len(negatives) < _FEW:
        share = float((outputs[rows] > 0).mean())
        return "" if share >= 0.5 else f"the model predicts {share:.0%} of the positives correctly"
    labels = np.concatenate([np.ones(len(rows)), np.zeros(len(negatives))])
    area = auroc(labels, np.concatenate([outputs[rows], outputs[negatives]]))
    error = math.sqrt((len(labels) + 1) / (12 * len(rows) * len(negatives)))
    if area >= _LEAST_AREA and area - 0.5 > 3 * error:
        return ""
    return f"the model hardly separates positives from negatives (AUROC {area:.2f})"


def _null(
    explanation: Explanation,
    channel: Channel,
    rows: Rows,
    negatives: Rows,
    settings: Settings,
    other: Explanation | None,
) -> Null | None:
    if other is not None:
        every = np.arange(len(other), dtype=np.int64)
        return null_from_rows(
            other, channel, every, "best runs of the --null explanation", seed=settings.seed, sign=settings.sign
        )
    if settings.null == "negatives" and not len(negatives):
        raise UsageProblem(
            "--null negatives: the explanation has no negatives; use --null values, or explain negatives"
        )
    if settings.null == "negatives" or (settings.null == "auto" and len(negatives) >= ENOUGH):
        return null_from_rows(
            explanation, channel, negatives, "best runs of negatives", seed=settings.seed, sign=settings.sign
        )
    if channel.reads and settings.null == "auto":
        return None  # the steps of a trace, in another order, have the same sum
    return null_from_values(explanation, channel, rows, seed=settings.seed, sign=settings.sign)


def _check_null(explanation: Explanation, null: Explanation) -> None:
    """Raise UsageProblem unless two explanations have the same model, target and explainer settings."""
    theirs, ours = null.provenance, explanation.provenance
    for what, one, two in (
        ("model", theirs.model.digest, ours.model.digest),
        ("explainer", null.explainer, explanation.explainer),
        ("options", theirs.options, ours.options),
        ("target", null.target, explanation.target),
        ("length of sequences", null.sequences.length, explanation.sequences.length),
    ):
        if one != two:
            raise UsageProblem(f"--null: the null explanation differs in its {what}; give one of the same run settings")


def _motifs(
    explanation: Explanation, found: list[tuple[Channel, Found]], settings: Settings, least: int
) -> tuple[list[tuple[int, FoundMotif]], list[Ints]]:
    """Cluster a sample of the seqlets of each channel, then assign all seqlets to the patterns.

    Return the motifs, numbered, and for each channel the number of the motif of each seqlet, or -1.
    """
    drafts: list[tuple[int, Floats]] = []
    random = np.random.default_rng(settings.seed)
    backgrounds = []
    for channel, one in found:
        seqlets = one.seqlets
        if len(seqlets) > MOST_CLUSTERED:
            seqlets = seqlets.take(np.sort(random.choice(len(seqlets), MOST_CLUSTERED, replace=False)))
        share = len(seqlets) / max(1, len(one.seqlets))
        cut = windows.cut(explanation, channel, seqlets, sign=settings.sign)
        backgrounds.append(composition_of(cut.codes))
        needed = max(3, math.ceil(least * share))
        for cluster in clustering.cluster(cut, windows.weights(cut), needed):
            drafts.append((len(cluster.member), clustering.matrix(cut, cluster)))
    drafts.sort(key=lambda d: -d[0])
    matrices = [counts for _, counts in drafts]
    matrices = [matrices[i] for i in clustering.distinct(matrices)]
    if not matrices:
        return [], [np.full(len(one.seqlets), -1) for _, one in found]
    background = np.mean(backgrounds, axis=0)
    return _assigned(explanation, found, matrices, background, settings)


def _assigned(
    explanation: Explanation,
    found: list[tuple[Channel, Found]],
    matrices: list[Floats],
    background: Floats,
    settings: Settings,
) -> tuple[list[tuple[int, FoundMotif]], list[Ints]]:
    """Assign each seqlet to the motif that fits it best, if one does; compute every motif again from its seqlets."""
    owners = [np.full(len(one.seqlets), -1) for _, one in found]
    builders = [Builder(counts.shape[1]) for counts in matrices]
    pwms = [clustering.log_odds(counts, background) for counts in matrices]
    for (channel, one), owner in zip(found, owners, strict=True):
        for begin in range(0, len(one.seqlets), _CHUNK):
            seqlets = one.seqlets.take(np.arange(begin, min(begin + _CHUNK, len(one.seqlets))))
            cut = windows.cut(explanation, channel, seqlets, sign=settings.sign)
            mass = np.pad(np.cumsum(windows.weights(cut), axis=1), ((0, 0), (1, 0)))
            every = np.arange(len(cut))
            placed = [clustering.place(cut, mass, every, pwm, background, clustering.ASSIGNED_P) for pwm in pwms]
            chance = np.ones((len(placed), len(cut)))
            for which, cluster in enumerate(placed):
                chance[which, cluster.member] = cluster.p
            best = chance.argmin(axis=0)
            for which, cluster in enumerate(placed):
                mine = best[cluster.member] == which
                owner[begin + cluster.member[mine]] = which
                builders[which].add(cut, seqlets, channel, clustering.some(cluster, mine))
    return [(i, builder.motif(background)) for i, builder in enumerate(builders) if builder.count], owners


def _unassigned(found: list[tuple[Channel, Found, NDArray[np.bool_]]]) -> Sites:
    """Return the seqlets without a motif; they have no strand."""
    parts = []
    for channel, one, free in found:
        s = one.seqlets.take(free)
        none = np.zeros(len(s), np.int64)
        parts.append(Sites(s.row, s.start, s.end, none, s.score, s.p, s.start, s.end, [channel.name] * len(s)))
    return join_sites(parts)
