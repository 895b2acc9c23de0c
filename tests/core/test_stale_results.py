"""Test that a result counts as finished only if its code and input files are unchanged."""

import json

import h5py
import pytest

from demo_core.results.explanation import Explanation

CODE = """
    from dataclasses import dataclass, field
    from pathlib import Path
    from demo_core import Explainer, hookimpl
    DEMO_API = 1

    @dataclass(frozen=True)
    class Options:
        table: Path | None = field(default=None, metadata={{"help": "A file."}})

    class Times:
        def __init__(self, options):
            self.by = {by} if options.table is None else float(options.table.read_text())
        def explain(self, model, batch, target):
            return batch.x * self.by

    @hookimpl
    def register_explainers(register):
        register(Explainer(name="times", target="edited:Times", options=Options, summary="Multiplies.",
                           kind="attribution", requires=("click",)))
"""


@pytest.fixture
def edited(site, tmp_path, monkeypatch):
    """Edits the code of a plugin in an editable install."""
    site("demo-edited", "edited", CODE.format(by=1))
    origin = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    (tmp_path / "demo_edited-1.0.dist-info/direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-edited")

    def write(by):
        import sys
        import textwrap

        (tmp_path / "edited.py").write_text(textwrap.dedent(CODE.format(by=by)))
        sys.modules.pop("edited", None)

    return write


def test_an_edited_plugin_makes_another_result(edited, trained, demo, tmp_path):
    command = ["explain", "times", trained / "one", trained / "data.h5", "-o", tmp_path / "ex"]
    assert demo(*command)[0] == 0
    code, out, _ = demo(*command)
    assert code == 0 and "already finished" in out
    edited(22)
    code, _, err = demo(*command)
    assert code == 1 and "differs in code of the explainer" in err
    assert demo(*command, "--force")[0] == 0
    with Explanation.open(tmp_path / "ex/one.times.h5") as found:
        assert found.values[:].max() == 22
        assert "click" in found.metadata["libraries"]  # versions of required packages are recorded, not compared


def test_another_content_behind_a_path_option_makes_another_result(edited, trained, demo, tmp_path):
    (tmp_path / "table").write_text("3")
    command = ["explain", "times", trained / "one", trained / "data.h5", "--table", tmp_path / "table", "--name", "t",
               "-o", tmp_path / "ex"]  # fmt: skip
    assert demo(*command)[0] == 0
    assert "already finished" in demo(*command)[1]
    (tmp_path / "table").write_text("5")
    code, _, err = demo(*command)
    assert code == 1 and "files of the options (table: " in err


def test_a_file_that_does_not_say_what_it_was_made_of_is_shown_and_not_continued(trained, demo, tmp_path):
    command = ["explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path / "ex"]
    assert demo(*command)[0] == 0
    path = tmp_path / "ex/one.saliency.h5"
    with h5py.File(path, "r+") as file:
        about = json.loads(file.attrs["demo"])
        for key in ("code of the explainer", "code of the network", "files of the options"):
            del about["fingerprint"][key]
        file.attrs["demo"] = json.dumps(about)
        del file.attrs["demo-crc32"]
    code, _, err = demo(*command)
    assert code == 1 and "does not record the files of the options or the code of the explainer" in err
    assert demo("show", path, "-o", tmp_path / "p.png")[0] == 0
    assert demo(*command, "--force")[0] == 0


def test_an_edited_network_makes_another_result(tmp_path, demo, monkeypatch):
    import sys

    import torch

    text = (
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.c = nn.Conv1d(4, 2, 5)\n    def forward(self, x):\n"
        "        return {by} * self.c(x).amax((1, 2))[:, None]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "edited_net.py").write_text(text.format(by=1))
    import edited_net

    torch.save(edited_net.Net().state_dict(), tmp_path / "w.pt")
    (tmp_path / "s.fa").write_text(">a\nACGTACGTAC\n>b\nTTTTACGTAC\n")
    given = [tmp_path / "w.pt", "--architecture", "edited_net:Net", "--length", 10, "-o", tmp_path / "m"]
    assert demo("--allow-code", "model", "import", *given)[0] == 0
    command = ["--allow-code", "explain", "saliency", tmp_path / "m", tmp_path / "s.fa", "-o", tmp_path / "ex"]
    assert demo(*command)[0] == 0
    assert "already finished" in demo(*command)[1]
    (tmp_path / "edited_net.py").write_text(text.format(by=333))
    del sys.modules["edited_net"]
    code, _, err = demo(*command)
    assert code == 1 and "code of the network" in err


def test_a_module_beside_the_class_of_a_network_counts(tmp_path, monkeypatch):
    import sys

    from demo_core.plugins.source_digests import network_source

    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "edited_pack").mkdir()
    net = "from torch import nn\nfrom edited_pack.helper import BY\nclass Net(nn.Module):\n    pass\n"
    for name, text in (("__init__", ""), ("helper", "BY = 1\n"), ("net", net)):
        (tmp_path / "edited_pack" / f"{name}.py").write_text(text)
    from edited_pack.net import Net

    before = network_source(Net())
    assert network_source(Net()) == before
    (tmp_path / "edited_pack/helper.py").write_text("BY = 2\n")
    assert network_source(Net()) != before
    for name in [n for n in sys.modules if n.startswith("edited_pack")]:
        del sys.modules[name]


def test_files_of_one_name_in_two_folders_both_count(tmp_path):
    from dataclasses import dataclass
    from pathlib import Path

    from demo_core.plugins.source_digests import option_files

    @dataclass(frozen=True)
    class Options:
        tables: tuple[Path, ...] = ()

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    Options.__annotations__["tables"] = tuple[Path, ...]
    options = Options((tmp_path / "one/a.txt", tmp_path / "two/a.txt"))
    before = option_files(options)
    (tmp_path / "one/a.txt").write_text("edited")
    assert len(before) == 2 and option_files(options) != before
