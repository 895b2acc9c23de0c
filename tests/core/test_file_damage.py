"""Test that damaged files are refused with their name, and never read with changed values."""

import json
import os
import random
import resource
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest

from demo_core import Model
from demo_core.data.dataset import SequenceDataset
from demo_core.errors import DemoError
from demo_core.results.explanation import Explanation
from demo_core.storage.atomic_files import parse_json
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture(scope="module")
def explained(trained, tmp_path_factory):
    from demo_core.cli import run

    folder = tmp_path_factory.mktemp("explained")
    assert run(["explain", "saliency", str(trained / "one"), str(trained / "data.h5"), "-o", str(folder)]) == 0
    return folder / "one.saliency.h5"


def content(path):
    """Read everything that a command reads from a file."""
    with Explanation.open(path) as file:
        names = ("codes", "labels", "group", "split", "intervals", "sites")
        columns = [getattr(file.sequences, n) for n in names] + [file.values, file.outputs, file.target_values]
        about = {k: v for k, v in file.metadata.items() if k != "text_checksums"}
        return [np.asarray(c[:]).tobytes() for c in columns if c is not None] + [list(file.sequences.ids[:]), about]


def test_a_flipped_byte_is_refused_or_changes_nothing(explained, tmp_path):
    whole, clean = explained.read_bytes(), content(explained)
    choose = random.Random(0)
    path = tmp_path / "flipped.h5"
    refused = 0
    for place in choose.sample(range(len(whole)), 150):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << choose.randrange(8))]) + whole[place + 1 :])
        try:
            assert content(path) == clean, f"byte {place} changed the content without a word"
        except DemoError as error:
            assert "flipped.h5" in str(error)
            refused += 1
    assert refused > 50


def as_written_before(path):
    """Give a file ids of variable length and their checksums, as earlier versions wrote them."""
    with h5py.File(path, "r+") as file:
        ids = [text.decode() for text in file["ids"][:]]
        del file["ids"], file.attrs["demo-crc32"]
        file.create_dataset("ids", data=ids, dtype=h5py.string_dtype("utf-8"), chunks=True, compression="gzip")
        pages = [ids[i : i + 256] for i in range(0, len(ids), 256)]
        sums = [zlib.crc32("\0".join(page).encode()) for page in pages]
        about = json.loads(file.attrs["demo"]) | {"text_checksums": {"ids": sums}}
        file.attrs["demo"] = json.dumps(about)


@pytest.mark.parametrize(("object_", "damage"), [(0, bytes(16)), (3, b"\x04\0\1\0\0\0\0\0" + b"\xff" * 8)])
def test_strings_that_hdf5_would_read_forever_are_refused(tmp_path, object_, damage):
    tiny_dataset(60).save(tmp_path / "d.h5")
    as_written_before(tmp_path / "d.h5")
    whole = bytearray((tmp_path / "d.h5").read_bytes())
    place = whole.rfind(b"GCOL", 0, whole.find(b"positive-1")) + 16
    for _ in range(object_):  # index and references take 8 bytes, sizes 8, contents are padded to 8
        place += 16 + (int.from_bytes(whole[place + 8 : place + 16], "little") + 7) // 8 * 8
    whole[place : place + 16] = damage
    (tmp_path / "d.h5").write_bytes(whole)
    with pytest.raises(DemoError, match=r"d\.h5 is damaged: its strings cannot be read"):
        SequenceDataset.open(tmp_path / "d.h5")


def test_a_flipped_byte_in_the_ids_is_an_error(tmp_path):
    path, data = tmp_path / "d.h5", tiny_dataset(600)
    data.save(path)
    with h5py.File(path) as file:
        chunk = file["ids"].id.get_chunk_info(0)
    whole = bytearray(path.read_bytes())
    whole[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(whole)
    with SequenceDataset.open(path) as opened, pytest.raises(DemoError, match=r"d\.h5 is damaged"):
        opened.ids[:]


def test_files_without_checksums_still_open(explained, tmp_path):
    path = tmp_path / "old.h5"
    with h5py.File(explained) as new, h5py.File(path, "w", libver=("v110", "v110")) as old:
        for name in new:
            kind = h5py.string_dtype("utf-8") if name == "ids" else None
            old.create_dataset(name, data=new[name][:], dtype=kind, chunks=True, compression="gzip")
        about = json.loads(new.attrs["demo"])
        del about["third_party_plugins"]
        old.attrs["demo"] = json.dumps(about)
    assert content(path)[:-1] == content(explained)[:-1]


@pytest.mark.parametrize("long", [False, True])
def test_strings_of_variable_length_are_read_and_compared_with_their_checksums(tmp_path, long):
    """Earlier versions stored all ids with variable length; now only columns with long ids have it."""
    path, data = tmp_path / "d.h5", tiny_dataset(600)
    data.ids[300] = "Zürich"
    data.ids[599] = "x" * 5000 if long else "last"
    data.save(path)
    if not long:
        as_written_before(path)
    with SequenceDataset.open(path) as opened:
        assert opened.ids[:].tolist() == data.ids.tolist() and opened.ids[300] == "Zürich"
        assert opened.digest() == data.digest()
        assert opened.take([599, 0]).ids.tolist() == [data.ids[599], data.ids[0]]
    whole = path.read_bytes()
    path.write_bytes(whole.replace("Zürich".encode(), b"Zurich!"))
    with SequenceDataset.open(path) as opened, pytest.raises(DemoError, match=r"checksum mismatch in ids from row 257"):
        opened.ids[:]


@pytest.mark.parametrize("sums", [[], 3, {"ids": {"a": 1}}, {"ids": 1}, {"ids": []}])
def test_checksums_that_are_none(tmp_path, sums):
    path = tmp_path / "d.h5"
    tiny_dataset(5).save(path)
    with h5py.File(path, "r+") as file:
        about = json.loads(file.attrs["demo"])
        del file.attrs["demo-crc32"]
        file.attrs["demo"] = json.dumps(about | {"text_checksums": sums})
    with pytest.raises(DemoError, match="is refused: text_checksums must have a list of 1 checksums of ids"):
        SequenceDataset.open(path)


WRITES = """
import sys
from pathlib import Path
import numpy as np
from demo_core.storage import hdf5
from demo_core.storage.atomic_files import whole_file
with whole_file(Path(sys.argv[1])) as temporary, hdf5.create(temporary) as file:
    for _ in range(int(sys.argv[2])):
        values = np.random.default_rng(0).random((100, 1000), np.float32)
        hdf5.append_columns(file, {"values": hdf5.Field("float32", 2)}, {"values": values})
    hdf5.describe(file, {})
"""


def test_a_full_disk_is_one_line_and_no_crash(tmp_path):
    source = tmp_path / "s.fa"
    source.write_text("".join(f">{i % 2}\n{''.join(random.Random(i).choices('ACGT', k=150))}\n" for i in range(4000)))
    (tmp_path / "out").mkdir()

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    # in the middle of writing, and while the file is closed
    for command in (["-m", "demo_core", "data", "import", "s.fa", "-o", "out/d.h5"], ["-c", WRITES, "out/x.h5", "9"],
                    ["-c", WRITES, "out/x.h5", "1"]):  # fmt: skip
        how = {"cwd": tmp_path, "preexec_fn": limit, "capture_output": True, "text": True}
        done = subprocess.run([sys.executable, *command], check=False, **how)
        assert done.returncode == 1, done.stderr
        line = done.stderr.splitlines()[-1]
        assert "cannot write to the file system at" in line and "out/" in line
        assert os.listdir(tmp_path / "out") == []


def test_data_that_is_edited_while_it_is_explained_makes_no_file(tmp_path, demo, monkeypatch):
    from demo_core.running.sinks import File

    tiny_dataset(600, 400).save(tmp_path / "d.h5")
    with h5py.File(tmp_path / "d.h5", "r+") as file:  # contiguous, of which HDF5 caches little
        codes = file["codes"][:]
        del file["codes"]
        file.create_dataset("codes", data=codes)
    tiny_model(length=400).save(tmp_path / "m")
    real = File.finish
    code = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); f['codes'][:] = (f['codes'][:] + 1) % 4; f.close()"

    def edited(*arguments, **more):
        env = {**os.environ, "HDF5_USE_FILE_LOCKING": "FALSE"}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "d.h5")], check=True, env=env)
        return real(*arguments, **more)

    monkeypatch.setattr(File, "finish", edited)
    code, _, err = demo(
        "explain", "saliency", tmp_path / "m", tmp_path / "d.h5", "-o", tmp_path / "ex", "--split", "all"
    )
    assert code == 1 and "the data changed during the run" in err
    assert os.listdir(tmp_path / "ex") == []


def test_weights_that_are_no_numbers_are_refused(tmp_path, trained):
    import shutil

    import safetensors.torch

    shutil.copytree(trained / "one", tmp_path / "m")
    path = tmp_path / "m" / "weights.safetensors"
    weights = safetensors.torch.load_file(path)
    name = next(iter(weights))
    for bad in (float("nan"), float("inf")):
        weights[name].view(-1)[0] = bad
        safetensors.torch.save_file(weights, path)
        with pytest.raises(DemoError, match=f"1 of .* values of {name} are not finite"):
            Model.load(tmp_path / "m")


def test_infinite_values_are_missing_and_told_once(explained, tmp_path, demo, recwarn):
    import shutil

    path = tmp_path / "inf.h5"
    shutil.copy(explained, path)
    with h5py.File(path, "r+") as file:
        values = file["values"][:]
        values[0, :, 3], values[1, 0, 0] = np.inf, -np.inf
        file["values"][:] = values
    for command in (["show", path, "-o", tmp_path / "s.png"], ["figure", path, "-o", tmp_path / "f.png"],
                    ["dashboard", path, "-o", tmp_path / "d.html"], ["export", path, "--tsv"]):  # fmt: skip
        code, _, err = demo(*command)
        assert code == 0, err
    assert not [w for w in recwarn if "numpy" in str(w.filename) or issubclass(w.category, RuntimeWarning)]
    with Explanation.open(path) as found:
        assert np.isnan(found.values[0, :, 3]).all() and np.isnan(found.values[1, 0, 0])


def test_half_a_character_is_no_json():
    assert parse_json('["\\ud83d\\ude00"]') == ["\U0001f600"]
    with pytest.raises(ValueError, match="lone surrogate"):
        parse_json('["\\ud83d"]')


def test_what_is_closed_or_compared_answers_in_a_sentence(explained, trained, registry):
    with SequenceDataset.open(trained / "data.h5") as data, Explanation.open(explained) as one:
        pass
    assert repr(data) == "<SequenceDataset of a file that is closed>"
    assert "its file is closed" in repr(one)
    with pytest.raises(DemoError, match="the file is closed"):
        data.codes[:]
    with Explanation.open(explained) as two:
        assert one == one  # noqa: PLR0124
        assert one != 3
        with pytest.raises(DemoError, match="cannot be compared with =="):
            one == two  # noqa: B015
    with SequenceDataset.open(trained / "data.h5") as data, pytest.raises(DemoError, match="not a dataset"):
        Model.load(trained / "one", registry=registry).predict(data)


def test_settings_of_the_wrong_kind_in_a_config_file(tmp_path, trained, demo):
    command = ["explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path]
    for text, said in (
        ("limit = true", "limit takes a value, not true"),
        ("only_positive = -0.0", "only_positive must be true or false"),
        ("[saliency]\nsimplex = 5", "simplex must be true or false, not 5"),
        ("limit = 2.7", "limit must be a whole number, not 2.7"),
        ("limit = [1, 2]", "limit takes one value, not a list"),
        ('name = ["a"]', "name takes one value, not a list"),
    ):
        (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
        code, _, err = demo(*command, "--config", tmp_path / "c.toml")
        assert code == 2 and said in err, err
    code, _, err = demo("explain", "saliency", trained / "one", trained / "data.h5", "--seed", 2**63, "-o", tmp_path)
    assert code == 2 and "Traceback" not in err


def test_ids_from_a_file_of_another_program(tmp_path, trained, demo):
    (tmp_path / "ids").write_bytes(b"\xef\xbb\xbfpositive-1\r\nnegative-2\r\n")
    command = ["explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path, "--ids", tmp_path / "ids"]
    code, out, err = demo(*command)
    assert code == 0 and "2 sequences" in out
    assert "explaining 2 of 48 sequences (chosen by --ids)" in err
    (tmp_path / "ids").write_bytes(b"\xff\xfe\x00p")
    code, _, err = demo(*command)
    assert code == 1 and "this is not a text file" in err
    code, _, err = demo(*command[:-1], "x" * 300)
    assert code == 2 and "1 of 1 ids are not in the data" in err
    end, begin = os.pipe()
    os.write(begin, b"positive-1\n")
    os.close(begin)
    code, out, err = demo(*command[:-1], f"/dev/fd/{end}", "--name", "piped")  # as in <(...)
    os.close(end)
    assert code == 0 and "1 sequence" in out, err


def test_what_a_terminal_acts_on_never_reaches_it(tmp_path, demo):
    evil = "\x1b]0;title\x07 \x9b31m \u202eright"
    (tmp_path / "a.fa").write_text(f">0{evil}\nACGT\n>x\nAC*T\n")
    _, out, err = demo("data", "import", tmp_path / "a.fa", "-o", tmp_path / "d.h5")
    assert not any(c in out + err for c in "\x1b\x07\x9b\u202e")
    data = tiny_dataset(6)
    data.targets = (evil,)
    data.save(tmp_path / "e.h5")
    _, out, _ = demo("data", "info", tmp_path / "e.h5", "--json")
    assert json.loads(out)["targets"] == [evil]
    assert not any(c in out for c in "\x1b\x07\x9b\u202e")


def test_repeated_lists_accumulate(tmp_path, demo, trained):
    small = ["--epochs", "1", "--filters", "4", "--filters", "3", "--widths", "5,5"]
    assert demo("train", "cnn", trained / "data.h5", "-o", tmp_path / "m", *small)[0] == 0
    assert json.loads((tmp_path / "m/model.json").read_text())["options"]["filters"] == [4, 3]
