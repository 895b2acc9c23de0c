"""Test motif folders in reports and figures, and the parts of a page."""

import json
import shutil

import numpy as np
import pytest
from demo_dashboard.alignment import align
from demo_dashboard.boxes import boxes_of
from demo_dashboard.motifs import Site, read_motifs
from demo_dashboard.page import bundle, embedded
from demo_dashboard.report import Choice, make_report
from demo_dashboard.runs import open_runs
from report_files import of_kind

from demo_core import UsageProblem

# motif folders


def test_sites_of_a_scan_are_on_their_sequences(files, scanned):
    with open_runs(of_kind(files, "saliency")) as runs:
        aligned = align(runs)
        content = read_motifs([scanned], runs, aligned, np.arange(len(aligned)))
        assert content.best_known().name == "WORD" and content.best_known("word").id == "word"
        with pytest.raises(UsageProblem, match="unknown known motif 'CTCF'"):
            content.best_known("CTCF")
        first = content.known_sites(0)[0]
        truth = aligned.sites(0)[0]
        assert truth[0] <= first.start < truth[1]
        assert aligned.text(0)[first.start : first.end] == bundle_word(scanned, first)


def bundle_word(scanned, site):
    lines = (scanned / "sites.tsv").read_text().splitlines()
    heads = lines[0].split("\t")
    rows = [dict(zip(heads, line.split("\t"), strict=True)) for line in lines[1:]]
    (row,) = [r for r in rows if r["id"] == "positive-1" and int(r["start"]) == site.start and r["strand"] == "+"]
    return row["bases"]


@pytest.mark.full
def test_motifs_are_those_of_the_model_they_were_found_in(full_quickstart, tmp_path, demo):
    """Files of another model with the same name do not get the motifs of a folder."""
    folder = full_quickstart[0] / "q"
    shutil.copy(folder / "explanations" / "rnn.saliency.h5", tmp_path / "cnn.saliency.h5")
    own = folder / "explanations" / "cnn.saliency.h5"
    with open_runs([own, tmp_path / "cnn.saliency.h5"]) as runs:
        head = make_report(runs, [folder / "motifs"], Choice(), "demo").head
    pages = {page["name"]: [m["motif"] for m in page["motifs"]] for page in head["models"]}
    assert "cnn.saliency.1" in pages["cnn"] and "cnn.saliency.1" not in pages["rnn"]
    assert head["owners"]["cnn.saliency"] == head["runs"][0]["label"]


def test_motifs_of_other_models_are_refused(files, quickstart, tmp_path, demo):
    alone = tmp_path / "m"
    alone.mkdir()
    shutil.copy(quickstart[0] / "q" / "motifs" / "motifs.h5", alone)
    code, _, err = demo("dashboard", files[1], "--motifs", alone, "-o", tmp_path / "x.html")
    assert (code, err.count("demo: ")) == (1, 1) and "comes from other models" in err


def test_two_sequences_that_runs_call_alike(files, scanned):
    """Sites are assigned to the sequence with the same bases."""
    with open_runs(of_kind(files, "saliency")) as runs:
        other = runs[1].explanation
        other.sequences = other.sequences.take(np.arange(len(other)))
        other.sequences.codes[0] = 3 - other.sequences.codes[0]
        aligned = align(runs)
        assert len(aligned) == 49
        content = read_motifs([scanned], runs, aligned, np.arange(49))
        assert 0 in content.sites and aligned.text(48) != aligned.text(0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("positive-", "other-").replace("negative-", "none-"), "has no id in common"),
        (lambda t: t.replace("\tbases\t", "\tbasis\t"), "has no column 'bases'"),
        (lambda t: t.replace("\t+\t", "\tx\t"), "is not a site"),
        (lambda t: t + "short\n", "cells, not"),
        (lambda t: "\n".join(_moved(line) for line in t.splitlines()) + "\n", "has another sequence"),
    ],
)
def test_a_motif_folder_of_other_sequences_is_refused(files, scanned, tmp_path, demo, change, said):
    shutil.copytree(scanned, tmp_path / "m")
    table = tmp_path / "m" / "sites.tsv"
    table.write_text(change(table.read_text()))
    line = ("dashboard", of_kind(files, "saliency")[0], "--motifs", tmp_path / "m", "-o", tmp_path / "x.html")
    code, _, err = demo(*line)
    assert (code, err.count("demo: ")) == (1, 1) and said in err


def _moved(line):
    cells = line.split("\t")
    if cells[4].isdecimal():
        cells[4], cells[5] = "0", str(int(cells[5]) - int(cells[4]))
    return "\t".join(cells)


def test_what_is_no_motif_folder(files, tmp_path, demo):
    for path, said in (
        (tmp_path, "is not a folder of demo motifs"),
        (tmp_path / "no", "no such folder"),
        (files[0], "is a file"),
    ):
        code, _, err = demo("figure", files[1], "--motifs", path, "-o", tmp_path / "x.png")
        assert code == 1 and said in err
    code, _, err = demo("figure", of_kind(files, "saliency")[0], "--motif", "CTCF", "-o", tmp_path / "x.png")
    assert code == 2 and "--motif needs --motifs" in err


def test_boxes_are_of_the_data_and_of_the_motif():
    def site(start, strand, p):
        return Site(start, start + 8, strand, "m", "M", "", 10.0, p, True)

    boxes = boxes_of([(10, 20)], [site(12, -1, 1e-6), site(40, 1, 1e-4)], "M")
    assert [(b.start, b.end, b.strand, b.truth) for b in boxes] == [
        (10, 20, 0, True),
        (12, 20, -1, False),
        (40, 48, 1, False),
    ]
    assert [b.text for b in boxes] == ["known site", "M (−, p = 1e-06)", "M (+, p = 1e-04)"]


def test_a_motif_without_a_site_is_said_to_have_none(files, scanned, tmp_path, demo):
    line = ("figure", of_kind(files, "saliency")[0], "--motifs", scanned, "-o", tmp_path / "f.svg")
    code, _, err = demo(*line, "--id", "positive-1")
    assert code == 0 and "has no site" not in err
    negative = next(i for i in range(1, 20) if f"\tnegative-{i}\t" not in (scanned / "sites.tsv").read_text())
    code, _, err = demo(*line, "--id", f"negative-{negative}", "--force")
    assert code == 0 and f"negative-{negative}: WORD has no site in it" in err
    assert "WORD has no site in this sequence." in (tmp_path / "f.svg").read_text()


def test_inputs_optimised_by_other_models_are_said_to_be(files, tmp_path, demo):
    one = [f for f in files if f.name.startswith("one.class-optimization")]
    two = [f for f in files if f.name == "two.saliency.h5"]
    for command, name in (("figure", "f.png"), ("dashboard", "r.html")):
        code, _, err = demo(command, *one, *two, "-o", tmp_path / name)
        assert code == 0 and "matches no model of the other explanations" in err
    code, _, err = demo("dashboard", *one, "--id", "positive-1", "-o", tmp_path / "n.html")
    assert code == 2 and "optimised inputs are not sequences" in err


# parts of the page


def test_modules_are_joined_in_order_and_only_what_is_meant(monkeypatch):
    from demo_dashboard import page

    sources = {
        "a.js": 'import { two } from "./b.js";\nexport function one() {\n  return two;\n}\n',
        "b.js": "export const two = 2;\n",
    }
    monkeypatch.setattr(page, "web_file", sources.__getitem__)
    joined = bundle("a")
    assert joined.index("const $b =") < joined.index("const $a =") and "import" not in joined and "export" not in joined
    sources["b.js"] = 'import { one } from "./a.js";\nexport const two = 2;\n'
    with pytest.raises(ValueError, match="import each other"):
        bundle("a")
    sources["b.js"] = "export default 2;\n"
    with pytest.raises(ValueError, match="export default"):
        bundle("a")


def test_nothing_in_json_can_end_a_script_element():
    text = embedded({"a": "</script><script>alert(1)</script><!-- & ]]>"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"a": "</script><script>alert(1)</script><!-- & ]]>"}


def test_patterns_alone_are_a_report_too(files, tmp_path, demo):
    patterns = of_kind(files, "class-optimization")
    code, out, err = demo("dashboard", *patterns, "-o", tmp_path / "p.html")
    assert code == 0, err
    assert "0 sequences, 2 runs" in out
    with open_runs(patterns) as runs:
        head = make_report(runs, [], Choice(), "demo").head
    assert [len(m["patterns"]) for m in head["models"]] == [1, 1] and "table" not in head
    assert len(head["models"][0]["patterns"][0]["restarts"]) == 3


def test_the_command_that_is_shown_makes_the_report_again(files, tmp_path, demo, monkeypatch):
    import re
    import shlex

    monkeypatch.chdir(tmp_path)
    code, _, _ = demo("dashboard", *of_kind(files, "saliency"), "--sequences", 7, "--choose", "wrong", "-o", "a b.html")
    assert code == 0
    first = (tmp_path / "a b.html").read_text()
    head = json.loads(re.search(r'id="head">(.*?)</script>', first, re.DOTALL)[1])
    words = shlex.split(head["command"])
    assert words[:2] == ["demo", "dashboard"]
    code, _, err = demo(*words[1:])
    assert code == 1 and "already exists" in err
    assert demo(*words[1:], "--force")[0] == 0
    same = (tmp_path / "a b.html").read_text()
    assert same.replace(_made(same), "") == first.replace(_made(first), "")


def _made(text):
    return text.split('"made":"')[1].split('"')[0]


def test_an_output_that_cannot_be(files, tmp_path, demo):
    code, _, err = demo("dashboard", files[0], "-o", tmp_path / "x.txt")
    assert code == 2 and "must be named .html" in err
    code, _, err = demo("dashboard", files[0], "-o", tmp_path / "no" / "x.html")
    assert code == 1 and "no such folder" in err
    closed = tmp_path / "closed.html"
    closed.mkdir()
    code, _, err = demo("dashboard", files[0], "-o", closed)
    assert code == 1 and "is a folder" in err


def test_a_folder_that_cannot_be_written_to(files, tmp_path, demo, monkeypatch):
    import os

    asked = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: mode != os.W_OK | os.X_OK and asked(path, mode)
    )  # also fails for root
    for command, name in (("dashboard", "x.html"), ("figure", "x.pdf")):
        code, _, err = demo(command, files[1], "-o", tmp_path / name)
        assert (code, err.count("demo: ")) == (1, 1) and "is not writable" in err


def test_figures_of_several_sequences(files, tmp_path, demo):
    both = of_kind(files, "saliency", "temporal", "class-optimization")
    code, out, err = demo("figure", *both, "--top", 2, "-o", tmp_path / "f.pdf")
    assert code == 0, err
    assert out.count("f.pdf") == 2 and (tmp_path / "f.pdf").read_bytes().count(b"/Type /Page ") == 2
    code, out, err = demo("figure", *both, "--random", 2, "-o", tmp_path / "f.svg", "--width", "column")
    assert code == 0, err
    assert sorted(p.name for p in tmp_path.glob("*.svg")) == ["f-1.svg", "f-2.svg"]
    assert b"<text" in (tmp_path / "f-1.svg").read_bytes()
    code, _, err = demo("figure", *both, "--top", 2, "--random", 2, "-o", tmp_path / "g.pdf")
    assert code == 2 and "--top and --random are alternatives" in err
    code, _, err = demo("figure", *both, "-o", tmp_path / "g.jpg")
    assert code == 2 and "the figure must be named .pdf, .svg or .png" in err
    code, _, err = demo("figure", *both, "--width", "wide", "-o", tmp_path / "g.pdf")
    assert code == 2 and "60 to 2000 millimetres" in err
    code, out, err = demo("figure", *of_kind(files, "class-optimization"), "-o", tmp_path / "p.png")
    assert code == 0 and "optimised inputs" in out
    code, out, err = demo("figure", *of_kind(files, "class-optimization"), "--top", 2, "-o", tmp_path / "q.png")
    assert code == 2 and "are not sequences" in err
