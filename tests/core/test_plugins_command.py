"""Test ``demo plugins --show`` and ``--requirements``."""

from __future__ import annotations

import json

import pytest
from local_plugins import ABOUT, HELLO, local


def test_where_to_report_is_read_from_what_the_distribution_says(site):
    from demo_core.plugins.distributions import documentation, place_to_report

    site("demo-a", "a_plugin", "", about=ABOUT)
    site("demo-b", "b_plugin", "", about="Home-page: https://example.org/b\nAuthor-email: me@example.org\n")
    site("demo-c", "c_plugin", "", about="Project-URL: issues, javascript:alert(1)\nAuthor-email: me@example.org\n")
    site("demo-d", "d_plugin", "")
    assert place_to_report("demo-a") == "https://example.org/bad/issues"
    assert documentation("demo-a") == "https://example.org/bad/docs"
    assert place_to_report("demo-b") == documentation("demo-b") == "https://example.org/b"
    assert (place_to_report("demo-c"), documentation("demo-c")) == ("me@example.org", "")
    assert place_to_report("demo-d") == place_to_report("nowhere") == ""


OPTIONS = """
from dataclasses import dataclass, field
from demo_core import Explainer, hookimpl
DEMO_API = 1
@dataclass(frozen=True)
class Options:
    shuffles: int = field(default=20, metadata={"help": "Shuffles of each sequence.", "minimum": 1})
@hookimpl
def register_explainers(register):
    like = {"target": "x:Y", "summary": "A thing.", "options": Options}
    register(Explainer(name="there", kind="attribution", needs={"gradients"}, adds_up=True, extra="there",
        requires=("json",), paper="Doe 2020", docs="https://example.org/there", **like))
    register(Explainer(name="away", kind="trace", channels=("forward",), requires=("nothing_there",), extra="x",
        **like))
"""


def test_all_about_a_plugin(site, demo, monkeypatch):
    site("demo-opt", "opt_plugin", OPTIONS, about=ABOUT)
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-opt")
    code, out, err = demo("plugins", "--show", "there")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines == [
        "explainer there: A thing.",
        "plugin: 'opt_plugin' (demo-opt 1.0), installed",
        "state: available",
        "kind: attribution",
        "values: of every letter; they sum to the target minus its baseline",
        "needs: gradients",
        "requires: json",
        "paper: Doe 2020",
        "docs: https://example.org/there",
        "report to: https://example.org/bad/issues",
        "options:",
        "--there-shuffles INTEGER (DEMO_THERE_SHUFFLES)",
        "Shuffles of each sequence. [at least 1; default: 20]",
    ]
    code, out, _ = demo("plugins", "--show", "demo-opt", "--json")
    found = json.loads(out)
    assert found["version"] == 1
    away, there = found["specs"]
    assert away["docs"] == "https://example.org/bad/docs"
    assert away["why_unavailable"] == "needs nothing_there, which is not installed: pip install 'demo-opt[x]'"
    assert there["options"]["properties"]["shuffles"] == {
        "type": "integer", "minimum": 1, "description": "Shuffles of each sequence.", "default": 20,
    }  # fmt: skip
    for name in ("cnn", "fasta", "saliency", "quickstart", "class-optimization"):
        assert demo("plugins", "--show", name)[0] == 0
    assert "demo quickstart --help" in demo("plugins", "--show", "quickstart")[1]
    code, out, err = demo("plugins", "--show", "salency")
    assert (code, out) == (2, "") and "did you mean 'saliency'" in err
    assert demo("plugins", "--show", "cnn", "--check")[0] == 2


def test_the_lines_that_bring_the_same_set(site, demo, here, monkeypatch):
    site("demo-opt", "opt_plugin", OPTIONS)
    site("demo-bad", "bad_plugin", "1 / 0")
    monkeypatch.setenv("DEMO_LOAD_PLUGINS", "demo-opt,demo-bad")
    mine = local(here, "mine", HELLO.format(name="mine", what="hello", more=""))
    code, out, _ = demo("plugins", "--requirements", "--plugin", mine)
    ours, opt, *rest = out.splitlines()
    assert code == 0
    assert "deep-motif-dashboard" in ours or ours.startswith("-e file://")
    assert opt == "demo-opt[there]==1.0"
    assert rest[0] == "# skipped, failed: 'bad_plugin' (demo-bad 1.0)"
    assert rest[1].startswith("# --plugin mine.py is your own file (sha256:")
    found = json.loads(demo("plugins", "--requirements", "--json")[1])
    assert (found["requirements"], found["remarks"][:1]) == ([ours, opt], [rest[0][2:]])


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({"url": "https://me:secret@example.org/a.whl", "archive_info": {}}, "demo-a @ https://example.org/a.whl"),
        (
            {"url": "https://example.org/a", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "py"},
            "demo-a @ git+https://example.org/a@abc#subdirectory=py",
        ),
        ({"url": "file:///src/a", "dir_info": {"editable": True}}, "-e file:///src/a"),
        ({"url": "file:///src/a", "dir_info": {}}, "demo-a @ file:///src/a"),
        ({}, "demo-a==1.0"),
    ],
)
def test_a_requirement_says_where_it_came_from(site, tmp_path, origin, line):
    from demo_listings.requirements import requirement
    from packaging.requirements import Requirement

    site("demo-a", "a_plugin", "")
    if origin:
        (tmp_path / "demo_a-1.0.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    assert requirement("demo-a") == line
    if not line.startswith("-e"):
        Requirement(line)
        assert Requirement(requirement("demo-a", ("x", "b"))).extras == {"b", "x"}


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ('{"url": "https://e.org/a.whl?token=secret"}', "demo-a @ https://e.org/a.whl"),
        ('{"url": "https://git@x:secret@e.org/a"}', "demo-a @ https://e.org/a"),
        (
            '{"url": "ssh://git@e.org/a", "vcs_info": {"vcs": "git", "commit_id": "c"}}',
            "demo-a @ git+ssh://git@e.org/a@c",
        ),
        ('{"url": "file:///a\\n--index-url https://evil.org"}', "# demo-a: its record of pip has no usable origin"),
        ('{"url": "file:///a\\u001b[31m"}', "# demo-a: its record of pip has no usable origin"),
        ('{"url": "https://u:p@[bad/a"}', "# demo-a: its record of pip cannot be read"),
        ('{"url": "https://e.org/a", "vcs_info": {}}', "# demo-a: its record of pip cannot be read"),
        ("[1]", "# demo-a: its record of pip cannot be read"),
        ("{", "# demo-a: its record of pip cannot be read"),
    ],
)
def test_a_requirement_has_no_secret_and_no_second_line(site, tmp_path, origin, line):
    from demo_listings.requirements import requirement

    site("demo-a", "a_plugin", "")
    (tmp_path / "demo_a-1.0.dist-info" / "direct_url.json").write_text(origin)
    assert requirement("demo-a") == line
    assert requirement("demo-z") == "# demo-z: its record of pip cannot be read"
