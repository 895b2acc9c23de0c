import json

import numpy as np
import pytest
import torch

from demo_core.errors import DemoError, MisfitError, UsageProblem
from demo_core.model import Model, choose_device, one_hot
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture
def folder(tmp_path, registry):
    tiny_model(registry=registry).save(tmp_path / "m")
    return tmp_path / "m"


def test_a_model_comes_back_as_it_was(folder, registry):
    model, again = tiny_model(registry=registry), Model.load(folder, registry=registry)
    codes = tiny_dataset(20).codes
    assert np.array_equal(model.predict(codes), again.predict(codes))
    assert again.digest() == model.digest()
    assert (again.name, again.length, again.capabilities) == ("m", 40, model.capabilities)
    assert not again.module.training
    assert again.min_length <= 40


def test_digest_changes_with_weights_and_options(registry):
    digests = {
        tiny_model(registry=registry).digest(),
        tiny_model(registry=registry, seed=1).digest(),
        tiny_model(registry=registry, dropout=0.1).digest(),
        tiny_model(registry=registry, targets=("other",)).digest(),
    }
    assert len(digests) == 4


def test_one_hot_is_numpys_one_hot():
    data = tiny_dataset(10)
    assert np.array_equal(one_hot(torch.from_numpy(data.codes), 4).numpy(), data.alphabet.one_hot(data.codes))


def test_an_existing_folder_is_kept_unless_asked(folder, registry):
    with pytest.raises(DemoError, match="exists already"):
        tiny_model(registry=registry).save(folder)
    tiny_model(registry=registry, seed=1).save(folder, replace=True)
    assert Model.load(folder, registry=registry).digest() == tiny_model(registry=registry, seed=1).digest()


def edit(folder, **changes):
    meta = json.loads((folder / "model.json").read_text())
    meta.update(changes)
    (folder / "model.json").write_text(json.dumps(meta))


DAMAGE = {
    "no json": (lambda f: (f / "model.json").write_text("{"), "not a readable model description"),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "cannot be read"),
    "bad weights": (lambda f: (f / "weights.safetensors").write_bytes(b"\x80\x04pickle"), "cannot be read"),
    "a list": (lambda f: (f / "model.json").write_text("[]"), "not a model description"),
    "missing key": (lambda f: edit(f, targets=3), "not a model description"),
    "other format": (lambda f: edit(f, format="x"), "has format x"),
    "unknown architecture": (lambda f: edit(f, architecture={"name": "cmn", "plugin": "p"}), "did you mean 'cnn'"),
    "unknown option": (lambda f: edit(f, options={"filtres": [1]}), "did you mean 'filters'"),
    "other shape": (lambda f: edit(f, options={"filters": [8, 9], "widths": [5, 3]}), "has shape"),
    "other layers": (lambda f: edit(f, options={"filters": [8], "widths": [5]}), "is not part of the network"),
    "alphabet": (lambda f: edit(f, alphabet="x"), "unknown alphabet"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_folder_is_refused_in_one_line(folder, registry, how):
    damage, message = DAMAGE[how]
    damage(folder)
    with pytest.raises(DemoError, match=message) as caught:
        Model.load(folder, registry=registry)
    assert "\n" not in str(caught.value)


def test_nothing_but_safetensors_is_ever_read(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["model.json", "weights.safetensors"]


def test_data_that_does_not_fit(registry):
    with pytest.raises(MisfitError, match="trained on 40 bases, peaks.h5 has 30"):
        tiny_model(registry=registry).check_data(tiny_dataset(4, 30), "peaks.h5")


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda")
    for name in ("gpu", "mps", "meta"):
        with pytest.raises(UsageProblem, match="unknown device"):
            choose_device(name)
    with pytest.raises(UsageProblem, match="there is no cuda:99"):
        choose_device("cuda:99")
