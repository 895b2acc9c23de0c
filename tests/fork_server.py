"""Server that forks a process with torch already imported for each command line.

Each command is a real process with its own environment, folder, streams and exit code. Importing torch takes two
seconds, which are spent only once. Not for tests of imports, signals and launchers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path


class ForkServer:
    """Starts with the first command line and stops with ``close``."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._server: subprocess.Popen[str] | None = None

    def run(self, arguments: list[str], env: dict[str, str], cwd: object) -> subprocess.CompletedProcess[str]:
        """Run ``demo ARGUMENTS`` and wait for it."""
        if self._server is None:
            command = [sys.executable, __file__]
            self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._count += 1
        out, err = (str(self._folder / f"{self._count}.{name}") for name in ("out", "err"))
        request = {"arguments": arguments, "env": env, "cwd": str(cwd or Path.cwd()), "out": out, "err": err}
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        said = [Path(path).read_text(errors="backslashreplace") for path in (out, err)]
        return subprocess.CompletedProcess(["demo", *arguments], code, *said)

    def close(self) -> None:
        """Stop the server."""
        if self._server is not None and self._server.stdin is not None:
            self._server.communicate()


def serve() -> None:
    """Fork a process for each line of stdin, one at a time, and answer with its exit code."""
    import h5py  # noqa: F401 - what nearly every command needs
    import numpy  # noqa: F401
    import torch  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(request: dict[str, object]) -> None:
    """Run the command in the forked process."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(str(request[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.environ.clear()
        os.environ.update(request["env"])  # type: ignore[call-overload]
        os.chdir(str(request["cwd"]))
        sys.argv = ["demo", *request["arguments"]]  # type: ignore[misc]
        sys.path[0:1] = ["", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        from demo_core.__main__ import main

        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
