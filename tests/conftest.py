"""Fixtures that all tests share. Real files and real processes throughout."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from fork_server import ForkServer

ROOT = Path(__file__).parent.parent
# Tests say what is on the command line; a user's own settings must not.
for name in [n for n in os.environ if n.startswith("DEMO_") and n not in ("DEMO_TEST_DATA", "DEMO_CHROMIUM")]:
    del os.environ[name]
# Two workers share two cores: threads that wait for each other make everything slower
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The same on a machine with a GPU; tests that need one ask for it
os.environ["DEMO_DEVICE"] = "cpu"
# A shell lets what it starts in the background ignore Ctrl-C, and so would every process that a test interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)
# Nor must plugins that happen to be installed beside it.
os.environ["DEMO_LOAD_PLUGINS"] = ""


def pytest_collection_modifyitems(items):
    """What looks at the quickstart comes last: it is made beside all other tests."""
    items.sort(key=lambda item: "quickstart" in item.fixturenames)


class Quickstart:
    """A quickstart, begun in a process beside the tests, once for all workers of pytest-xdist."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self._process = folder, None
        try:
            folder.mkdir()
        except FileExistsError:  # another worker has begun it
            return
        line = [sys.executable, "-m", "demo_core", "quickstart", *options, "-o", "q"]
        code = "import subprocess, sys; print(subprocess.call(sys.argv[2:]), file=open(sys.argv[1] + '.new', 'w'))"
        code += "; import os; os.replace(sys.argv[1] + '.new', sys.argv[1])"
        # one thread, so that the tests beside it have the other core
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self._of("out").open("w") as stdout, self._of("err").open("w") as stderr:
            command = [sys.executable, "-c", code, str(self._of("code")), *line]
            self._process = subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=stderr, env=env)

    def _of(self, name: str) -> Path:
        return self.folder.with_suffix(f".{name}")

    def result(self) -> tuple[Path, subprocess.CompletedProcess]:
        """Its folder, and its finished process."""
        deadline = time.monotonic() + 900
        while not self._of("code").exists():
            assert time.monotonic() < deadline, "the quickstart did not end"
            time.sleep(0.1)
        code, out, err = (self._of(name).read_text() for name in ("code", "out", "err"))
        return self.folder, subprocess.CompletedProcess(["demo", "quickstart"], int(code), out, err)

    def end(self) -> None:
        """Stop it, if this worker began it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session", autouse=True)
def quickstart_begun(request, tmp_path_factory):
    """The small quickstart, as a newcomer types it, from the start of the session on; and the full one where needed."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    wanted = {name for item in request.session.items for name in item.fixturenames}
    options = {"quickstart": ("--small",), "full_quickstart": ()}
    begun = {name: Quickstart(base / name, *options[name]) for name in options if name in wanted}
    yield begun
    for one in begun.values():
        one.end()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real ChIP-seq data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("DEMO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "encode").is_dir():
        pytest.skip(f"no real ChIP-seq data in {folder}: point DEMO_TEST_DATA to it")
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A new folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def demo(tmp_path, capsys):
    """Run a command line in this process; returns exit code, stdout and stderr."""
    from demo_core.cli import run

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return int(code), out, err

    return call


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Installs distributions: a module and its metadata, as pip would lay them."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution: str, module: str, code: str, entry_point: str | None = None, target: str = "",
                about: str = "") -> None:  # fmt: skip
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{about}")
        (info / "entry_points.txt").write_text(f"[demo_core]\n{entry_point or module} = {target or module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    yield install
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture(scope="session")
def demo_process(tmp_path_factory):
    """Run a command line in a process of its own, which finds torch imported."""
    server = ForkServer(tmp_path_factory.mktemp("processes"))

    def call(*arguments: object, env: dict[str, str] | None = None, cwd: object = None):
        return server.run([str(a) for a in arguments], {**os.environ, **(env or {})}, cwd)

    yield call
    server.close()


@pytest.fixture(scope="session")
def quickstart(quickstart_begun):
    """The finished small quickstart: its folder, and its process."""
    return quickstart_begun["quickstart"].result()


@pytest.fixture(scope="session")
def full_quickstart(quickstart_begun):
    """The finished quickstart: its folder, and its process."""
    return quickstart_begun["full_quickstart"].result()


@pytest.fixture(scope="session")
def browser():
    """A real Chromium: the one that DEMO_CHROMIUM names, or the one that is installed. CI must have one."""
    names = [os.environ.get("DEMO_CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))]
    path = next((name for name in names if name), None)
    if path is None and os.environ.get("CI"):
        pytest.fail("there is no Chromium: install Debian's package chromium")
    if path is None:
        pytest.skip("there is no Chromium to look at pages with: install one, or name it with DEMO_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # a container's root has no sandbox to give
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def registry():
    """What the installed plugins register."""
    from demo_core.plugins.discovery import discover

    return discover(environ={"DEMO_LOAD_PLUGINS": ""}).registry


@pytest.fixture(scope="session")
def trained(tmp_path_factory, registry):
    """A dataset file and two small model folders, untrained."""
    from demo_core.testing import tiny_dataset, tiny_model

    folder = tmp_path_factory.mktemp("trained")
    tiny_dataset(48).save(folder / "data.h5")
    tiny_model(registry=registry).save(folder / "one")
    tiny_model(registry=registry, seed=1).save(folder / "two")
    tiny_model(registry=registry, targets=("bound", "open")).save(folder / "several")
    return folder
