"""Test that commands import heavy libraries only when needed."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "numpy", "h5py", "matplotlib", "scipy", "rich", "safetensors"}


def imported(*arguments):
    code = (
        "import sys\nfrom demo_core.cli import run\n"
        f"code = run({[str(a) for a in arguments]!r})\n"
        "print('CODE', code, *sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = done.stdout.strip().splitlines()[-1].split()
    assert words[:2] == ["CODE", "0"], done.stderr
    return set(words[2:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["explain", "--help"],
        ["explain", "saliency", "--help"],
        ["train", "cnn", "--help"],
        ["data", "import", "--help"],
        ["quickstart", "--help"],
        ["plugins", "--json"],
    ],
    ids=" ".join,
)
def test_help_and_listings_import_nothing_heavy(arguments):
    assert imported(*arguments) & HEAVY == set()


def test_plugins_as_a_table_needs_nothing_but_rich():
    assert imported("plugins") & HEAVY == {"rich"}


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("demo explain sal", "saliency"),
        ("demo motifs find --min", "--min-seqlets"),
        ("demo dashboard --cho", "--choose"),
        ("demo evaluate --sp", "--split"),
    ],
)
def test_completion_imports_nothing_heavy(typed, wanted):
    count = len(typed.split()) - 1
    code = (
        "import os, sys\n"
        f"os.environ.update(_DEMO_COMPLETE='bash_complete', COMP_WORDS='{typed}', COMP_CWORD='{count}')\n"
        "from demo_core.cli.group import root\n"
        "try:\n    root.main(args=[], prog_name='demo')\nexcept SystemExit: pass\n"
        "print('LOADED', *sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert wanted in done.stdout
    assert set(done.stdout.splitlines()[-1].split()) & HEAVY == set()


def test_reading_results_needs_no_torch(tmp_path, trained, demo):
    demo("explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path)
    path = tmp_path / "one.saliency.h5"
    assert "torch" not in imported("show", path, "-o", tmp_path / "x.png")
    assert "torch" not in imported("export", path, "--npz")
    assert "torch" not in imported("data", "info", trained / "data.h5")
    assert "torch" not in imported("data", "info", trained / "data.h5", "--json")


def test_importing_the_package_is_light():
    code = "import sys, demo_core; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY == set()


def test_every_public_name_is_there():
    import demo_core

    assert len(set(demo_core.__all__)) == len(demo_core.__all__)
    for name in demo_core.__all__:
        assert getattr(demo_core, name) is not None
    with pytest.raises(AttributeError, match="No demo_core attribute expalin"):
        demo_core.expalin  # noqa: B018


def test_opening_a_model_needs_no_matplotlib():
    code = "import sys, demo_core.models.model; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "matplotlib" not in done.stdout.split()


@pytest.mark.parametrize(
    "line",
    [
        ("explain", "saliency", "none", "{data}"),
        ("explain", "saliency", "{model}", "none.h5"),
        ("evaluate", "none", "{data}"),
        ("predict", "{model}", "none.h5", "-o", "p.tsv"),
        ("train", "cnn", "none.h5", "-o", "m"),
    ],
)
def test_a_mistyped_path_is_reported_before_torch_is_imported(trained, line):
    words = [word.format(model=trained / "one", data=trained / "data.h5") for word in line]
    code = f"import sys; from demo_core.cli import run; print(run({words!r}), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"] and "no such" in done.stderr
