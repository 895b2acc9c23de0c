"""Test that packages of ``demo new-plugin`` work unchanged. CI also installs one of each kind."""

import os
import subprocess
import sys
import tomllib

import pytest

KINDS = ("explainer", "architecture", "reader", "command")


def test_a_package_of_each_kind_passes_its_own_tests(here, demo):
    for kind in KINDS:
        code, out, err = demo("new-plugin", kind, f"my-{kind}")
        assert (code, out) == (0, f"demo-my-{kind}\n")
        assert err.startswith(f"next:  pip install -e 'demo-my-{kind}[test]'")
    path = os.pathsep.join([*(str(p) for p in here.iterdir()), *(p for p in sys.path if p)])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-ra", "."]
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=here, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_has_the_new_name_and_nothing_of_ours(here, demo, kind):
    demo("new-plugin", kind, "deep-sea2", "-o", here / "elsewhere")
    folder = here / "elsewhere"
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert {"pyproject.toml", "README.md", ".gitignore", "test.yml", "__init__.py", "py.typed"} <= {
        p.name for p in files
    }
    for path in files:
        text = f"{path.relative_to(folder)}\n{path.read_text()}"
        assert not [w for w in ("new-name", "new_name", "NewName", "A_KIND") if w in text]
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == "demo-deep-sea2"
    assert project["project"]["entry-points"]["demo_core"] == {"deep-sea2": "demo_deep_sea2"}
    assert project["project"]["dependencies"] == ["deep-motif-dashboard>=0.1.0"]
    assert (folder / "demo_deep_sea2" / "__init__.py").exists()
    assert oct(folder.stat().st_mode & 0o777) == "0o755"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Missing argument"),
        (["explainer"], 2, "Missing argument 'NAME'"),
        (["dataset", "x"], 2, "'dataset' is not one of 'explainer', 'architecture', 'reader', 'command'"),
        (["explainer", "saliency"], 2, "explainer 'saliency' already exists in plugin 'saliency'"),
        (["reader", "fasta"], 2, "reader 'fasta' already exists"),
        (["command", "explain"], 2, "command 'explain' already exists"),
        (["command", "motifs"], 2, "command 'motifs' already exists"),
        (["explainer", "all"], 2, "'all' is reserved (it runs every explainer)"),
        (["reader", "saliency"], 2, "a module demo_saliency is already installed"),
        (["reader", "core"], 2, "a module demo_core is already installed"),
        (["command", "import"], 2, "'import' is reserved by Python code of the package"),
        (["explainer", "none"], 2, "'none' is reserved"),
        (["explainer", "result"], 2, "'result' is reserved"),
        (["reader", "record"], 2, "'record' is reserved"),
        (["command", "click"], 2, "'click' is reserved"),
        (["command", "np"], 2, "'np' is reserved"),
        (["reader", "demo-mine"], 2, "omit 'demo-' from the name"),
        (["reader", "My_Reader"], 2, "must be lower-case words joined by hyphens"),
        (["reader", "../x"], 2, "must be lower-case words joined by hyphens"),
        (["reader", "x" * 41], 2, "of at most 40 letters"),
        (["reader", "mine", "-o", "there"], 1, "there already exists"),
        (["reader", "mine", "-o", "no/such"], 1, "no: no such folder"),
    ],
)
def test_a_wrong_request_is_one_line_and_writes_nothing(here, demo, arguments, code, said):
    (here / "there").mkdir()
    found, out, err = demo("new-plugin", *arguments)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert said in err
    assert [p.name for p in here.iterdir()] == ["there"]
