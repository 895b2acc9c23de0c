"""Test the data of a report: aligned runs, numbers, selections and comparisons."""

import json
import shutil

import numpy as np
import pytest
from demo_dashboard.agreement import compare_runs, site_recovery_of
from demo_dashboard.alignment import align
from demo_dashboard.base_importance import sizes_of
from demo_dashboard.motifs import Motifs
from demo_dashboard.numbers import bytes_of, quantised, restored
from demo_dashboard.page import page_html
from demo_dashboard.report import Choice, _chosen, make_report
from demo_dashboard.runs import open_runs
from demo_dashboard.sequence import Shown, sequence_data
from demo_dashboard.sequence_selection import choose, disagreement, ranking, wrongness
from hypothesis import given
from hypothesis import strategies as st
from report_files import of_kind
from scipy.stats import spearmanr
from told import retell

from demo_core import UsageProblem, explain
from demo_core.metrics import site_recovery
from demo_core.results.explanation import Explanation
from demo_core.testing import tiny_dataset, tiny_model

# numbers


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=50))
def test_no_value_is_off_by_more_than_is_said(values):
    found = restored(quantised(values))
    array = np.array(values, np.float64)
    finite = np.isfinite(array)
    assert (np.isnan(found) == ~finite).all()
    largest = np.abs(array[finite]).max(initial=0)
    assert (np.abs(found[finite] - array[finite]) <= largest / 65534 * (1 + 1e-9) + 1e-300).all()
    assert len(json.dumps(quantised(values))) <= bytes_of(len(values)) + 20


def test_a_map_whose_rows_sum_to_one_marks_the_bases_that_are_attended_to():
    rollout = np.full((1, 4, 4), 0.1)
    rollout[:, :, 2] = 0.7
    found = sizes_of("interaction", rollout, np.zeros((1, 4, 4)))[0]
    assert found.argmax() == 2 and found[2] > 2 * found[0]


def test_what_counts_is_the_change_in_the_order_of_reading():
    trace = np.array([[[np.nan, 0.1, 0.1, 0.9], [0.8, 0.2, 0.2, np.nan]]])
    x = np.zeros((1, 4, 4))
    assert sizes_of("trace", trace, x, ("forward", "backward")) == pytest.approx(np.array([[0.6, 0, 0, 0.8]]))
    assert sizes_of("trace", trace, x, ("forward", "other")) == pytest.approx(np.array([[0.8, 0.2, 0.2, 0.8]]))
    square = np.array([[[0, -1, np.nan], [2, 0, 0], [0, 0, 0.5]]])
    assert sizes_of("interaction", square, np.zeros((1, 4, 3))).tolist() == [[3, 3, 1]]
    assert sizes_of("interaction", square, np.zeros((1, 4, 5))).tolist() == [[3, 3, 3, 3, 1]]  # cells of two bases


# aligned runs


def test_runs_are_matched_by_sequence_not_by_id(files, tmp_path):
    renamed = tmp_path / "renamed.h5"
    shutil.copy(of_kind(files, "temporal")[0], renamed)
    import h5py

    with h5py.File(renamed, "a") as file:
        ids = file["ids"][:]
        file["ids"][:] = np.roll(ids, 1)  # every id belongs to another sequence
        about = json.loads(file.attrs["demo"])
        file.attrs["demo"] = json.dumps({**about, "text_checksums": {}})
        del file.attrs["demo-crc32"]
    with open_runs([of_kind(files, "saliency")[0], renamed]) as runs:
        aligned = align(runs)
        both = np.flatnonzero((aligned.rows >= 0).all(axis=0))
        assert len(aligned) == 48 and len(both) == 24
        for place in both:
            codes = [run.explanation.sequences.codes[aligned.rows[i, place]] for i, run in enumerate(runs)]
            assert np.array_equal(*codes)


def test_equal_sequences_of_a_file_stay_apart():
    data = tiny_dataset(6)
    data.codes[3] = data.codes[1]
    runs = [explain("saliency", tiny_model(seed=s), data) for s in (0, 1)]
    aligned = align(_named(runs))
    assert len(aligned) == 6
    assert aligned.rows.tolist() == [list(range(6))] * 2


def _named(explanations):
    from pathlib import Path

    from demo_dashboard.runs import _named as name

    return name(explanations, [Path(f"{i}.h5") for i in range(len(explanations))])


def test_runs_have_names_that_tell_them_apart():
    data = tiny_dataset(3)
    plain, simplex = (explain("saliency", tiny_model(), data, simplex=s) for s in (False, True))
    other = explain("saliency", tiny_model(seed=1), data)
    labels = [run.label for run in _named([plain, simplex, other, plain])]
    assert len(set(labels)) == 4
    assert "simplex = True" in labels[1]
    assert labels[0].startswith("cnn [") and labels[2].startswith("cnn [") and labels[0][:10] != labels[2][:10]
    assert labels[3].endswith("[3]") or labels[3] != labels[0]


def test_what_cannot_stand_side_by_side(files, tmp_path, trained, demo):
    longer, other = tmp_path / "longer.h5", tmp_path / "other.h5"
    tiny_dataset(8, 50).save(tmp_path / "data50.h5")
    tiny_model(length=50).save(tmp_path / "fifty")
    tiny_dataset(8, seed=7).save(tmp_path / "data40.h5")
    few = ["--split", "all", "-o", tmp_path, "--name"]
    assert demo("explain", "saliency", tmp_path / "fifty", tmp_path / "data50.h5", *few, "longer")[0] == 0
    assert demo("explain", "saliency", trained / "one", tmp_path / "data40.h5", *few, "other")[0] == 0
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(files[0].read_bytes()[:3000])
    for command, name in (("dashboard", "x.html"), ("figure", "x.png")):
        cases = [
            ([files[0]] * 2, 2, "is given twice; give it once"),
            ([of_kind(files, "saliency")[0], longer], 2, "bases"),
            ([of_kind(files, "saliency")[0], other], 2, "have no sequence in common"),
            ([damaged], 1, "cannot be read as HDF5"),
            ([tmp_path / "none.h5"], 1, "no such file"),
            ([trained / "data.h5"], 1, "format is demo-dataset"),
        ]
        for paths, code, said in cases:
            done, _, err = demo(command, *paths, "-o", tmp_path / name)
            assert (done, err.count("demo: ")) == (code, 1), err
            assert said in err
            assert not (tmp_path / name).exists()
        assert "Missing argument 'EXPLANATION...'" in demo(command, "-o", tmp_path / name)[2]


def test_a_file_without_sequences_is_refused(files, tmp_path, demo):
    from demo_core.storage import hdf5

    empty = tmp_path / "empty.h5"
    from demo_core.results.explanation import FIELDS

    with Explanation.open(of_kind(files, "saliency")[0]) as there, hdf5.create(empty) as file:
        for name, field in FIELDS.items():
            if name in there._file:
                hdf5.add_column(file, name, field, there._file[name][:0])
        hdf5.describe(file, there.metadata)
    for command, name in (("dashboard", "x.html"), ("figure", "x.png")):
        code, _, err = demo(command, empty, "-o", tmp_path / name)
        assert code == 1 and "it explains no sequence" in err


# selection


def test_the_most_confident_wrong_and_disagreed():
    data = tiny_dataset(8)
    runs = [explain("saliency", tiny_model(seed=s), data) for s in (0, 1)]
    for run, logits in zip(runs, ([5, 1, -2, 9, 0, 0, 0, 0], [5, 3, 4, 9, 0, 0, 0, 0]), strict=True):
        run.outputs[:, 0] = logits
    for run in runs:
        run.sequences.labels[:, 0] = [1, 1, 1, 0, 1, 1, 1, 1]
    aligned = align(_named(runs))
    assert ranking(aligned, "top")[0] == 0 and ranking(aligned, "top")[-1] == 3  # more confident, but not a positive
    assert int(np.argmax(wrongness(aligned))) == 3
    assert int(np.argmax(disagreement(aligned))) == 2
    assert set(choose(aligned, 3, ("top", "wrong", "disagreed")).tolist()) == {0, 3, 2}
    assert choose(aligned, 3, ("random",), seed=1).tolist() == choose(aligned, 3, ("random",), seed=1).tolist()
    assert choose(aligned, 99, ("top",)).tolist() == list(range(8))


def test_a_report_says_what_it_left_out(files, tmp_path, demo):
    out = tmp_path / "r.html"
    code, said, err = demo("dashboard", *of_kind(files, "saliency"), "--sequences", 10, "--seed", 3, "-o", out)
    assert code == 0 and "10 sequences" in said
    assert "10 of 48 sequences, selected in turn from: the most confident positives" in err and "(seed 3)" in err
    code, said, err = demo("dashboard", files[1], "--id", "positive-1", "--id", "unknown-id", "-o", tmp_path / "n.html")
    assert code == 2 and "unknown id 'unknown-id'" in err
    for line in (["--id", "positive-1", "--sequences", 3], ["--id", "positive-1", "--choose", "top"]):
        code, _, err = demo("dashboard", files[1], *line, "-o", tmp_path / "n.html")
        assert code == 2 and "give one" in err


def test_what_there_is_nothing_to_choose_by(files, tmp_path, demo):
    line = ["dashboard", of_kind(files, "saliency")[0], "--sequences", 5, "-o", tmp_path / "x.html"]
    code, _, err = demo(*line, "--choose", "disagreed")
    assert code == 2 and "needs an output that two models share; omit it, or choose" in err
    assert demo(*line)[0] == 0  # omitted unless requested
    data = tiny_dataset(8)
    data.labels[:] = np.nan
    unlabelled = align(_named([explain("saliency", tiny_model(), data)]))
    with pytest.raises(UsageProblem, match="needs labels of a probability"):
        _chosen(unlabelled, Choice(3, ("wrong",)))
    assert "the highest predictions" in _chosen(unlabelled, Choice(3))[1]


def test_a_regression_has_no_positives():
    data = tiny_dataset(6)
    run = explain("saliency", tiny_model(), data)
    measured = [{"name": "bound", "activation": "identity", "unit": "value"}]
    retell(run, model__targets=measured, target__outputs=measured)
    run.outputs[:, 0] = [0, 5, 1, 2, 3, np.inf]
    run.sequences.labels[:, 0] = [0.6, 0.4, 0.1, 0.2, 0.3, 0.4]
    head = make_report(_named([run]), [], Choice(), "demo").head
    assert head["table"]["rank"] == [5, 1, 4, 3, 2, 0]
    (output,) = head["models"][0]["outputs"]
    assert output["about"] == "5 with a label; 1 without a finite prediction are excluded"
    assert output["histogram"]["all"] == np.histogram([0, 5, 1, 2, 3], 20)[0].tolist()


def test_models_of_long_names_stay_apart():
    data = tiny_dataset(3)
    runs = []
    for seed in (0, 1):
        model = tiny_model(seed=seed)
        model.name = f"{'long-' * 12}seed{seed}"
        runs.append(explain("saliency", model, data))
    table = make_report(_named(runs), [], Choice(), "demo").head["table"]
    assert len(table["views"]) == 2 and table["view_of_run"] == [0, 1]
    assert len({view["model"] for view in table["views"]}) == 2
    for view, run in zip(table["views"], runs, strict=True):
        assert np.allclose(view["values"], run.predictions[:, 0])


def test_names_of_one_sequence_show_it_once(files, tmp_path, demo):
    twice = ["--id", "positive-1", "--id", "positive-1"]
    code, out, _ = demo("figure", *of_kind(files, "saliency"), *twice, "-o", tmp_path / "f.pdf")
    assert code == 0 and out.count("positive-1") == 1
    code, out, _ = demo("dashboard", *of_kind(files, "saliency"), *twice, "-o", tmp_path / "r.html")
    assert code == 0 and "1 sequence, 2 runs" in out


@pytest.mark.parametrize(
    "change",
    [
        {"info": {"source": ["x"]}},
        {"info": {"source": {"a": 1}}},
        {"model.training": [1]},
        {"model.training": {"epochs": [1, {"epoch": "x", "train_loss": None}], "best_epoch": "y", "settings": [2]}},
        {"model.metrics": {"test": 3, "validation": {"AUROC": "high"}}},
        {"model.options": "none"},
        {"model.architecture": 7},
        {"warnings": "none"},
        {"libraries": ["x"]},
        {"created": {"half a character": "\ud800"}},
        {"channels": []},
    ],
)
def test_metadata_of_any_shape_makes_a_page(change):
    run = explain("saliency", tiny_model(), tiny_dataset(3))
    for key, value in change.items():
        retell(run, **{key.replace(".", "__"): value})
        if key == "info":
            run.sequences.info = value
    page = page_html(make_report(_named([run]), [], Choice(), "demo"))
    page.encode("utf-8")


# one sequence, and comparisons


def test_the_data_of_a_sequence_are_those_of_the_files(files):
    with open_runs(of_kind(files, "saliency", "temporal")) as runs:
        aligned = align(runs)
        shown = Shown.load(aligned, Motifs())
        for place in (0, 5, 30):
            found = sequence_data(shown, place)
            for index, (run, coded) in enumerate(zip(runs, found["runs"], strict=True)):
                row = aligned.rows[index, place]
                assert (coded is None) == (row < 0)
                if coded:
                    values = run.explanation.values[row].astype(np.float64)
                    got = restored(coded).reshape(values.shape)
                    assert np.array_equal(np.isnan(got), np.isnan(values))
                    assert np.nanmax(np.abs(got - values)) <= np.nanmax(np.abs(values)) / 65534 * 1.001
                    sequences = run.explanation.sequences
                    assert found["bases"] == sequences.alphabet.decode(sequences.codes[row])


def test_agreement_is_that_of_a_naive_loop(files):
    with open_runs(of_kind(files, "saliency")) as runs:
        shown = Shown.load(align(runs), Motifs())
        found = compare_runs(shown)
        x = runs[0].explanation.one_hot(slice(None))
        a, b = (np.abs((run.explanation.values[:] * x).sum(1)) for run in runs)
        naive = [spearmanr(p, q).statistic for p, q in zip(a, b, strict=True)]
        tops = [[set(sorted(range(40), key=lambda i, p=p: (-p[i], i))[:10]) for p in one] for one in (a, b)]
        shared = [len(p & q) / 10 for p, q in zip(*tops, strict=True)]
        assert found["rank"][0][1] == pytest.approx(np.mean(naive), abs=1e-3)
        assert found["overlap"][0][1] == pytest.approx(np.mean(shared), abs=1e-3)
        assert found["rank"][0][0] == pytest.approx(1) and found["n"][0][1] == 48
        labels = runs[0].explanation.sequences.labels[:, 0]
        sites = runs[0].explanation.sequences.sites[:]
        rows = np.flatnonzero(sites.any(axis=1) & (labels == 1))
        expected = site_recovery(runs[0].explanation.values[rows], x[rows], sites[rows]).mean
        assert site_recovery_of(shown)[0]["mean"] == pytest.approx(expected, abs=1e-3)


def test_values_that_do_not_add_up_are_marked(files, tmp_path):
    data = tiny_dataset(6)
    run = explain("saliency", tiny_model(), data)
    total = (run.values * run.one_hot(slice(None))).sum(axis=(1, 2))
    retell(run, adds_up=True)
    run.baseline = (run.target_values - total).astype(np.float32)
    run.baseline[2] += 5
    from demo_dashboard.provenance import doubts

    (named,) = _named([run])
    aligned = align([named])
    shown = Shown.load(aligned, Motifs())
    marked = [i for i in range(6) if "gap" in sequence_data(shown, i)["runs"][0]]
    assert marked == [2]
    assert any("by more than 1 % for 1 of 6 sequences" in said for said in doubts(named))
    retell(run, warnings=["the gradient was cut"])
    assert doubts(named)[0] == "the gradient was cut"


def test_own_numbers_are_columns_and_completeness_is_stated(trained, demo, here):
    for explainer in ("saliency", "integrated-gradients"):
        assert demo("explain", explainer, trained / "one", trained / "data.h5", "-o", "e")[0] == 0
    paths = sorted((here / "e").glob("*.h5"))
    with open_runs(paths) as runs:
        report = make_report(runs, [], Choice(), "")
        (found,) = [run.explanation for run in runs if run.explanation.explainer == "integrated-gradients"]
        columns = {column["title"]: column for column in report.head["table"]["extras"]}
        assert set(columns) == {"gradients", "completeness-error"}
        order = [found.row_of(name) for name in report.head["table"]["ids"]]
        assert columns["gradients"]["values"] == pytest.approx(found.extra("gradients")[order].tolist())
        assert "Gradients computed along all paths of the sequence. Unit: gradients." in columns["gradients"]["about"]
    facts = {run["explainer"]: (run["addsUp"], run["facts"]["completeness"]) for run in report.head["runs"]}
    assert facts["saliency"][0] is False
    assert "does not guarantee completeness" in facts["saliency"][1]
    assert facts["integrated-gradients"][0] is True
    assert "values sum to the output difference within" in facts["integrated-gradients"][1]
