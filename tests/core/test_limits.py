"""Test that oversized inputs are refused in one line, before memory runs out."""

import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile

import h5py
import pytest
import torch

from demo_core import Model
from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError
from demo_core.sequences.text_files import BadSource, text_lines
from demo_core.storage.limits import Limit
from demo_core.testing import tiny_dataset


@pytest.fixture
def bounded():
    """Run ``demo`` with 3 GiB of additional address space and 60 seconds."""

    def run(*arguments, cwd, **env):
        def limit():
            resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))

        command = [sys.executable, "-m", "demo_core", *map(str, arguments)]
        how = {"cwd": cwd, "env": {**os.environ, "OMP_NUM_THREADS": "1", **env}, "preexec_fn": limit}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **how)

    return run


def test_a_line_or_a_record_has_a_bound_that_can_be_raised(tmp_path, monkeypatch):
    monkeypatch.setenv("DEMO_MAX_RECORD_BYTES", "1000")
    path = tmp_path / "a.txt"
    path.write_text("x" * 1000 + "\n" + "y" * 1001)
    lines = text_lines(path)
    assert len(next(lines)[1]) == 1000
    with pytest.raises(BadSource, match="line 2: exceeds the limit of 1,000 bytes .* increase DEMO_MAX_RECORD_BYTES"):
        next(lines)
    monkeypatch.setenv("DEMO_MAX_RECORD_BYTES", "2000")
    assert len(list(text_lines(path))) == 2
    monkeypatch.setenv("DEMO_MAX_RECORD_BYTES", "many")
    with pytest.raises(DemoError, match="expected a whole number of at least 1, got 'many'"):
        list(text_lines(path))
    with pytest.raises(DemoError, match="what: exceeds the limit of 3 rows"):
        Limit("DEMO_MAX_X", 3, "rows").check(4, "what")


def test_a_sequence_in_many_lines_is_bounded_too(tmp_path, demo, monkeypatch):
    monkeypatch.setenv("DEMO_MAX_RECORD_BYTES", "1000")
    (tmp_path / "a.fa").write_text(">1\n" + ("ACGT" * 20 + "\n") * 20)
    code, _, err = demo("data", "import", tmp_path / "a.fa", "-o", tmp_path / "d.h5")
    assert code == 1 and "entry '>1': exceeds the limit of 1,000 bytes" in err


def test_sources_without_an_end(tmp_path, bounded):
    with gzip.open(tmp_path / "zeros.fa.gz", "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(b"A" * (1 << 20))
    for source, reader in (("/dev/zero", "fasta"), ("zeros.fa.gz", "fasta"), ("/dev/zero", "bed")):
        more = ["--genome", "x.fa"] if reader == "bed" else []
        (tmp_path / "x.fa").write_text(">c\nACGT\n")
        done = bounded("data", "import", source, "--reader", reader, *more, "-o", "d.h5", cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        (line,) = [x for x in done.stderr.splitlines() if x.startswith("demo:")]
        assert "not a text file" in line or "DEMO_MAX_RECORD_BYTES" in line or "first line of a FASTA" in line
        assert not (tmp_path / "d.h5").exists()


def test_a_pipe_that_nobody_writes_to_is_given_up(tmp_path, demo, monkeypatch, trained):
    os.mkfifo(tmp_path / "p.fa")
    monkeypatch.setattr("demo_core.sequences.text_files._WAIT", 0.2)
    code, _, err = demo("data", "import", tmp_path / "p.fa", "-o", tmp_path / "d.h5")
    assert code == 1 and "no process wrote to this pipe" in err
    for name in ("model.json", "weights.safetensors"):
        folder = tmp_path / name
        shutil.copytree(trained / "one", folder)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(DemoError, match="pipe or a device"):
            Model.load(folder)
    os.mkfifo(tmp_path / "d2.h5")
    code, _, err = demo("data", "info", tmp_path / "d2.h5")
    assert code == 1 and "is a pipe or a device" in err
    code, _, err = demo("--allow-code", "model", "import", tmp_path / "p.fa", "--architecture", "cnn", "--length", 40,
                        "-o", tmp_path / "m")  # fmt: skip
    assert code == 1 and "is a pipe or a device" in err


def test_a_description_cannot_ask_for_more_than_the_weights_have(tmp_path, trained, demo):
    shutil.copytree(trained / "one", tmp_path / "m")
    about = json.loads((tmp_path / "m/model.json").read_text())
    about["options"]["filters"] = [20_000_000, 20_000_000]
    (tmp_path / "m/model.json").write_text(json.dumps(about))
    code, _, err = demo("predict", tmp_path / "m", trained / "data.h5")
    assert code == 1 and "asks for a network of more than" in err and "restore the original model folder" in err


def test_a_checkpoint_that_unfolds_is_not_opened(tmp_path, demo):
    torch.save({"w": torch.zeros(3)}, tmp_path / "w.pt")
    with (
        zipfile.ZipFile(tmp_path / "w.pt") as old,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for record in old.infolist():
            new.writestr(record.filename, old.read(record) if "data/" not in record.filename else b"\0" * (64 << 20))
    code, _, err = demo(
        "model", "import", tmp_path / "b.pt", "--architecture", "cnn", "--length", 40, "-o", tmp_path / "m"
    )
    assert code == 1 and "compressed records far larger than itself" in err


def test_files_of_too_many_rows_or_too_large_rows(tmp_path, monkeypatch):
    tiny_dataset(20).save(tmp_path / "d.h5")
    monkeypatch.setenv("DEMO_MAX_ROWS", "19")
    with pytest.raises(DemoError, match="has 20 rows: exceeds the limit of 19 rows; increase DEMO_MAX_ROWS"):
        SequenceDataset.open(tmp_path / "d.h5")
    monkeypatch.setenv("DEMO_MAX_ROWS", "20")
    monkeypatch.setenv("DEMO_MAX_ROW_BYTES", "39")
    with pytest.raises(DemoError, match="DEMO_MAX_ROW_BYTES"):
        SequenceDataset.open(tmp_path / "d.h5")


def test_twenty_million_empty_ids_are_refused_at_once(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        n = 20_000_000
        file.create_dataset("ids", (n,), h5py.string_dtype("utf-8"), chunks=(1 << 18,), compression="gzip")
        file.attrs["demo"] = json.dumps({"format": "demo-dataset", "version": 1})
    with pytest.raises(DemoError, match="20,000,000 rows: exceeds the limit"):
        SequenceDataset.open(tmp_path / "d.h5")


def test_an_id_that_no_reader_would_take_is_refused_at_import(tmp_path, demo):
    (tmp_path / "a.fa").write_text(">" + "x" * 70_000 + "\nACGT\n")
    code, _, err = demo("data", "import", tmp_path / "a.fa", "-o", tmp_path / "d.h5", "--all-positive")
    assert code == 1 and "has an id of 70,000 characters" in err and "10,000 are allowed" in err


def test_long_sequences_are_held_a_few_at_a_time(tmp_path):
    import tracemalloc

    from demo_core.data.importing import import_records
    from demo_core.data.record import Record
    from demo_core.data.splits import ImportSettings

    def records():
        for i in range(400):
            yield Record(f"s{i}", "ACGT" * 25_000, (float(i % 2),))

    tracemalloc.start()
    import_records(records(), tmp_path / "d.h5", lambda: ("bound",), ImportSettings(negatives="none"), "source")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # 2 x 40 MB of codes and sites, and the same of text, if all were in memory at once
    with SequenceDataset.open(tmp_path / "d.h5") as data:
        assert sum(len(block) for block in data.blocks()) == 400
        assert data.rows_at_once() < 400
