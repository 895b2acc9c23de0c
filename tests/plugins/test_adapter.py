"""Test import of networks written without DeMo: attributions equal those of Captum on the raw module."""

import json
import os
import sys
from pathlib import Path

import foreign_networks as foreign
import h5py
import numpy as np
import pytest
import torch
from captum.attr import Saliency
from foreign_cases import CASES, LENGTH, line, written
from torch import nn

from demo_core import Explanation, Model, UsageProblem
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture
def data(tmp_path):
    tiny_dataset(12, LENGTH).save(tmp_path / "data.h5")
    return tmp_path / "data.h5"


@pytest.mark.parametrize("case", CASES)
def test_the_values_are_captums_on_the_raw_module(case, tmp_path, demo, data):
    _, _, _, targets, feed, answer = CASES[case]
    ending = ".safetensors" if case == "basset" else ".pt"
    network, path = written(case, tmp_path, ending)
    code, out, err = demo(*line(case, path, tmp_path / "m", "--allow-code"))
    assert code == 0, err
    assert "outputs on 64 random sequences: " in err
    name = targets[-1].partition(":")[0]
    code, _, err = demo("explain", "saliency", tmp_path / "m", data, "-o", tmp_path / "x", "--target", name,
                        "--split", "all", "--allow-code")  # fmt: skip
    assert code == 0, err
    (made,) = (tmp_path / "x").glob("*.h5")
    with Explanation.open(made) as found, h5py.File(data) as file:
        codes = torch.from_numpy(file["codes"][:])
        x = (codes[:, None, :] == torch.arange(4)[:, None]).float()
        raw = lambda given: answer(network, feed(given)).reshape(len(given), -1)  # noqa: E731
        expected = Saliency(raw).attribute(x.clone(), target=len(targets) - 1, abs=False).numpy()
        if case == "transformer":  # it has a channel for unknown bases; DeMo uses the other four
            fed = feed(x).requires_grad_(True)
            (whole,) = torch.autograd.grad(answer(network, fed).sum(), fed)
            expected = whole[:, :, :4].transpose(1, 2).numpy()
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(found.values[:], expected, rtol=0, atol=1e-5 * np.abs(expected).max())
        with torch.no_grad():
            np.testing.assert_allclose(found.outputs[:], raw(x).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("head", ["profile", "counts"])
def test_the_bpnet_of_bpnet_lite(head, tmp_path, demo, data):
    """Test the published class with a control track against the wrappers of bpnet-lite."""
    try:
        from bpnetlite.bpnet import BPNet, ControlWrapper, CountWrapper, ProfileWrapper
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"bpnet-lite is not installed ({error}): make test brings it")
    torch.manual_seed(0)
    network = BPNet(n_filters=8, n_layers=3, trimming=20, verbose=False).eval()
    torch.save(network.state_dict(), tmp_path / "bpnet.torch")
    take = {"profile": ["--take", "0", "--reduce", "profile"], "counts": ["--take", "1"]}[head]
    words = ["model", "import", tmp_path / "bpnet.torch", "--architecture", "bpnetlite.bpnet:BPNet", "--length", LENGTH]
    for option in ("n_filters=8", "n_layers=3", "trimming=20", "verbose=false"):
        words += ["--option", option]
    words += ["--target", f"{head}:identity", *take, "--extra-input", "X_ctl:2xL:0", "--first-layer", "iconv"]
    assert demo(*words, "-o", tmp_path / "m", "--allow-code")[0] == 0
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    assert described["training"]["imported"]["distribution"] == "bpnet-lite"
    code, _, err = demo("explain", "saliency", tmp_path / "m", data, "-o", tmp_path / "x", "--split", "all",
                        "--allow-code")  # fmt: skip
    assert code == 0, err
    wrapper = {"profile": ProfileWrapper, "counts": CountWrapper}[head](ControlWrapper(network))
    with Explanation.open(tmp_path / "x" / "m.saliency.h5") as found:
        x = torch.from_numpy(found.one_hot(slice(None)))
        expected = Saliency(wrapper).attribute(x, abs=False).numpy()
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(found.values[:], expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_everything_that_fits_explains_them(tmp_path, demo, data, monkeypatch):
    _, path = written("transformer", tmp_path)
    demo(*line("transformer", path, tmp_path / "m", "--allow-code"))
    monkeypatch.setenv("DEMO_CLASS_OPTIMIZATION_STEPS", "5")
    code, _, err = demo("explain", "all", tmp_path / "m", data, "-o", tmp_path / "x", "--limit", "3", "--allow-code")
    assert code == 0, err
    assert sorted(p.name.split(".")[1] for p in (tmp_path / "x").glob("*.h5")) == [
        "attention-received", "attention-rollout", "class-optimization-steps-5", "deeplift", "deeplift-shap",
        "input-x-gradient", "integrated-gradients", "saliency", "smooth-grad", "temporal",
    ]  # fmt: skip


def test_opening_a_folder_runs_no_code(tmp_path, demo, data):
    _, path = written("counts", tmp_path)
    code, _, err = demo(*line("counts", path, tmp_path / "m"))
    assert (
        code == 2 and 'foreign_networks:ProfileNet called with {"n_layers": 2} is code outside installed plugins' in err
    )
    assert not (tmp_path / "m").exists()
    assert demo(*line("counts", path, tmp_path / "m"), "--allow-code")[0] == 0
    for command in (["predict", tmp_path / "m", data], ["evaluate", tmp_path / "m", data],
                    ["explain", "saliency", tmp_path / "m", data, "-o", tmp_path / "x"]):  # fmt: skip
        code, _, err = demo(*command)
        assert code == 2 and "use --allow-code" in err
    with pytest.raises(UsageProblem, match=r"Model.load\(..., allow_code=True\)"):
        Model.load(tmp_path / "m")
    assert Model.load(tmp_path / "m", allow_code=True).outputs[0].name == "counts"
    with pytest.raises(UsageProblem):  # permission ends with the call that received it
        Model.load(tmp_path / "m")


def test_a_folder_that_names_another_module_imports_nothing(tmp_path, demo, data, monkeypatch):
    _, path = written("counts", tmp_path)
    demo(*line("counts", path, tmp_path / "m"), "--allow-code")
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    described["options"]["network"] = "evil:Evil"
    (tmp_path / "m" / "model.json").write_text(json.dumps(described))
    assert demo("predict", tmp_path / "m", data)[0] == 2
    assert not (tmp_path / "ran").exists() and "evil" not in sys.modules


def test_what_was_imported_is_recorded(tmp_path, demo):
    _, path = written("counts", tmp_path)
    demo(*line("counts", path, tmp_path / "m"), "--allow-code")
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    assert described["training"]["imported"]["file"] == "counts.pt"
    assert len(described["training"]["imported"]["sha256"]) == 64
    assert described["targets"] == [{"name": "counts", "activation": "identity", "unit": "log counts"}]
    assert described["architecture"]["name"] == "adapted"


def test_a_model_of_a_registered_architecture(tmp_path, demo, registry, trained):
    model = tiny_model(registry=registry)
    state = {f"net.{k.replace('features', 'body')}": v for k, v in model.module.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "x.ckpt")
    words = ["model", "import", tmp_path / "x.ckpt", "--architecture", "cnn", "--length", 40,
             "--option", "filters=8,8", "--option", "widths=5,3", "-o", tmp_path / "m"]  # fmt: skip
    code, _, err = demo(*words, "--rename", "^net[.]=", "--rename", "body=features")
    assert code == 0, err
    assert "weights are read from its entry 'state_dict'" in err
    codes = tiny_dataset(5).codes
    assert np.array_equal(Model.load(tmp_path / "m", registry=registry).predict(codes), model.predict(codes))
    assert demo("predict", tmp_path / "m", trained / "data.h5")[0] == 0  # works without --allow-code
    code, _, err = demo(*words, "--force", "--rename", "^net[.]=")
    assert code == 3 and err.count("\n") == 1
    assert "missing: features.0.weight" in err and "no part of the network: body.0.weight" in err
    words[words.index("widths=5,3")] = "widths=5,4"
    words[-1] = tmp_path / "n"
    code, _, err = demo(*words, "--rename", "^net[.]=", "--rename", "body=features")
    assert code == 3 and "of another shape: features.4.weight [8, 8, 3] not [8, 8, 4]" in err
    assert not (tmp_path / "n").exists()


def imported(tmp_path, demo, state, *more, architecture="foreign_networks:BassetLike"):
    torch.save(state, tmp_path / "w.pt")
    words = ["model", "import", tmp_path / "w.pt", "--architecture", architecture, "--length", LENGTH, "--allow-code"]
    return demo(*words, "-o", tmp_path / "m", *more)


def test_weights_of_several_gpus_half_precision_and_old_versions(tmp_path, demo):
    network, _ = written("basset", tmp_path)
    state = {f"module.{k}": v for k, v in network.half().state_dict().items() if not k.endswith("num_batches_tracked")}
    code, _, err = imported(tmp_path, demo, state, "--layout", "BAL1")
    assert code == 0, err
    assert "'module.' is removed from the names" in err and "half precision are converted" in err
    assert "targets: output-1 (sigmoid, probability), output-2 (sigmoid, probability)" in err
    assert Model.load(tmp_path / "m", allow_code=True).dtype == torch.float32


def test_a_whole_pickled_model_is_not_opened(tmp_path, demo):
    network, _ = written("basset", tmp_path)
    code, _, err = imported(tmp_path, demo, network)
    assert code == 1 and err.count("\n") == 1
    assert "holds more than weights" in err and "torch.save(model.state_dict(), ...)" in err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--layout", "BAL"], 3, "network foreign_networks:BassetLike fails on (64, 4, 100): RuntimeError"),
        (["--layout", "ABL"], 2, "--layout must be B, then A and L in any order"),
        (["--bases", "ACG"], 2, "--bases must have A, C, G and T once each"),
        (["--layout", "BAL1", "--target", "one"], 2, "the network has 2 outputs, but 1 targets are named"),
        (["--layout", "BAL1", "--target", "a", "--target", "a"], 2, "two targets have the same name"),
        (["--layout", "BAL1", "--target", "a:tanh"], 2, "unknown activation 'tanh'"),
        (["--layout", "BAL1", "--column", "2"], 2, "--column 2: the network has outputs 0 to 1"),
        (["--layout", "BAL1", "--take", "1"], 2, "--take: a tensor has no entry '1'"),
        (["--layout", "BAL1", "--without", "fd"], 2, "the network has no module 'fd'; it has conv1, bn1, pool, fc"),
        (["--layout", "BAL1", "--option", "length"], 2, "--option must look like NAME=VALUE"),
        (["--layout", "BAL1", "--option", "size=3"], 2, "cannot be made with"),
        (["--layout", "BAL1", "--rename", "x=y"], 2, "changes no name"),
        (["--layout", "BAL1", "--rename", "(=y"], 2, "--rename '(=y'"),
        (["--layout", "BAL1", "--key", "state_dict"], 2, "has no entry 'state_dict'"),
        (["--layout", "BAL1", "--extra-input", "c:2,L"], 2, "--extra-input must look like"),
        (["--layout", "BAL1", "--reduce", "mean"], 2, "the network has 1 outputs"),
    ],
)
def test_a_wrong_request_is_one_line_and_writes_nothing(tmp_path, demo, more, code, said):
    network, _ = written("basset", tmp_path)
    targets = [] if "--target" in more else ["--target", "a", "--target", "b"]
    found, out, err = imported(tmp_path, demo, network.state_dict(), *targets, *more)
    assert (found, out, err.count("\n")) == (code, "", 1), err
    assert said in err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("architecture", "said"),
    [
        (
            "foreign_network:BassetLike",
            "cannot be imported (ModuleNotFoundError: No module named 'foreign_network'): install it",
        ),
        ("foreign_networks:Basset", "cannot be imported (AttributeError"),
        ("foreign_networks:nn", "is neither a torch.nn.Module class nor a function"),
        ("pathlib:Path", "is neither a torch.nn.Module class"),
        ("os:system", "is neither a torch.nn.Module class"),
        ("subprocess:run", "is neither a torch.nn.Module class"),
        ("basset", "unknown architecture 'basset'"),
    ],
)
def test_a_network_that_is_not_there(tmp_path, demo, architecture, said):
    code, _, err = imported(tmp_path, demo, {"x": torch.zeros(1)}, architecture=architecture)
    assert code == 2 and said in err


def test_flags_of_foreign_networks_are_refused_for_ours(tmp_path, demo):
    code, _, err = imported(tmp_path, demo, {"x": torch.zeros(1)}, "--layout", "BLA", architecture="cnn")
    assert code == 2 and "--layout is for foreign networks; 'cnn' is a DeMo architecture" in err


def test_a_network_that_mixes_its_batch_is_refused(tmp_path, demo):
    code, _, err = imported(tmp_path, demo, foreign.Peculiar().state_dict(), architecture="foreign_networks:Peculiar")
    assert code == 3 and "depend on other sequences of the batch" in err


def adapted(cls, **how):
    from demo_adapter.network import Adapted
    from demo_adapter.options import AdapterOptions

    from demo_core.models.trust import code_allowed

    torch.manual_seed(0)
    targets = how.pop("targets", 1)
    with code_allowed():
        options = AdapterOptions(network=f"foreign_networks:{cls.__name__}", **how)
        return Adapted(options, letters=4, length=LENGTH, n_targets=targets).eval()


@pytest.mark.parametrize("how", ["mean", "sum", "max", "logsumexp"])
def test_positions_are_reduced(how):
    found = adapted(foreign.Positions, reduce=how, channels="last", targets=3)
    x = torch.randn(2, 4, LENGTH)
    by_hand = {"mean": lambda v: v.mean(1), "sum": lambda v: v.sum(1), "max": lambda v: v.max(1).values,
               "logsumexp": lambda v: v.exp().sum(1).log()}  # fmt: skip
    with torch.no_grad():
        torch.testing.assert_close(found(x), by_hand[how](found.network(x)))


def test_columns_logits_and_lengths():
    x = torch.from_numpy(np.eye(4, dtype=np.float32)[tiny_dataset(5, 80, unknown=False).codes]).transpose(1, 2)
    kept = adapted(foreign.DeepSeaLike, layout="BA1L", network_length=100, column=(2, 0), logit=True, targets=2)
    plain = nn.functional.pad(x, (10, 10)).unsqueeze(2)
    with torch.no_grad():
        probabilities = kept.network(plain)
        torch.testing.assert_close(kept(x), torch.logit(probabilities[:, [2, 0]]))
        longer = torch.cat([x[:, :, :3], x, x[:, :, :20]], 2)  # 103, cropped to 100: one at the start, two at the end
        torch.testing.assert_close(kept.fed(longer), longer[:, :, 1:101].unsqueeze(2))


def test_what_is_unknown_is_the_letter_n():
    found = adapted(foreign.SmallTransformer, layout="BLA", bases="NACGT", take="logits")
    x = torch.eye(4).repeat(1, 25)[None].clone()
    x[:, :, 7] = 0
    fed = found.fed(x)
    assert fed.shape == (1, LENGTH, 5)
    assert fed[0, 7].tolist() == [1, 0, 0, 0, 0] and fed[0, 1].tolist() == [0, 0, 1, 0, 0]


def test_a_function_makes_a_network_too(tmp_path, demo):
    network = foreign.ProfileNet(n_layers=1)
    how = ["--option", "n_layers=1", "--take", "1", "--extra-input", "X_ctl:2xL", "--target", "counts:identity"]
    code, _, err = imported(
        tmp_path, demo, network.state_dict(), *how, architecture="foreign_networks:make_profile_net"
    )
    assert code == 0, err
    assert "targets: counts (identity, value)" in err


def test_a_class_of_ones_own_can_be_trained_here(tmp_path, demo, data):
    words = [
        "train",
        "adapted",
        data,
        "-o",
        tmp_path / "m",
        "--epochs",
        "1",
        "--network",
        "foreign_networks:BassetLike",
    ]
    words += ["--arguments", '{"n_targets": "$targets", "length": "$length"}', "--layout", "BAL1"]
    code, _, err = demo(*words)
    assert code == 2 and "--allow-code" in err
    assert demo(*words, "--allow-code")[0] == 0
    assert demo("evaluate", tmp_path / "m", data, "--allow-code", "--split", "all")[0] == 0


def test_nothing_of_an_interrupted_import_stays(tmp_path, demo, monkeypatch):
    network, _ = written("basset", tmp_path)
    monkeypatch.setattr("safetensors.torch.save", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left")))
    code, _, err = imported(tmp_path, demo, network.state_dict(), "--layout", "BAL1")
    assert code == 1 and "No space left" in err
    assert sorted(p.name for p in Path(tmp_path).iterdir()) == ["basset.pt", "w.pt"]


def test_force_destroys_nothing_but_a_model(tmp_path, demo):
    network, path = written("basset", tmp_path, ".safetensors")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "holiday.png").touch()
    how = ["--layout", "BAL1", "--force"]
    code, _, err = imported(tmp_path, demo, network.state_dict(), *how)
    assert code == 1 and "holds holiday.png, which is not part of a model" in err
    (tmp_path / "m" / "holiday.png").unlink()
    inside = path.rename(tmp_path / "m" / "weights.safetensors")
    words = ["model", "import", inside, "--architecture", "foreign_networks:BassetLike", "--length", LENGTH]
    code, _, err = demo(*words, *how, "-o", tmp_path / "m", "--allow-code")
    assert code == 1 and "is an input and lies in" in err
    assert [p.name for p in (tmp_path / "m").iterdir()] == ["weights.safetensors"]


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("HiddenState", [], "built again, the network returns other outputs"),
        ("AlwaysDropping", [], "the network's outputs vary between calls"),
        ("Detached", [], "no gradient reaches the input; if this is expected, use --no-gradients"),
        ("Exits", [], "cannot be made with {}: SystemExit"),
        ("LazyOne", [], "is a lazy layer without a shape"),
        ("Plain", ["--logit"], "--logit applies to probabilities, but the outputs are"),
        ("Plain", ["--shortest", "200"], "--shortest 200 is more than the 100 bases"),
        ("Plain", ["--shortest", "2"], "fails on (4, 4, 2)"),
        ("Plain", ["--first-layer", "linear"], "a Linear is not a convolution"),
        ("Plain", ["--extra-input", "gc:1:e"], "'e' is not a number"),
    ],
)
def test_what_would_give_wrong_values_is_refused(tmp_path, demo, name, more, said):
    torch.manual_seed(0)  # by chance, all its outputs may look like probabilities
    made = getattr(foreign, "Plain" if name in ("Exits", "LazyOne") else name)()
    code, _, err = imported(tmp_path, demo, made.state_dict(), *more, architecture=f"foreign_networks:{name}")
    assert code in (2, 3) and said in err, err
    assert err.count("\n") == 1 and not (tmp_path / "m").exists()


def test_weights_that_are_no_plain_floats_are_refused(tmp_path, demo):
    state = foreign.Plain().state_dict()
    changes = {
        "is sparse, complex or quantized": lambda v: v.to(torch.complex64),
        "conv.weight is sparse": lambda v: v.to_sparse(),
        "of another type: conv.weight torch.int8 not torch.float32": lambda v: v.to(torch.int8),
    }
    for what, change in changes.items():
        changed = {**state, "conv.weight": change(state["conv.weight"])}
        code, _, err = imported(tmp_path, demo, changed, architecture="foreign_networks:Plain")
        assert code == 3 and what in err and err.count("\n") == 1, err


def test_no_gradients_can_be_said(tmp_path, demo, data):
    state = foreign.Detached().state_dict()
    assert imported(tmp_path, demo, state, "--no-gradients", architecture="foreign_networks:Detached")[0] == 0
    code, _, err = demo("explain", "saliency", tmp_path / "m", data, "-o", tmp_path / "x", "--allow-code")
    assert code == 3 and "saliency needs a model that offers gradients" in err


def test_a_class_that_has_changed_is_said_so(tmp_path, demo, data, caplog):
    _, path = written("counts", tmp_path)
    demo(*line("counts", path, tmp_path / "m"), "--allow-code")
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    assert len(described["options"]["class_digest"]) == 64
    Model.load(tmp_path / "m", allow_code=True)
    assert "its file has changed" not in caplog.text
    described["options"]["class_digest"] = "0" * 64
    (tmp_path / "m" / "model.json").write_text(json.dumps(described))
    Model.load(tmp_path / "m", allow_code=True)
    assert "foreign_networks:ProfileNet has changed since this model was made" in caplog.text


def test_targets_must_be_named_where_the_class_is_made_for_them(tmp_path, demo):
    network, _ = written("basset", tmp_path)
    code, _, err = imported(tmp_path, demo, network.state_dict(), "--layout", "BAL1", "--option", "n_targets=$targets")
    assert code == 2 and "$targets is the number of targets; name them with --target" in err
