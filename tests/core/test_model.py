import json

import numpy as np
import pytest
import torch

from demo_core.errors import DemoError, MisfitError, UsageProblem
from demo_core.models.device import choose_device, exact_arithmetic, out_of_memory
from demo_core.models.model import Model, one_hot
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
    with pytest.raises(DemoError, match="already exists"):
        tiny_model(registry=registry).save(folder)
    tiny_model(registry=registry, seed=1).save(folder, replace=True)
    assert Model.load(folder, registry=registry).digest() == tiny_model(registry=registry, seed=1).digest()


def edit(folder, **changes):
    meta = json.loads((folder / "model.json").read_text())
    meta.update(changes)
    (folder / "model.json").write_text(json.dumps(meta))


def retarget(folder, again=False, **changes):
    meta = json.loads((folder / "model.json").read_text())
    meta["targets"] = [{**meta["targets"][0], **changes}] * (2 if again else 1)
    edit(folder, targets=meta["targets"])


DAMAGE = {
    "no json": (lambda f: (f / "model.json").write_text("{"), "not a readable model description"),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "no such file"),
    "bad weights": (lambda f: (f / "weights.safetensors").write_bytes(b"\x80\x04pickle"), "cannot be read"),
    "a list": (lambda f: (f / "model.json").write_text("[]"), "not a model description"),
    "missing key": (lambda f: edit(f, targets=3), "not a model description"),
    "other format": (lambda f: edit(f, format="x"), "format x 1 cannot be read"),
    "unknown architecture": (lambda f: edit(f, architecture={"name": "cmn", "plugin": "p"}), "did you mean 'cnn'"),
    "unknown option": (lambda f: edit(f, options={"filtres": [1]}), "did you mean 'filters'"),
    "other shape": (lambda f: edit(f, options={"filters": [8, 9], "widths": [5, 3]}), "has shape"),
    "other layers": (lambda f: edit(f, options={"filters": [8], "widths": [5]}), "is not part of the network"),
    "alphabet": (lambda f: edit(f, alphabet="x"), "unknown alphabet"),
    "activation": (lambda f: retarget(f, activation="softmax"), "unknown activation 'softmax'"),
    "activation a list": (lambda f: retarget(f, activation=["x"]), "unknown activation"),
    "name of target": (lambda f: retarget(f, name=None), "needs a name"),
    "two targets of one name": (lambda f: retarget(f, again=True), "different names"),
    "length": (lambda f: edit(f, length=-3), "length must be"),
    "training": (lambda f: edit(f, training="abc"), "must be objects"),
    "huge option": (lambda f: edit(f, options={"dropout": 10**400}), "expected number"),
    "NaN": (lambda f: (f / "model.json").write_text('{"format": NaN}'), "NaN is not JSON"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_folder_is_refused_in_one_line(folder, registry, how):
    damage, message = DAMAGE[how]
    damage(folder)
    with pytest.raises(DemoError, match=message) as caught:
        Model.load(folder, registry=registry)
    assert "\n" not in str(caught.value)


def test_nothing_in_a_folder_is_ever_run(folder, registry, monkeypatch):
    """A pickle with the name of the weights, or next to them, is never unpickled."""
    import pickle

    class Runs:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    (folder / "weights.pt").write_bytes(pickle.dumps(Runs()))
    Model.load(folder, registry=registry)
    (folder / "weights.safetensors").write_bytes(pickle.dumps(Runs()))
    with pytest.raises(DemoError, match="cannot be read"):
        Model.load(folder, registry=registry)


def test_what_is_not_a_models_is_not_deleted(folder, registry):
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(DemoError, match=r"holds notes.txt, which is not part of a model"):
        tiny_model(registry=registry).save(folder, replace=True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_another_owner_of_the_architecture_is_said_and_recorded(folder, registry, caplog):
    meta = json.loads((folder / "model.json").read_text())
    edit(folder, architecture={**meta["architecture"], "version": "0.0.9"})
    model = Model.load(folder, registry=registry)
    assert "was trained with the cnn of cnn (deep-motif-dashboard 0.0.9); now that of cnn" in caplog.text
    assert model.architecture["version"] == "0.0.9"
    assert model.running["version"] != "0.0.9"


def test_a_model_in_double_precision_comes_back_in_it(tmp_path, registry):
    model = tiny_model(registry=registry)
    model.module.double()
    model.save(tmp_path / "m")
    again = Model.load(tmp_path / "m", registry=registry)
    assert again.dtype == torch.float64
    assert again.digest() == model.digest()


def test_on_cuda_arithmetic_is_exact_and_recurrent_backward_passes_need_no_cudnn():
    cudnn, cuda = torch.backends.cudnn, torch.device("cuda")
    with exact_arithmetic(torch.device("cpu"), without_cudnn=True):
        assert cudnn.enabled, "on the CPU nothing is changed"
    before = (cudnn.enabled, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        with exact_arithmetic(cuda):
            assert (cudnn.enabled, cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == (True, False, False)
        with exact_arithmetic(cuda, without_cudnn=True):
            assert not cudnn.enabled
        assert torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before[2]
    assert (cudnn.enabled, cudnn.allow_tf32) == before[:2]


def test_data_that_does_not_fit(registry):
    with pytest.raises(MisfitError, match="trained on 40 bases, but peaks.h5 has 30"):
        tiny_model(registry=registry).check_data(tiny_dataset(4, 30), "peaks.h5")


def test_devices():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda")
    for name in ("gpu", "mps", "meta"):
        with pytest.raises(UsageProblem, match="unknown device"):
            choose_device(name)
    with pytest.raises(UsageProblem, match="cuda:99 does not exist"):
        choose_device("cuda:99")


def test_fit_briefly_learns_and_leaves_unknown_labels_out(registry):
    from demo_core.testing import fit_briefly

    data, other = tiny_dataset(60), tiny_dataset(60)
    unknown = data.rows_of_split("train")[::5]
    for one in (data, other):
        one.labels[unknown] = np.nan
    other.codes[unknown] = 0  # a sequence without a label, which must not change the values
    losses = [fit_briefly(tiny_model(registry=registry), one, epochs=150) for one in (data, other)]
    assert len(losses[0]) == 150 and losses[0][-1] < 0.9 * losses[0][0]
    assert losses[0] == losses[1]


def test_cuda_libraries_without_memory_are_out_of_memory():
    # message of an H100 while another process held most of its memory
    text = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    assert out_of_memory(RuntimeError(text))
    assert not out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))


def test_predict_takes_codes_of_a_length_that_the_model_takes(registry):
    model, codes = tiny_model(registry=registry), tiny_dataset(6).codes
    assert np.array_equal(model.predict(codes.tolist()), model.predict(codes))
    for wrong in (codes.astype(float), codes[0], model.alphabet.one_hot(codes), codes + 5, codes.astype(int) - 1):
        with pytest.raises(UsageProblem):
            model.predict(wrong)
    assert len(model.predict(np.tile(codes, 2))) == 6
    with pytest.raises(MisfitError, match="takes 40 letters, not 1"):
        model.predict(codes[:, :1])
    model.capabilities = frozenset({"gradients"})
    with pytest.raises(MisfitError, match="takes 40 letters, not 80"):
        model.predict(np.tile(codes, 2))
