"""Test explanation files: resumed, skipped, refused, and never half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from importlib import metadata

import h5py
import numpy as np
import pytest
from demo_explain.run_names import run_name
from demo_explain.selection import Selection
from run_cases import BOUND, N, explain_to_file, interrupted, job

from demo_core.errors import DemoError, UsageProblem
from demo_core.results.explanation import Explanation
from demo_core.running.explain import explain
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture(scope="module")
def data():
    return tiny_dataset(N, 20)


def test_a_file_stands_alone(tmp_path, registry, data):
    rows = np.arange(5, 40)
    done = explain_to_file(job(registry), data, rows, tmp_path / "a.h5")
    assert (done.state, done.sequences) == ("written", 35)
    assert os.listdir(tmp_path) == ["a.h5"]
    with Explanation.open(tmp_path / "a.h5") as found:
        memory = explain("saliency", tiny_model(length=20, registry=registry), data.take(rows), registry=registry)
        assert np.allclose(found.values[:], memory.values, atol=1e-7)
        assert np.allclose(found.outputs[:], memory.outputs, atol=1e-6)
        assert np.array_equal(found.index[:], rows)
        assert found.sequences.digest() == data.take(rows).digest()
        assert found.sequences.interval(3) == data.interval(8)
        meta = found.metadata
        assert meta["explainer"]["distribution"] == "deep-motif-dashboard"
        assert meta["model"]["digest"] == tiny_model(length=20, registry=registry).digest()
        assert meta["model"]["options"]["filters"] == [8, 8]
        assert meta["options"] == {"simplex": False}
        assert meta["target"]["name"] == "bound"
        assert {"seed", "device", "wall_seconds", "libraries", "data_digest", "created", "batch_size"} <= set(meta)


def test_finished_is_skipped_and_another_run_is_refused_naming_what_differs(tmp_path, registry, data):
    path, rows = tmp_path / "a.h5", np.arange(30)
    explain_to_file(job(registry), data, rows, path)
    before = path.read_bytes()
    assert explain_to_file(job(registry), data, rows, path).state == "skipped"
    assert explain_to_file(job(registry, batch_size=3), data, rows, path).state == "skipped"
    for other, picked, message in [
        (job(registry, options={"simplex": True}), rows, r"options \(simplex: False there, True here\)"),
        (job(registry, seed=3), rows, r"seed \(0 there, 3 here\)"),
        (job(registry), rows[:9], r"number of sequences \(30 there, 9 here\)"),
        (job(registry), rows + 1, "differs in sequences;"),
        (job(registry, model=tiny_model(length=20, seed=5)), rows, "differs in model;"),
        (job(registry, average_strands=True), rows, "average_strands"),
        (job(registry, target="probability:bound"), rows, "target"),
    ]:
        with pytest.raises(DemoError, match=message):
            explain_to_file(other, data, picked, path)
    assert path.read_bytes() == before
    assert explain_to_file(job(registry, seed=3), data, rows, path, force=True).state == "written"
    path.write_text("something else")
    with pytest.raises(DemoError, match="not a readable explanation"):
        explain_to_file(job(registry), data, rows, path)
    assert path.read_text() == "something else"


def test_an_interrupted_run_goes_on_within_its_batch_boundaries(tmp_path, registry, data):
    rows, path = np.arange(N), tmp_path / "a.h5"
    interrupted(registry, data, path)
    assert sorted(os.listdir(tmp_path)) == ["a.partial"]
    assert sorted(os.listdir(tmp_path / "a.partial")) == ["000000.npz", "lock", "run.json"]
    started, again = [], []
    done = explain_to_file(
        job(registry, batch_size=17),
        data,
        rows,
        path,
        on_start=lambda d, n: started.append((d, n)),
        on_batch=again.append,
    )
    assert done.state == "continued"
    assert started == [(1500, N)]
    assert again == [100] * 10
    explain_to_file(job(registry), data, rows, tmp_path / "b.h5")
    with Explanation.open(path) as one, Explanation.open(tmp_path / "b.h5") as other:
        assert np.array_equal(one.values[:], other.values[:])
        assert np.array_equal(one.index[:], rows)
    assert sorted(os.listdir(tmp_path)) == ["a.h5", "b.h5"]


def test_a_slow_run_keeps_each_batch(tmp_path, registry, data, monkeypatch):
    import demo_core.running.sinks as module

    monkeypatch.setattr(module, "_HELD_SECONDS", 0.0)
    interrupted(registry, data, tmp_path / "a.h5", after=3)
    assert sorted(os.listdir(tmp_path / "a.partial"))[:3] == ["000000.npz", "000001.npz", "000002.npz"]


def test_another_run_is_not_mixed_into_an_unfinished_one(tmp_path, registry, data):
    interrupted(registry, data, tmp_path / "a.h5")
    with pytest.raises(DemoError, match=r"a.partial holds a run that differs in seed"):
        explain_to_file(job(registry, seed=1), data, np.arange(N), tmp_path / "a.h5")
    assert explain_to_file(job(registry, seed=1), data, np.arange(N), tmp_path / "a.h5", force=True).state == "written"


def test_a_run_that_finished_no_part_leaves_nothing(tmp_path, registry, data):
    data_without = data.take(slice(0, 30))
    data_without.labels[:] = np.nan
    with pytest.raises(DemoError, match="needs labels"):
        explain_to_file(job(registry, target="loss:bound"), data_without, np.arange(30), tmp_path / "a.h5")
    assert os.listdir(tmp_path) == []


def test_an_interrupted_forced_run_goes_on_when_it_is_forced_again(tmp_path, registry, data):
    path, again = tmp_path / "a.h5", []
    explain_to_file(job(registry, seed=9), data, np.arange(N), path)
    interrupted(registry, data, path, force=True)
    done = explain_to_file(job(registry), data, np.arange(N), path, force=True, on_batch=again.append)
    assert (done.state, len(again)) == ("continued", 10)
    with Explanation.open(path) as found:
        assert found.metadata["seed"] == 0


def test_a_run_finished_by_another_process_meanwhile_is_not_replaced(tmp_path, registry, data):
    from demo_core.storage.part_files import Parts

    path, rows, enter = tmp_path / "a.h5", np.arange(30), Parts.open.__func__

    def late(cls, folder):
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Parts, "open", classmethod(enter))
            explain_to_file(job(registry), data, rows, path)
        return enter(cls, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts, "open", classmethod(late))
        with pytest.raises(DemoError, match="differs in seed"):
            explain_to_file(job(registry, seed=1), data, rows, path)
    with Explanation.open(path) as found:
        assert found.metadata["seed"] == 0


def test_a_folder_of_the_users_is_not_touched(tmp_path, registry, data):
    (tmp_path / "notes.partial").mkdir()
    (tmp_path / "notes.partial" / "thesis.txt").write_text("x")
    with pytest.raises(DemoError, match=r"notes.partial holds thesis.txt, which is not part of a run"):
        explain_to_file(job(registry), data, np.arange(5), tmp_path / "notes.h5", force=True)
    assert (tmp_path / "notes.partial" / "thesis.txt").read_text() == "x"


def test_a_kill_during_assembly_leaves_nothing_after_the_next_run(tmp_path, registry, data):
    import demo_core.results.writer as module

    class Killed(BaseException):
        pass

    def kill(file, metadata):
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.hdf5, "describe", kill)
        patch.setattr("pathlib.Path.unlink", lambda *a, **k: None)  # killed processes do not clean up
        with pytest.raises(Killed):
            explain_to_file(job(registry), data, np.arange(N), tmp_path / "a.h5")
    assert [p for p in os.listdir(tmp_path) if p != "a.partial"] == []
    assert any(p.startswith(".a.h5") for p in os.listdir(tmp_path / "a.partial"))
    assert explain_to_file(job(registry), data, np.arange(N), tmp_path / "a.h5").state == "continued"
    assert os.listdir(tmp_path) == ["a.h5"]


def test_another_version_of_the_architecture_is_another_run(tmp_path, registry, data):
    path, rows = tmp_path / "a.h5", np.arange(5)
    explain_to_file(job(registry), data, rows, path)
    model = tiny_model(length=20, registry=registry)
    model.running = {**model.running, "version": "0.0.9"}
    with pytest.raises(DemoError, match=r"architecture \(version: .* there, 0.0.9 here\)"):
        explain_to_file(job(registry, model=model), data, rows, path)


def test_a_damaged_part_is_computed_again(tmp_path, registry, data, monkeypatch):
    import demo_core.running.sinks as module
    from demo_core.storage.part_files import Parts

    explain_to_file(job(registry), data, np.arange(N), tmp_path / "a.h5")
    write = Parts.write

    def damaging(self, number, arrays):
        write(self, number, arrays)
        if number == 7:
            self._path(7).write_bytes(b"PK\x03\x04")

    monkeypatch.setattr(module, "_HELD_SECONDS", 0.0)
    monkeypatch.setattr(Parts, "write", damaging)
    explain_to_file(job(registry), data, np.arange(N), tmp_path / "b.h5")
    with Explanation.open(tmp_path / "a.h5") as one, Explanation.open(tmp_path / "b.h5") as other:
        assert np.array_equal(one.values[:], other.values[:])


SLOW = """
    import time
    import demo_core.running.sinks
    from demo_core import Explainer, Result, hookimpl
    demo_core.running.sinks._HELD_SECONDS = 0.3
    DEMO_API = 1
    @hookimpl
    def register_explainers(register):
        register(Explainer(name="slow", target="demo_local_slow:Slow", kind="attribution", summary="Slow."))
    class Slow:
        def __init__(self, options): pass
        def explain(self, model, batch, target):
            time.sleep(0.03)
            return Result(batch.random.uniform(batch.x[0].numel()).reshape(batch.x.shape) + batch.x)
"""


def test_sigkill_in_mid_run_then_the_same_values_then_skipped(tmp_path, data, demo_process, registry):
    (tmp_path / "slow.py").write_text(textwrap.dedent(SLOW))
    data.save(tmp_path / "d.h5")
    tiny_model(length=20, registry=registry).save(tmp_path / "m")
    line = ["--plugin", tmp_path / "slow.py", "explain", "slow", tmp_path / "m", tmp_path / "d.h5", "--split", "all",
            "--batch-size", "50", "-o"]  # fmt: skip
    killed = subprocess.Popen(
        [sys.executable, "-m", "demo_core", *map(str, line), tmp_path / "out"], start_new_session=True
    )
    partial = tmp_path / "out" / "m.slow.partial"
    deadline = time.monotonic() + 60
    while not (partial / "000000.npz").exists():
        assert time.monotonic() < deadline, "nothing was kept"
        assert killed.poll() is None, "the run ended by itself"
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "out" / "m.slow.h5").exists()
    kept = [p for p in partial.iterdir() if p.suffix == ".npz" and not p.name.startswith(".")]
    assert 1 <= len(kept) < 50

    again = demo_process(*line, tmp_path / "out")
    assert again.returncode == 0, again.stderr
    assert "resumed" in again.stdout
    assert sorted(os.listdir(tmp_path / "out")) == ["m.slow.h5"]
    whole = demo_process(*line, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    with (
        Explanation.open(tmp_path / "out" / "m.slow.h5") as one,
        Explanation.open(tmp_path / "whole" / "m.slow.h5") as other,
    ):
        assert np.array_equal(one.values[:], other.values[:])
        assert one.metadata["explainer"]["origin"] == "local file"
        assert one.metadata["explainer"]["version"].startswith("sha256:")
    third = demo_process(*line, tmp_path / "out")
    assert third.returncode == 0
    assert "skipped: already finished" in third.stdout


def test_names_of_files(registry):
    plain = tiny_model(length=20, registry=registry)
    several = tiny_model(length=20, targets=("a/../b", "ä b"), registry=registry)
    assert run_name(job(registry, model=plain), "saliency") == "cnn.saliency"
    assert run_name(job(registry, model=plain), "other:saliency") == "cnn.other.saliency"
    changed = run_name(job(registry, model=plain, options={"simplex": True}), "saliency")
    assert changed == "cnn.saliency-simplex"
    steps = [
        run_name(job(registry, "class-optimization", model=plain, options=o), "class-optimization")
        for o in (
            {"steps": 20, "restarts": 5},
            {"steps": 20, "restarts": 5, "step_size": 0.1, "penalty": 0.25, "patience": 9999, "parameters": "softmax"},
        )
    ]
    assert steps[0] == "cnn.class-optimization-restarts-5-steps-20"
    assert len(steps[1]) == len("cnn.class-optimization-") + 8  # a digest, because the full text would be too long
    named = [run_name(job(registry, model=several, target=t), "saliency") for t in ("a/../b", "ä b", "loss:ä b")]
    assert len(set(named)) == 3
    assert all("/" not in n and " " not in n and n.startswith("cnn.saliency.") for n in named)


def test_selections(data):
    test = data.rows_of_split("test")
    assert np.array_equal(Selection().rows(data, "bound"), test)
    assert np.array_equal(Selection("train", limit=3).rows(data, "bound"), data.rows_of_split("train")[:3])
    positive = Selection("all", only_positive=True).rows(data, "bound")
    assert np.array_equal(positive, np.flatnonzero(data.labels[:, 0] > 0.5))
    assert Selection(ids=("negative-2", "positive-1")).rows(data, "bound").tolist() == [3, 0]
    no_test = data.take(data.rows_of_split("train"))
    assert len(Selection().rows(no_test, "bound")) == len(no_test)
    for selection, message in [
        (Selection(ids=("none",)), "1 of 1 ids are not in the data"),
        (Selection("tset"), "did you mean 'test'"),
        (Selection(only_positive=True), "no labels for 'x'"),
    ]:
        with pytest.raises(UsageProblem, match=message):
            selection.rows(data, "x")


def test_memory_does_not_grow_with_the_number_of_parts(tmp_path, registry, monkeypatch):
    """A run with four times as many parts needs less than 1.6 times the memory."""
    import tracemalloc

    import demo_core.running.sinks as module

    monkeypatch.setattr(module, "_PART_BYTES", 300_000)
    monkeypatch.setattr(module, "_HELD_BYTES", 300_000)

    def peak(n):
        big = tiny_dataset(n, 20)
        tracemalloc.start()
        explain_to_file(job(registry), big, np.arange(n), tmp_path / f"{n}.h5")
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(500)
    assert peak(40_000) < 1.6 * peak(10_000)  # 8,192 sequences are read at a time


def test_files_made_by_others_are_checked(tmp_path, registry, data):
    path = tmp_path / "a.h5"
    for change, message in [
        ({"kind": "atribution"}, "did you mean 'attribution'"),
        ({"kind": "interaction"}, "values have shape"),
        ({"channels": 3}, "refused"),
        ({"model": {"name": "m", "targets": []}}, "target.outputs: 'bound' is no output of the model"),
        ({"model": {"name": "m", "targets": [BOUND, {**BOUND, "name": "b"}]}}, "differ in number"),
        ({"target": {"name": "x", "form": "sum", "outputs": [BOUND]}}, "target.form: unknown form 'sum'"),
        ({"options": []}, "options must be dict"),
        ({"target": {"name": 3}}, "target has no name"),
        ({"explainer": None}, "refused"),
    ]:
        explain_to_file(job(registry), data, np.arange(5), path, force=True)
        with h5py.File(path, "r+") as file:
            file.attrs["demo"] = json.dumps({**json.loads(file.attrs["demo"]), **change})
            del file.attrs["demo-crc32"]
        with pytest.raises(DemoError, match=message):
            Explanation.open(path)


def test_another_version_of_what_a_plugin_requires_makes_another_run(registry, data, tmp_path, monkeypatch):
    made = job(registry)
    spec = replace(made.spec, requires=("h5py",))
    made = replace(made, registered=replace(made.registered, spec=spec))
    assert explain_to_file(made, data, np.arange(50), str(tmp_path / "a.h5")).state == "written"
    assert explain_to_file(made, data, np.arange(50), tmp_path / "a.h5").state == "skipped"
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == "h5py" else version(name))
    with pytest.raises(DemoError, match="differs in version of h5py"):
        explain_to_file(made, data, np.arange(50), tmp_path / "a.h5")


def test_rows_that_are_used_again_see_what_changed(registry):
    from demo_core.running import Memory, Rows, run

    data = tiny_dataset(20, 20)
    rows = Rows(data)
    before = run(job(registry), rows, Memory())
    data.codes[:] = (data.codes + 1) % 4
    after = run(job(registry), rows, Memory())
    assert (after.sequences.codes == data.codes).all() and (before.sequences.codes != data.codes).all()
