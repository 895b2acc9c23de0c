import numpy as np
import pytest
from demo_bed.options import BedOptions
from demo_bed.reader import BedReader
from demo_motifs import clustering, per_base_scores, windows
from demo_motifs.clustering import likeness
from demo_motifs.enrichment import binomial_tail
from demo_motifs.finding import Settings, doubts, find
from demo_motifs.naming import consensus
from demo_motifs.scanning import Scanner
from demo_motifs.seqlets import Seqlets, best_windows
from hypothesis import given, settings
from hypothesis import strategies as st
from motif_cases import GATA, REST, dataset, explained, planted
from told import retell

from demo_core.data.dataset import SequenceDataset
from demo_core.data.importing import import_records
from demo_core.data.splits import ImportSettings
from demo_core.errors import UsageProblem
from demo_core.sequences.alphabets import DNA


def turned(word):
    return DNA.decode(DNA.reverse_complement(DNA.encode(word)))


def quiet(_):
    pass


@pytest.mark.parametrize("way", ["significant", "best-window", "auto"])
def test_planted_motifs_are_found_where_they_are(way):
    explanation, truth = planted(noise=0.2)
    outcome = find(explanation, Settings(seqlets=way), quiet)
    assert len(outcome.motifs) == 2
    for motif in outcome.motifs:
        word = consensus(motif.ppm).upper()
        which, first = next(
            (i, planted_word.find(one))
            for i, planted_word in enumerate((REST, GATA))
            for one in (word, turned(word))
            if one in planted_word
        )
        reads = word in (REST, GATA)[which]
        assert len(motif.sites) >= 90
        assert motif.counts.sum(axis=0) == pytest.approx(len(motif.sites))
        found = zip(motif.sites.row, motif.sites.start, motif.sites.end, motif.sites.strand, strict=True)
        exact = 0
        for row, start, end, strand in found:
            if truth[row] is None or truth[row][0] != which:
                continue
            there, site = truth[row][1], truth[row][2]
            before = first if site == "+" else len((REST, GATA)[which]) - first - len(word)
            exact += start == there + before and (strand > 0) == ((site == "+") == reads)
            assert end - start == len(word)
        assert exact >= 0.95 * 100


def test_matrices_are_those_of_a_loop_over_seqlets():
    explanation, _ = planted(words=(GATA,), noise=0.3)
    (motif, *_) = find(explanation, Settings(), quiet).motifs
    width = motif.counts.shape[1]
    counts, contributions, hypothetical = np.zeros((3, 4, width))
    x = explanation.one_hot(slice(None))
    for row, start, strand in zip(motif.sites.row, motif.sites.start, motif.sites.strand, strict=True):
        part = slice(start, start + width)
        turn = (lambda m: m) if strand > 0 else (lambda m: m[::-1, ::-1])
        counts += turn(x[row, :, part])
        contributions += turn(x[row, :, part] * explanation.values[row, :, part])
        hypothetical += turn(explanation.values[row, :, part])
    assert np.array_equal(counts, motif.counts)
    assert contributions / len(motif.sites) == pytest.approx(motif.contributions, rel=1e-5, abs=1e-6)
    assert hypothetical / len(motif.sites) == pytest.approx(motif.hypothetical, rel=1e-5, abs=1e-6)
    assert len(set(zip(motif.sites.row, motif.sites.start, strict=True))) == len(motif.sites)


def test_the_result_does_not_depend_on_the_order_of_sequences():
    explanation, _ = planted(n=200)
    order = np.random.default_rng(0).permutation(200)
    other = explained(
        explanation.sequences.take(order), explanation.values[order], outputs=explanation.outputs[order, 0]
    )
    one, two = (find(e, Settings(), quiet).motifs for e in (explanation, other))
    assert len(one) == len(two) == 2
    for a in one:
        assert any(np.array_equal(a.counts, b.counts) or np.array_equal(a.counts, b.counts[::-1, ::-1]) for b in two)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", ["zeros", "unknown", "negatives", "noise", "nowhere", "nan"])
def test_where_there_is_nothing_nothing_is_found(case, seed):
    explanation, _ = planted(n=300, seed=seed)
    if case == "zeros":
        explanation.values[:] = 0
    elif case == "nan":
        explanation.values[:] = np.nan
    elif case == "unknown":
        explanation.sequences.codes[:] = 4
    elif case == "negatives":
        explanation.sequences.labels[:] = 0
    elif case == "noise":
        explanation.values[:] = np.random.default_rng(seed).normal(size=explanation.values.shape)
        explanation.sequences.codes[:] = np.random.default_rng(seed + 9).integers(
            0, 4, explanation.sequences.codes.shape
        )
    elif case == "nowhere":  # sites are present, but the untrained network attributes at random
        explanation.values[:] = np.random.default_rng(seed).normal(size=explanation.values.shape)
    outcome = find(explanation, Settings(), quiet)
    assert outcome.motifs == []
    assert len(outcome.unassigned) <= 0.05 * outcome.searched
    assert outcome.searched == (0 if case == "negatives" else 150)


def test_what_speaks_against():
    explanation, _ = planted()
    explanation.values[:] *= -1
    assert find(explanation, Settings(seqlets="significant"), quiet).motifs == []
    outcome = find(explanation, Settings(sign=-1), quiet)
    assert len(outcome.motifs) == 2
    for motif in outcome.motifs:  # values equal those of the explanation
        assert motif.contributions.sum() < 0
        assert motif.sites.score.max() < 0


def test_best_windows_do_not_stand_in_for_what_speaks_against():
    explanation, _ = planted()
    outcome = find(explanation, Settings(sign=-1), quiet)
    assert outcome.motifs == []
    assert "so best windows are not used" in outcome.account[-1]


def test_motifs_whose_values_point_the_other_way_are_left_out():
    explanation, truth = planted(words=("AGATAAGGCTTGACCA",))
    for row, there in enumerate(truth):
        if there is not None:
            behind = slice(there[1] + 8, there[1] + 16) if there[2] == "+" else slice(there[1], there[1] + 8)
            explanation.values[row, :, behind] *= -2  # the other half of the word has larger negative attributions
    outcome = find(explanation, Settings(), quiet)
    assert outcome.motifs == []
    assert "have the opposite sign" in outcome.account[-1]


def test_runs_keep_their_own_places():
    explanation, _ = planted(words=(GATA,))
    (motif, *_) = find(explanation, Settings(seqlets="best-window"), quiet).motifs
    actual = (explanation.values * explanation.one_hot(slice(None))).sum(1)
    each = zip(motif.sites.row, motif.sites.run_start, motif.sites.run_end, motif.sites.score, strict=True)
    for row, start, end, score in each:
        assert end - start == 9
        assert actual[row, start:end].sum() == pytest.approx(score, rel=1e-4)


def test_a_null_of_another_explanation():
    explanation, _ = planted()
    null, _ = planted(words=("A",), seed=5)
    outcome = find(explanation, Settings(null="file"), quiet, null)
    assert len(outcome.motifs) == 2
    assert any("--null explanation" in line for line in outcome.account)
    retell(null, model__digest="1")
    with pytest.raises(UsageProblem, match="differs in its model"):
        find(explanation, Settings(null="file"), quiet, null)


def test_optimised_inputs():
    random = np.random.default_rng(0)
    values = random.uniform(0, 0.1, (8, 4, 60))
    for row in range(8):
        start = 5 + 5 * row
        values[row, DNA.encode(GATA), np.arange(start, start + 8)] = 1
    explanation = explained(dataset(values.argmax(axis=1), np.full(8, np.nan)), values, "pattern")
    (best, *_) = find(explanation, Settings(), quiet).motifs
    assert consensus(best.ppm).upper() in (GATA, turned(GATA))
    assert set(best.sites.start.tolist()) >= {5 + 5 * row for row in range(8)}
    assert 8 <= len(best.sites) <= 11  # a window of low information may fit equally well
    assert best.counts.sum(axis=0) == pytest.approx(len(best.sites))
    assert 0.7 < best.ppm.max() < 1  # inputs are probabilities, not one-hot


def test_traces_in_both_directions():
    explanation, truth = planted(words=(GATA,), n=400, length=60)
    values = np.full((400, 2, 60), 0.1)
    for row, planted_there in enumerate(truth):
        if planted_there is not None:
            start, end = planted_there[1], planted_there[1] + 8
            values[row, 0, min(end - 1 + row % 4, 59) :] = 0.9  # some networks respond a few bases late
            values[row, 1, : start + 1] = 0.9
    trace = explained(explanation.sequences, values, "trace")
    (motif, *_) = find(trace, Settings(seqlets="best-window"), quiet).motifs
    assert consensus(motif.ppm).upper() in (GATA, turned(GATA))
    assert len(motif.sites) >= 190
    assert len(set(motif.sites.row.tolist())) >= 190
    at = dict(zip(motif.sites.row, motif.sites.start, strict=True))
    assert sum(at.get(row) == t[1] for row, t in enumerate(truth) if t) >= 190
    assert motif.hypothetical is None
    # the other direction finds the same sites; its seqlets are used too
    assert len(find(trace, Settings(seqlets="best-window"), quiet).unassigned) <= 20


def test_searching_all_does_not_make_a_model_doubtful():
    explanation, _ = planted(n=400)
    explanation.sequences.labels[:] = (np.arange(400) % 10 == 0)[:, None]
    explanation.outputs[:] = np.where(explanation.sequences.labels > 0.5, 3, -3)
    assert doubts(explanation) == ""
    explanation.outputs[:] = np.random.default_rng(0).normal(size=(400, 1))
    assert "hardly separates positives from negatives" in doubts(explanation)
    explanation.sequences.labels[:] = 1
    explanation.outputs[:] = -1
    assert "predicts 0% of the positives correctly" in doubts(explanation)
    explanation.sequences.labels[:] = np.nan
    assert doubts(explanation) != ""


def test_many_seqlets_are_clustered_by_a_sample(monkeypatch):
    from demo_motifs import finding

    explanation, _ = planted(n=800)
    whole = find(explanation, Settings(), quiet)
    monkeypatch.setattr(finding, "MOST_CLUSTERED", 100)
    monkeypatch.setattr(finding, "_CHUNK", 37)
    sampled = find(explanation, Settings(), quiet)
    assert [len(m.sites) for m in sampled.motifs] == [len(m.sites) for m in whole.motifs]


def test_interactions_say_nothing_of_bases():
    explanation, _ = planted(n=10)
    retell(explanation, kind="interaction")
    with pytest.raises(UsageProblem, match="interaction has no values per base"):
        find(explanation, Settings(), quiet)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.integers(-3, 3))
def test_likeness_knows_neither_strand_nor_order(seed, shift):
    random = np.random.default_rng(seed)
    counts = random.dirichlet([0.3] * 4, 12).T * 50
    assert likeness(counts, counts) == pytest.approx(1)
    assert likeness(counts, counts[::-1, ::-1]) == pytest.approx(1)
    flank = np.full((4, 5), 12.5)
    assert likeness(np.concatenate([flank, counts], axis=1), counts) == pytest.approx(1)
    other = random.dirichlet([0.3] * 4, 9).T * 50
    assert likeness(counts, other) == pytest.approx(likeness(other, counts))


def test_placing_agrees_with_a_scan():
    explanation, _ = planted(n=60)
    (channel,) = per_base_scores.channels(explanation)
    rows, _, _ = per_base_scores.split_rows(explanation)
    found = best_windows(explanation, channel, rows, 9).seqlets
    cut = windows.cut(explanation, channel, found)
    mass = np.pad(np.cumsum(windows.weights(cut), axis=1), ((0, 0), (1, 0)))
    counts = DNA.one_hot(DNA.encode(GATA)) * 50.0
    uniform = np.full(4, 0.25)
    pwm = clustering.log_odds(counts, uniform)
    placed = clustering.place(cut, mass, np.arange(len(cut)), pwm, uniform)
    scan = Scanner(pwm, uniform, 1e-3).hits(explanation.sequences.codes)
    sites = set(zip(scan.row, scan.start, scan.strand, strict=True))
    where = found.row[placed.member], cut.first[placed.member] + placed.start, placed.strand
    assert set(zip(*where, strict=True)) <= sites
    assert len(placed.member) >= 14


def test_windows_at_the_edges_are_empty_beyond():
    explanation, _ = planted(n=4)
    (channel,) = per_base_scores.channels(explanation)
    edge = Seqlets(np.array([0, 1]), np.array([0, 75]), np.array([4, 80]), np.zeros(2), np.zeros(2))
    cut = windows.cut(explanation, channel, edge)
    x = explanation.one_hot(slice(None))
    for i in range(2):
        for place in range(cut.codes.shape[1]):
            at = cut.first[i] + place
            inside = 0 <= at < 80
            assert cut.codes[i, place] == (explanation.sequences.codes[i, at] if inside else 4)
            assert np.array_equal(cut.letters[i, :, place], x[i, :, at] if inside else np.zeros(4))
            wanted = x[i, :, at] * explanation.values[i, :, at] if inside else np.zeros(4)
            assert cut.contributions[i, :, place] == pytest.approx(wanted, rel=1e-6)


def test_the_binomial_tail_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    for k, n, p in ((3, 10, 0.2), (0, 5, 0.5), (10, 10, 0.9), (40, 300, 0.1), (1, 1, 0.0)):
        assert binomial_tail(k, n, p) == pytest.approx(stats.binom.sf(k - 1, n, p), rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), stranded=st.booleans())
def test_every_seqlet_and_hit_gives_back_its_bases_from_the_genome(tmp_path_factory, seed, stranded):
    """From BED to a hit: reading its interval and strand from the FASTA gives the bases of the hit."""
    from demo_motifs.genome_coordinates import genomic
    from demo_motifs.hits import HitWriter, scan_sequences

    folder = tmp_path_factory.mktemp("trace-back")
    random = np.random.default_rng(seed)
    genome = random.integers(0, 4, 6000).astype(np.uint8)
    starts = np.sort(random.choice(np.arange(10, 5900, 60), 60, replace=False))
    for start in starts:
        site = DNA.encode(GATA)
        place = start + random.integers(5, 37)  # different positions, so that position is not informative
        genome[place : place + 8] = site if random.integers(2) else DNA.reverse_complement(site)
    (folder / "g.fa").write_text(f">chr1\n{DNA.decode(genome)}\n")
    lines = [f"chr1\t{s}\t{s + 50}\tp{i}\t0\t{'+-.'[random.integers(3)]}" for i, s in enumerate(starts)]
    (folder / "p.bed").write_text("\n".join(lines) + "\n")
    reader = BedReader(BedOptions(genome=folder / "g.fa", width=50, stranded=stranded))
    import_records(
        reader.read(folder / "p.bed"), folder / "d.h5", lambda: ("bound",), ImportSettings(test=0, validation=0), "p"
    )
    with SequenceDataset.open(folder / "d.h5") as opened:
        data = opened.take(slice(0, len(opened)))
    values = random.normal(0, 0.05, (len(data), 4, 50))
    for row, codes in enumerate(data.codes):
        for word in (GATA, turned(GATA)):
            at = DNA.decode(codes).find(word)
            if at >= 0 and data.labels[row, 0] > 0.5:
                values[row, DNA.encode(word), np.arange(at, at + 8)] += 1
    explanation = explained(data, values, outputs=data.labels[:, 0] * 6 - 3)
    outcome = find(explanation, Settings(), quiet)
    (motif, *_) = outcome.motifs
    assert len(motif.sites) >= 50
    read = {"+": lambda s: s, "-": turned}
    places = genomic(data, motif.sites.row, motif.sites.start, motif.sites.end, motif.sites.strand)
    whole = DNA.decode(genome)
    for i, (row, start, end, strand) in enumerate(
        zip(motif.sites.row, motif.sites.start, motif.sites.end, motif.sites.strand, strict=True)
    ):
        bases = DNA.decode(data.codes[row, start:end])
        there = whole[places.start[i] : places.end[i]]
        assert read["-" if strand < 0 else "+"](bases) == read["+" if places.strand[i] > 0 else "-"](there)
    with HitWriter(folder, placed=True) as writer:
        scan_sequences(
            writer, explanation, "e", [("m", "GATA", Scanner(motif.pwm, motif.background, 1e-3, best_anyway=True))]
        )
    rows = [line.split("\t") for line in (folder / "hits.tsv").read_text().splitlines()]
    heads = rows[0]
    placed = [dict(zip(heads, row, strict=True)) for row in rows[1:]]
    placed = [row for row in placed if row["chrom"]]
    assert len(placed) >= 50
    for row in placed:
        there = whole[int(row["chrom_start"]) : int(row["chrom_end"])]
        assert read[row["chrom_strand"]](there) == row["bases"]
    beds = [line.split("\t") for line in (folder / "hits.bed").read_text().splitlines()]
    assert [(b[1], b[2], b[5]) for b in beds] == [(r["chrom_start"], r["chrom_end"], r["chrom_strand"]) for r in placed]
    peaks = [line.split("\t") for line in (folder / "hits.narrowPeak").read_text().splitlines()]
    assert {len(p) for p in peaks} == {10}
    assert [float(p[6]) for p in peaks] == pytest.approx([float(r["value"]) for r in placed], rel=1e-3, abs=1e-3)
