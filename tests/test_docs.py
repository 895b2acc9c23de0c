"""Test statements, commands and links of the documentation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo_core.testing import tiny_dataset, tiny_model

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONTRACT = (ROOT / "docs" / "contract.md").read_text()


def test_generated_parts_are_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_python_of_the_readme_runs(tmp_path, registry):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "models").mkdir()
    tiny_model(registry=registry).save(tmp_path / "models" / "cnn")
    tiny_dataset(40).save(tmp_path / "peaks.h5")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(10, 4, 40) [")


def test_the_local_plugin_of_the_contract_runs_as_it_stands(tmp_path, trained, demo, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", CONTRACT, re.DOTALL) if "class Mine" in c]
    Path("mine.py").write_text(code)
    done, out, err = demo("--plugin", "mine.py", "explain", "mine", trained / "one", trained / "data.h5")
    assert done == 0, err
    assert "one.mine.h5" in out


def test_the_config_of_the_readme_is_taken(tmp_path, trained, demo, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    Path("run.toml").write_text(text)
    done, out, err = demo("explain", "saliency", trained / "one", trained / "data.h5", "--config", "run.toml")
    assert done == 0, err
    assert "48 sequences" in out


def test_the_commands_of_the_readme_run_as_typed(tmp_path, demo, monkeypatch):
    monkeypatch.setenv("DEMO_CLASS_OPTIMIZATION_STEPS", "2")
    from demo_core.testing import planted_records

    monkeypatch.chdir(tmp_path)
    records = [r for r in planted_records(200) if r.labels[0]]
    Path("peaks.fa").write_text("".join(f">{r.id}\n{r.sequence}\n" for r in records))
    section = README.split("## From peaks to a report")[1].split("##")[0].split("BED and narrowPeak")[0]
    lines = [line.split("#")[0].split()[1:] for line in section.splitlines() if line.startswith("    demo ")]
    words = [line[0] for line in lines]
    assert words == ["data", "train", "evaluate", *["explain"] * 3, "motifs", "figure", "dashboard", "export"]
    for line in lines:
        typed = [path for word in line for path in (sorted(Path().glob(word)) if "*" in word else [word])]
        few = {"train": ["--epochs", "1"]}.get(line[0], [])
        code, _, err = demo(*typed, *few)
        assert code == 0, err


def test_the_python_of_the_dashboard_page_runs(tmp_path, registry):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "dashboard.md").read_text(), re.DOTALL)
    (tmp_path / "models").mkdir()
    tiny_model(registry=registry).save(tmp_path / "models" / "cnn")
    tiny_dataset(40).save(tmp_path / "peaks.h5")
    line = ["explain", "saliency", "models/cnn", "peaks.h5", "-o", "explanations"]
    subprocess.run([sys.executable, "-m", "demo_core", *line], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["<!DOCTYPE", "html>", "10"]


PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def anchors(page):
    """Return the anchors of a page's headings, as named by GitHub and the site."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    heads = [re.sub(r"[`*_]", "", head) for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_anchors_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for link, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", text):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), (link, anchor)


def test_every_page_with_commands_to_run_is_run_and_every_page_is_on_the_site():
    sys.path.insert(0, str(ROOT / "docs"))
    import run_pages

    docs = ROOT / "docs"
    with_blocks = {str(p.relative_to(docs)) for p in docs.rglob("*.md") if run_pages.blocks(p.read_text())}
    run_elsewhere = {
        "api.md",
        "contract.md",
        "dashboard.md",
        "tutorial/architecture.md",
        "tutorial/explainer.md",
        "tutorial/reader.md",
    }
    assert with_blocks - run_elsewhere == set(run_pages.PAGES)
    assert len(run_pages.figures((docs / "gallery.md").read_text())) >= 12
    index = (docs / "index.md").read_text()
    for page in docs.rglob("*.md"):
        name = str(page.relative_to(docs)).removesuffix(".md")
        assert name == "index" or "tutorial/demo-" in name or f"\n{name}\n" in index, name


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_every_hook_is_in_the_contract_and_has_a_test():
    from demo_core.plugins import hookspecs

    contract = (ROOT / "docs" / "contract.md").read_text()
    tests = "".join(p.read_text() for p in ROOT.glob("tests/**/*.py"))
    for name in [n for n in vars(hookspecs) if n.startswith("register_")]:
        assert name in contract
        assert re.search(rf"^ *def {name}\(", tests, re.MULTILINE), f"no plugin of a test uses {name}"


def test_every_capability_and_kind_is_documented():
    from demo_core.plugins.specs import CAPABILITIES, KINDS

    contract = (ROOT / "docs" / "contract.md").read_text()
    for word in [*CAPABILITIES, *KINDS]:
        assert f"| `{word}` |" in contract
