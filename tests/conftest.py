"""Shared fixtures. They use real files and real processes."""

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
# Tests set options on the command line; settings of the user must not interfere.
for name in [n for n in os.environ if n.startswith("DEMO_") and n not in ("DEMO_TEST_DATA", "DEMO_CHROMIUM")]:
    del os.environ[name]
# Two workers share two cores; more threads would wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Same results on machines with a GPU; GPU tests request it explicitly
os.environ["DEMO_DEVICE"] = "cpu"
# Shells make background processes ignore Ctrl-C, which interrupted test processes would inherit
signal.signal(signal.SIGINT, signal.default_int_handler)
# Installed third-party plugins must not interfere either.
os.environ["DEMO_LOAD_PLUGINS"] = ""


def pytest_collection_modifyitems(items):
    """Run tests of the quickstart last: it is computed while the other tests run."""
    items.sort(key=lambda item: "quickstart" in item.fixturenames)


class Quickstart:
    """A quickstart in a background process, started once for all workers of pytest-xdist."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self._process = folder, None
        try:
            folder.mkdir()
        except FileExistsError:  # another worker has started it
            return
        line = [sys.executable, "-m", "demo_core", "quickstart", *options, "-o", "q"]
        code = "import subprocess, sys; print(subprocess.call(sys.argv[2:]), file=open(sys.argv[1] + '.new', 'w'))"
        code += "; import os; os.replace(sys.argv[1] + '.new', sys.argv[1])"
        # one thread, which leaves the other core to the tests
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self._of("out").open("w") as stdout, self._of("err").open("w") as stderr:
            command = [sys.executable, "-c", code, str(self._of("code")), *line]
            self._process = subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=stderr, env=env)

    def _of(self, name: str) -> Path:
        return self.folder.with_suffix(f".{name}")

    def result(self) -> tuple[Path, subprocess.CompletedProcess]:
        """Wait for the process. Returns the folder and the finished process."""
        deadline = time.monotonic() + 900
        while not self._of("code").exists():
            assert time.monotonic() < deadline, "the quickstart did not end"
            time.sleep(0.1)
        code, out, err = (self._of(name).read_text() for name in ("code", "out", "err"))
        return self.folder, subprocess.CompletedProcess(["demo", "quickstart"], int(code), out, err)

    def end(self) -> None:
        """Stop the process if this worker started it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session", autouse=True)
def quickstart_begun(request, tmp_path_factory):
    """Start the small quickstart at the beginning of the session, and the full one if a test needs it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    wanted = {name for item in request.session.items for name in item.fixturenames}
    if any(item.get_closest_marker("full") for item in request.session.items):
        wanted.add("full_quickstart")  # some full tests request it only when they run
    options = {"quickstart": ("--small",), "full_quickstart": ()}
    begun = {name: Quickstart(base / name, *options[name]) for name in options if name in wanted}
    yield begun
    for one in begun.values():
        one.end()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real ChIP-seq data. Skips the test if it is missing."""
    folder = Path(os.environ.get("DEMO_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "encode").is_dir():
        pytest.skip(f"no real ChIP-seq data in {folder}: point DEMO_TEST_DATA to it")
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a new folder and make it the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def demo(tmp_path, capsys):
    """Run a command line in this process. Returns exit code, stdout and stderr."""
    from demo_core.cli import run

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return int(code), out, err

    return call


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Install distributions: a module and the metadata that pip would write."""
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
    """Run a command line in a separate process with torch already imported."""
    server = ForkServer(tmp_path_factory.mktemp("processes"))

    def call(*arguments: object, env: dict[str, str] | None = None, cwd: object = None):
        return server.run([str(a) for a in arguments], {**os.environ, **(env or {})}, cwd)

    yield call
    server.close()


@pytest.fixture(scope="session")
def quickstart(quickstart_begun):
    """Return the folder and the process of the finished small quickstart."""
    return quickstart_begun["quickstart"].result()


@pytest.fixture(scope="session")
def full_quickstart(quickstart_begun):
    """Return the folder and the process of the finished full quickstart."""
    return quickstart_begun["full_quickstart"].result()


@pytest.fixture(scope="session")
def browser():
    """Return the path of Chromium: DEMO_CHROMIUM, or the installed one. CI must have one."""
    names = [os.environ.get("DEMO_CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))]
    path = next((name for name in names if name), None)
    if path is None and os.environ.get("CI"):
        pytest.fail("Chromium is missing: install Debian's package chromium")
    if path is None:
        pytest.skip("Chromium is missing: install it, or set DEMO_CHROMIUM to its path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # root in a container has no sandbox
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def registry():
    """Return the registry of installed plugins."""
    from demo_core.plugins.discovery import discover

    return discover(environ={"DEMO_LOAD_PLUGINS": ""}).registry


@pytest.fixture(scope="session")
def trained(tmp_path_factory, registry):
    """Return a dataset file and the folders of two small untrained models."""
    from demo_core.testing import tiny_dataset, tiny_model

    folder = tmp_path_factory.mktemp("trained")
    tiny_dataset(48).save(folder / "data.h5")
    tiny_model(registry=registry).save(folder / "one")
    tiny_model(registry=registry, seed=1).save(folder / "two")
    tiny_model(registry=registry, targets=("bound", "open")).save(folder / "several")
    return folder
