import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from demo_motifs import compiling, databases
from demo_motifs.tomtom import compare

from demo_core.errors import DemoError, UsageProblem
from demo_core.sequences.motif import format_meme, read_meme

pytest.importorskip("pyjaspar", reason="needs the extra motifs")


@pytest.fixture(scope="module")
def jaspar():
    return databases.load(["jaspar"])


def test_jaspar_is_counts_of_vertebrates(jaspar):
    assert {one.source for one in jaspar} == {"JASPAR2024"}
    assert {one.taxon for one in jaspar} == {"vertebrates"}
    (ctcf,) = databases.named(jaspar, "MA0139.2")
    assert len(ctcf.motif) == 15
    counts = ctcf.motif.pfm()
    assert counts.min() >= 0
    assert counts.sum(axis=0) == pytest.approx(ctcf.motif.sites, rel=0.01)
    assert ctcf.motif.ppm.sum(axis=0) == pytest.approx(1)
    assert ctcf.family == "More than 3 adjacent zinc fingers"


def test_releases_and_groups():
    assert databases.releases()[0] > "2024"
    assert "2016" in databases.releases()
    old = databases.load(["jaspar2016"], "plants")
    assert {one.source for one in old} == {"JASPAR2016"}
    assert {one.taxon for one in old} == {"plants"}
    assert len(databases.load(["jaspar"], "all")) > len(databases.load(["jaspar"], "insects"))
    with pytest.raises(UsageProblem, match="unknown release of JASPAR '2023'"):
        databases.load(["jaspar2023"])
    with pytest.raises(UsageProblem, match="vertebrates"):
        databases.load(["jaspar"], "vertebrate")
    with pytest.raises(UsageProblem, match="neither a file nor a JASPAR release"):
        databases.load(["hocomoco"])


def test_names(jaspar):
    ids = lambda name: [one.motif.id.partition(".")[0] for one in databases.named(jaspar, name)]  # noqa: E731
    assert ids("ctcf") == ["MA0139", "MA1929", "MA1930"]
    assert ids("MA0139") == ["MA0139"]
    assert ids("ARID3A") == ["MA0151"]  # JASPAR spells it Arid3a
    assert "MA0140" in ids("TAL1")  # only within GATA1::TAL1
    with pytest.raises(UsageProblem, match="did you mean 'CTCF'"):
        databases.named(jaspar, "CTCG")


def test_files_and_releases_together(tmp_path, jaspar):
    path = tmp_path / "mine.meme"
    path.write_text(format_meme([jaspar[3].motif, jaspar[5].motif]))
    both = databases.load([str(path), "jaspar"])
    assert len(both) == len(jaspar)  # of equal ids, the first is used
    assert [one.source for one in both[:3]] == ["mine.meme", "mine.meme", "JASPAR2024"]
    assert both[0].motif.ppm == pytest.approx(jaspar[3].motif.ppm, abs=1e-5)
    path.write_text(format_meme([jaspar[3].motif, jaspar[3].motif]))
    with pytest.raises(DemoError, match="more than once"):
        databases.load([str(path)])


def test_tomtom_finds_a_motif_itself_on_either_strand(jaspar):
    told = []
    some = [one.motif.ppm for one in jaspar[:40:8]]
    turned = [p[::-1, ::-1] for p in some]
    found = compare([*some, *turned], jaspar, told.append)
    for row in range(10):
        own = row % 5 * 8
        assert found.p[row].argmin() == own or found.p[row, own] < 1e-8
        assert found.strand[row, own] == (1 if row < 5 else -1)
        assert found.offset[row, own] == 0
        assert found.overlap[row, own] == len(jaspar[own].motif)
        assert found.e[row] == pytest.approx(found.p[row] * len(jaspar))
    part = jaspar[0].motif.ppm[:, 1:]
    assert compare([part], jaspar, told.append).offset[0, 0] == 1
    with pytest.raises(DemoError, match="at least 25"):
        compare(some, jaspar[:10], told.append)


def test_compiling_is_said_once_and_kept_where_the_user_can_write(tmp_path, monkeypatch):
    told = []
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    for _ in range(2):
        assert compiling.call_compiled("Tomtom", ("memelite",), lambda: 7, told.append) == 7
    assert len(told) == 1
    assert "about a minute" in told[0]
    assert str(tmp_path / "cache") in told[0]


def test_the_cache_has_a_place_without_a_home(tmp_path):
    """Run in a separate process: the module decides before numba is imported."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".cache").write_text("a file, so that no folder can be made in it")
    code = "from demo_motifs.compiling import cache_folder; print(cache_folder())"
    env = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    env |= {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / "deep-motif-dashboard-numba-"))


def test_db_lists_and_exports(tmp_path, demo):
    code, out, err = demo("motifs", "db", "GABPA", "--json")
    assert code == 0, err
    (row,) = json.loads(out)
    assert (row["id"], row["width"], row["consensus"]) == ("MA0062.4", 10, "CACTTCCTGT")
    assert demo("motifs", "db", "CTCF", "rest", "-o", tmp_path / "two.meme")[0] == 0
    assert [m.name for m in read_meme(tmp_path / "two.meme")] == ["CTCF", "CTCF", "CTCF", "REST"]
    code, _, err = demo("motifs", "db", "CTCF", "-o", tmp_path / "two.meme")
    assert (code, "already exists" in err) == (1, True)
    assert "jaspar2016" in demo("motifs", "db", "--releases")[1]
    code, _, err = demo("motifs", "db", "nothing")
    assert (code, "unknown motif" in err) == (2, True)
    assert demo("motifs", "db", "--taxon", "fungi", "--json")[0] == 0


def test_listing_commands_imports_nothing_heavy():
    code = "import sys; from demo_motifs.commands import motifs; import click; " + (
        "motifs.main(['--help'], standalone_mode=False); "
        "print([m for m in ('numpy', 'torch', 'numba', 'memelite', 'pyjaspar') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "dependencies" in done.stdout


def test_probabilities_that_are_gaps_are_even():
    record = SimpleNamespace(
        counts={letter: [0, 2] for letter in "ACGT"}, matrix_id="X", name="x", tf_family=None, tax_group=None
    )
    assert np.array_equal(databases._known(record, "x").motif.ppm, np.full((4, 2), 0.25))


def test_a_cache_that_others_could_change_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    own = tmp_path / "deep-motif-dashboard" / "numba"
    assert compiling.cache_folder() == own
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    own.chmod(0o777)
    monkeypatch.setattr(compiling.tempfile, "gettempdir", lambda: str(tmp_path))
    assert compiling.cache_folder() == tmp_path / f"deep-motif-dashboard-numba-{os.getuid()}"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    own.rmdir()
    own.symlink_to(tmp_path, target_is_directory=True)
    assert compiling.cache_folder() != own
    monkeypatch.delenv("NUMBA_CACHE_DIR")
