"""Test what explainers may use besides gradients: backgrounds, progress, copies, own numbers, own capabilities."""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core import BatchRandom, DemoError, Explanation, Extra, PluginError, explain
from demo_core.plugins import Explainer
from demo_core.plugins.dataset_option import DatasetFile
from demo_core.plugins.specs import Architecture, SpecError
from demo_core.results import completeness_sentence
from demo_core.running import Background, Memory, Rows, make_job, run
from demo_core.running.background import draw_without_replacement
from demo_core.running.job import expansion_of
from demo_core.sequences import DNA, dinucleotide_shuffle
from demo_core.testing import tiny_dataset, tiny_model

CPU = torch.device("cpu")


def pairs(codes):
    return Counter(pairwise(codes.tolist()))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("ACGTN", min_size=15, max_size=15), min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 99)
)
def test_shuffles_of_a_row_keep_its_pairs_and_do_not_depend_on_other_rows(lines, k, seed):
    codes = torch.from_numpy(np.stack([DNA.encode(line) for line in lines]))
    index = np.arange(len(lines)) + 5
    found = BatchRandom(seed, index, CPU).dinucleotide_shuffles(codes, k)
    assert found.shape == (len(lines), k, 15)
    for row, line in enumerate(codes):
        alone = BatchRandom(seed, index[row : row + 1], CPU).dinucleotide_shuffles(codes[row : row + 1], k)
        assert torch.equal(alone[0], found[row])
        for shuffled in found[row]:
            assert pairs(shuffled) == pairs(line)


def test_shuffles_of_rows_are_uniform_over_all_with_the_same_pairs():
    code = DNA.encode("AACAACCA")
    n = 4000
    codes = np.repeat(code[None], n, axis=0)
    drawn = Counter(DNA.decode(row) for row in dinucleotide_shuffle(codes, BatchRandom(1, np.arange(n), CPU)))
    by_generator = Counter(DNA.decode(row) for row in dinucleotide_shuffle(codes, np.random.default_rng(1)))
    assert set(drawn) == set(by_generator)
    expected = n / len(drawn)
    statistic = sum((count - expected) ** 2 / expected for count in drawn.values())
    freedom = len(drawn) - 1
    assert abs(statistic - freedom) < 5 * np.sqrt(2 * freedom) + 10


def test_drawing_without_replacement_gives_every_set():
    random = BatchRandom(0, np.arange(6000), CPU)
    found = draw_without_replacement(random, 5, 3)
    assert all(len(set(row)) == 3 for row in found.tolist())
    counts = Counter(tuple(sorted(row)) for row in found.tolist())
    assert len(counts) == 10
    assert all(abs(count - 600) < 5 * np.sqrt(600) for count in counts.values())
    assert sorted(draw_without_replacement(random, 4, 4)[0].tolist()) == [0, 1, 2, 3]


def test_a_background_file_is_opened_checked_and_told_apart(demo, trained, here):
    data = tiny_dataset(30, unknown=False, seed=3)
    (here / "background.fa").write_text("".join(f">{i % 2}\n{DNA.decode(row)}\n" for i, row in enumerate(data.codes)))
    (here / "short.fa").write_text(">a\nACGT\n>b\nACGT\n")
    words = "explain", "expected-gradients", trained / "one", trained / "data.h5", "--limit", 4, "-o", "e"
    (here / "rna.fa").write_text(">r\nACGU\n")
    (here / "empty.fa").write_text("")
    code, _, err = demo(*words, "--background-file", "background.fa", "--references", 30)
    assert code == 0, err
    assert "values sum to the output difference within" in err
    (file,) = here.glob("e/*.h5")
    with Explanation.open(file) as found:
        assert found.provenance.options["background_file"] == "background.fa"
        digest = found.provenance.fingerprint["files of the options"]["background_file"]
        assert found.extra("gradients").min() >= 30 * 4
    (here / "background.fa").write_text(
        "".join(f">{i % 2}\n{DNA.decode(row[::-1])}\n" for i, row in enumerate(data.codes))
    )
    code, _, err = demo(*words, "--background-file", "background.fa", "--references", 30)
    assert code == 1
    assert "files of the options" in err
    assert digest in err
    for file_name, said in (
        ("short.fa", "--background-file short.fa has sequences of 4 bases, but model 'one' takes 40"),
        ("none.fa", "--background-file: none.fa: no such file"),
        ("rna.fa", "--background-file: rna.fa: line 2: "),
        ("empty.fa", "--background-file: empty.fa: "),
    ):
        code, _, err = demo(*words, "--background-file", file_name)
        assert code in (1, 3)
        assert said in err.splitlines()[-1]
    code, _, err = demo(*words, "--background-file", "background.fa", "--references", 31)
    assert code == 3
    assert "has 30 sequences, but 31 references are needed; give more sequences, or lower --references" in err


def test_a_dataset_option_is_a_path_in_json_and_help(demo):
    code, out, _ = demo("explain", "expected-gradients", "--help")
    assert code == 0
    assert "--background-file DATASET" in out
    assert str(DatasetFile("a/b.h5")) == "a/b.h5"
    with pytest.raises(RuntimeError, match="is not open"):
        _ = DatasetFile("a.h5").sequences


def test_another_alphabet_is_refused():
    from demo_core.sequences import Alphabet

    data = tiny_dataset(30)
    data.alphabet = Alphabet("other", "ACGT")
    with pytest.raises(DemoError, match=r"--background-file dataset in memory is other, but model 'cnn' reads dna"):
        explain("expected-gradients", tiny_model(), tiny_dataset(2), background_file=data)


class Copies:
    """Reports progress, and how many copies it makes."""

    copies = 7

    def __init__(self, options):
        self.options = options

    def expansion(self, model):
        return self.copies

    def explain(self, model, batch, target):
        for done in range(4):
            batch.progress(done + 1, 4)
        from demo_core import Result

        return Result(batch.x, per_sequence={"place": batch.index.float()})


@pytest.fixture
def copies(registry, monkeypatch):
    found = registry.find(Explainer, "saliency")
    load = type(found).load
    monkeypatch.setattr(type(found), "load", lambda self: Copies if self.spec.name == "saliency" else load(self))
    monkeypatch.setattr(Copies, "copies", 7)
    return found


def test_batches_shrink_with_the_number_of_copies(copies):
    model = tiny_model(length=1000, filters=(8, 8), widths=(5, 3))
    job = make_job(copies, model)
    assert expansion_of(job) == 7
    found = run(job, Rows(tiny_dataset(8, 1000)), Memory())
    assert found.metadata["batch_size"] == 26 // 7
    for wrong in (0, 2.5, True):
        Copies.copies = wrong
        with pytest.raises(PluginError, match="expansion\\(model\\) must return a whole number"):
            run(job, Rows(tiny_dataset(8, 1000)), Memory())


def test_progress_inside_a_batch_moves_the_bar_and_ends_with_the_batch(copies):
    seen, done = [], []
    job = make_job(copies, tiny_model(), batch_size=4, average_strands=True)
    run(job, Rows(tiny_dataset(8)), Memory(), on_start=lambda d, n: seen.append((d, n)), on_batch=done.append)
    assert done == [4, 4]
    assert all(total == 8 for _, total in seen)
    inside = [d for d, _ in seen]
    # both strands take half of a batch each; the count before a batch is given again before it is added
    assert inside == [0, 0, 1, 1, 2, 2, 3, 3, 4, 0, 4, 5, 5, 6, 6, 7, 7, 8, 4]


def test_all_omits_expensive_explainers_unless_they_are_named(demo, trained, here):
    words = "explain", "all", trained / "one", trained / "data.h5", "--limit", 2, "-o", "e"
    code, _, err = demo(*words, "--except", "temporal", "--except", "class-optimization", "--also", "ism")
    assert code == 0, err
    made = {path.name.split(".")[1] for path in here.glob("e/*.h5")}
    assert made == {
        "deeplift",
        "deeplift-shap",
        "input-x-gradient",
        "integrated-gradients",
        "ism",
        "saliency",
        "smooth-grad",
    }
    assert "skipped occlusion: it needs many passes of each sequence; add --also occlusion to run it" in err
    for more, said in (
        (["--except", "salency"], "did you mean 'saliency'"),
        (["--except", "ism", "--also", "ism"], "'ism' is given to --except and to --also"),
    ):
        code, _, err = demo(*words, *more)
        assert code == 2
        assert said in err


def test_a_config_file_may_omit_explainers(demo, trained, here):
    (here / "c.toml").write_text(
        'except = ["temporal", "deeplift", "deeplift-shap", "smooth-grad", "integrated-gradients",\n'
        '          "class-optimization"]\n'
    )
    code, _, err = demo("explain", "all", trained / "one", trained / "data.h5", "--config", "c.toml", "-o", "e")
    assert code == 0, err
    assert {path.name.split(".")[1] for path in here.glob("e/*.h5")} == {"input-x-gradient", "saliency"}


def test_capabilities_of_third_parties_have_the_name_of_their_package():
    about = {"target": "mine:Mine", "summary": "s"}
    spec = Architecture(name="mine", provides={"gradients", "mypackage:attention-maps"}, **about)
    assert "mypackage:attention-maps" in spec.provides
    Explainer(name="mine", kind="attribution", needs={"mypackage:attention-maps"}, **about)
    for wrong in ("attention-maps", "My:maps", "mypackage:", ":maps", "a:b:c"):
        with pytest.raises(SpecError, match="unknown capability"):
            Architecture(name="mine", provides={wrong}, **about)
    with pytest.raises(SpecError, match="extras must be a tuple of Extra"):
        Explainer(name="mine", kind="attribution", extras=("steps",), **about)


def test_own_numbers_have_help_and_unit_in_every_listing(demo, trained, here):
    code, _, err = demo("explain", "integrated-gradients", trained / "one", trained / "data.h5", "-o", "e")
    assert code == 0, err
    (file,) = here.glob("e/*.h5")
    with Explanation.open(file) as found:
        extras = {extra.name: extra for extra in found.provenance.described_extras}
        gradients, error = found.extra("gradients"), found.extra("completeness-error")
        ids = found.sequences.ids[:]
    assert extras["gradients"] == Extra("gradients", extras["gradients"].help, "gradients")
    assert extras["gradients"].help
    code, out, _ = demo("show", file, "-o", "f.png", "--id", ids[3])
    assert code == 0
    assert (
        f"one integrated-gradients: gradients {gradients[3]:.4g} (Gradients computed along all paths of the sequence)"
        in out
    )
    assert f"one integrated-gradients: completeness-error {error[3]:.4g} (" in out
    code, out, _ = demo("export", file, "--table")
    assert code == 0
    lines = [line.split("\t") for line in file.with_name(file.stem + ".table.tsv").read_text().splitlines()]
    assert lines[0] == ["id", "chrom", "start", "end", "strand", "label:bound", "output:bound", "target", "baseline",
                        "gradients", "completeness-error"]  # fmt: skip
    row = lines[4]
    assert row[0] == ids[3]
    assert float(row[-2]) == gradients[3]
    assert float(row[-1]) == pytest.approx(error[3], rel=1e-4)
    code, out, _ = demo("plugins", "--show", "integrated-gradients", "--json")
    assert code == 0
    json.loads(out)


def test_methods_without_a_promise_say_so(demo, trained, here):
    code, _, err = demo("explain", "saliency", trained / "one", trained / "data.h5", "-o", "e")
    assert code == 0
    assert "saliency does not guarantee completeness" in err
    with Explanation.open(here / "e" / "one.saliency.h5") as found:
        assert "does not guarantee completeness" in completeness_sentence(found)
    code, out, err = demo("show", here / "e" / "one.saliency.h5", "-o", "f.png")
    assert code == 0
    assert "one saliency: no completeness guarantee" in err
    assert "guarantee" not in out


def test_a_background_of_one_share_of_each_letter_leaves_unknown_bases_unknown():
    from demo_core import Batch

    model, data, index = tiny_model(), tiny_dataset(4), np.arange(4)
    batch = Batch(
        model.one_hot(data.codes), torch.tensor(data.codes), torch.tensor(data.labels), torch.tensor(index),
        BatchRandom(0, index, CPU),
    )  # fmt: skip
    for kind, share in (("uniform", 0.25), ("zeros", 0.0)):
        found = Background(kind, 9).draw(model, batch)
        assert found.shape == (4, 1, 4, 40)
        known = batch.codes < 4
        assert (found[:, 0].transpose(1, 2)[known] == share).all()
        assert (found[:, 0].transpose(1, 2)[~known] == 0).all()


@dataclass(frozen=True)
class WithTuple:
    files: tuple[DatasetFile, ...] = ()


@dataclass(frozen=True)
class WithFile:
    file: DatasetFile | None = None


def test_dataset_options_are_single_and_of_explainers():
    about = {"name": "mine", "target": "mine:Mine", "summary": "s"}
    with pytest.raises(SpecError, match="a dataset cannot be an item of a tuple"):
        Explainer(kind="attribution", options=WithTuple, **about)
    Explainer(kind="attribution", options=WithFile, **about)
    with pytest.raises(SpecError, match="only explainers can have options of type DatasetFile"):
        Architecture(options=WithFile, **about)


def test_invalid_extras_are_refused():
    about = {"name": "mine", "target": "mine:Mine", "summary": "s", "kind": "attribution"}
    for name, text in (("", "help"), ("steps", ""), ("a\nb", "help"), ("steps", 5)):
        with pytest.raises(SpecError):
            Extra(name, text)
    for extras in ((Extra("a", "h"), Extra("a", "h")), (Extra("completeness-error", "h"),)):
        with pytest.raises(SpecError, match="names of extras must differ"):
            Explainer(extras=extras, **about)


def test_an_expansion_that_changes_the_model_is_blamed(copies, monkeypatch):
    def expansion(self, model):
        model.module.train()
        return 2

    monkeypatch.setattr(Copies, "expansion", expansion)
    model = tiny_model()
    with pytest.raises(PluginError, match="its expansion changed the training mode of a module"):
        run(make_job(copies, model), Rows(tiny_dataset(8)), Memory())
    assert not model.module.training


def test_unknown_bases_of_a_background_file_are_not_inserted():
    background = tiny_dataset(6, unknown=False)
    background.codes[:] = 4
    found = explain("occlusion", tiny_model(), tiny_dataset(3), background_file=background, references=2)
    assert not found.values.any()  # nothing is replaced


def test_the_letters_of_an_alphabet_that_cannot_be_shuffled_are_no_fault_of_the_plugin():
    from types import SimpleNamespace

    batch = SimpleNamespace(x=torch.zeros(2, 8, 10))
    with pytest.raises(DemoError, match="sequences of 8 letters cannot be shuffled"):
        Background("shuffle", 3).draw(tiny_model(), batch)
